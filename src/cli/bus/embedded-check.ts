import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { EngineError, messageOf, remedyOf } from "../../base/errors.ts";
import { createLogger } from "../../base/log.ts";
import type { BusUsage } from "../../events/bus/bus.ts";
import { findEngine, type GlobalFlags } from "../engine-client.ts";
import { type Finding, failed, ok } from "./finding.ts";

/** A few seconds of work for any engine. */
const farBehind = 10_000;

/**
 * Without a URL: the buses of the engine that runs; with none, the file in the data directory.
 * @throws EngineError USAGE when there is neither
 */
export async function checkOwnBuses(flags: GlobalFlags): Promise<readonly Finding[]> {
  const engine = findEngine(flags);
  if (engine) return (await engine.get<{ buses: BusUsage[] }>("/bus")).buses.map(engineFinding);
  if (existsSync(join(flags.dataDir, "bus.db"))) return checkStored(flags.dataDir);
  const message = `no engine runs on "${flags.dataDir}", and nothing is stored there: give the URL of a bus`;
  throw new EngineError("USAGE", message);
}

function engineFinding({ name, streams, reader, error }: BusUsage): Finding {
  if (error !== undefined) {
    const remedy = "Run `tiphys bus check` with its URL; the engine connects again by itself.";
    return failed("engine", `bus ${name} does not answer: ${error}`, remedy);
  }
  const lag = reader?.lag ?? 0;
  const message = `bus ${name} answers: ${streams.length} streams, the reader is ${lag} messages behind`;
  if (lag < farBehind) return ok("engine", message);
  const remedy = "Ask again: if the number grows, events come faster than they are read.";
  return { step: "engine", outcome: "warning", message, remedy };
}

/** Opens the file as an engine does, and stores, reads and removes a value. */
async function checkStored(dataDir: string): Promise<readonly Finding[]> {
  const { openDataDir } = await import("../../local/data-dir.ts");
  const { openSqliteBus } = await import("../../events/bus/sqlite.ts");
  const { systemStreams } = await import("../../events/bus/streams.ts");
  try {
    using dir = openDataDir(dataDir);
    const log = createLogger("error");
    await using bus = await openSqliteBus({ path: dir.file("bus.db"), streams: systemStreams(), log });
    const streams = await bus.usage();
    const opened = ok("data", `"${dataDir}" holds a bus of ${streams.length} streams; no engine runs on it`);
    const state = bus.state("check");
    const sent = randomBytes(64);
    await state.put("round-trip", sent);
    const read = await state.get("round-trip");
    await state.delete("round-trip");
    const isSame = sent.equals(read?.value ?? Buffer.alloc(0));
    const broken = failed("round trip", "what was read is not what was stored", "Check the disk.");
    return [opened, isSame ? ok("round trip", "a value was stored, read and removed") : broken];
  } catch (error) {
    return [failed("data", messageOf(error), remedyOf(error) ?? "Check the file and the disk.")];
  }
}
