import { randomUUID } from "node:crypto";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { CompiledSensor } from "../events/sensor/compile.ts";
import type { AppliedReport } from "../events/trial/apply-replay.ts";
import type { ReplayReport, ReplayWindow } from "../events/trial/replay.ts";
import type { ReplayLine } from "../server/replay-routes.ts";
import { confirm } from "./confirm.ts";
import { type EngineClient, findEngine, type GlobalFlags, globalFlags, requireEngine } from "./engine-client.ts";
import { knownCode } from "./exit.ts";
import { print } from "./output.ts";
import { appliedText, counted, replayText } from "./replay-text.ts";
import { readSensor, type SensorFile } from "./sensor/sensor-file.ts";
import { withStoredBus } from "./stored-bus.ts";
import { timeOf } from "./time-flag.ts";

interface Flags {
  readonly sensor: string;
  readonly since: string;
  readonly until?: string;
  readonly eventSource?: readonly string[];
  readonly limit: number;
  readonly exitCode: boolean;
  readonly apply: boolean;
  readonly yes: boolean;
  readonly id?: string;
}

/** `tiphys replay --sensor FILE --since T`: dry, unless `--apply`. */
export function replayCommand(): Command {
  return new Command("replay")
    .description(
      "Stored events through a Sensor: what would fire, and what of that is new or gone against what the ledger says.\n" +
        "Changes nothing, unless --apply.",
    )
    .requiredOption("--sensor <file>", "the candidate; FILE#NAME where a file holds several Sensors")
    .requiredOption("--since <time>", "stored since then: a time such as 2026-01-31T10:00:00Z, or 90m, 24h, 7d ago")
    .option("--until <time>", "stored until then (default: now)")
    .option("--event-source <name...>", "only events of these EventSources")
    .option("--limit <n>", "how many differences are shown (0 to 1000)", parseLimit, 20)
    .option("--exit-code", "exit with 1 when a firing is new or gone", false)
    .option("--apply", "make the effects, under keys of their own, on a running engine", false)
    .option("--yes", "with --apply: do not ask", false)
    .option("--id <id>", "with --apply: go on with the replay of this id")
    .action(async (flags: Flags, self: Command) => {
      const [path = "", name] = flags.sensor.split("#");
      const file = readSensor(path, name);
      const window = windowOf(flags);
      if (flags.apply) await applyAfterAsking({ file, window, flags }, globalFlags(self));
      else await showDry({ file, window, flags }, globalFlags(self));
    });
}

interface Asked {
  readonly file: SensorFile;
  readonly window: ReplayWindow;
  readonly flags: Flags;
}

async function showDry({ file, window, flags }: Asked, global: GlobalFlags): Promise<void> {
  const engine = findEngine(global);
  const report = engine ? await dryOn(engine, file, window) : await dryStored(global.dataDir, file.compiled, window);
  print(global, report, { text: (all) => replayText(all, flags.limit) });
  const { added, removed } = report.compared;
  if (flags.exitCode && added.count + removed.count > 0) process.exitCode = 1;
}

async function dryOn(engine: EngineClient, { object }: SensorFile, window: ReplayWindow): Promise<ReplayReport> {
  const answer = await lastLine(engine, { sensor: object, ...window });
  if ("report" in answer) return answer.report;
  throw new EngineError("ENGINE_UNREACHABLE", `the engine at ${engine.url} ended before it answered`);
}

/** Without an engine: what the data directory holds, under its lock. */
async function dryStored(dataDir: string, compiled: CompiledSensor, window: ReplayWindow): Promise<ReplayReport> {
  const { replay } = await import("../events/trial/replay.ts");
  const { eventSubject } = await import("../record/subject.ts");
  return withStoredBus(dataDir, ({ bus }) => {
    const from = { name: "system", bus, stream: "events", subjectOf: eventSubject };
    const { signal } = new AbortController(); // Ctrl-C ends the process: nothing is written
    return replay(compiled, { from, ledger: bus, window }, { signal });
  });
}

async function applyAfterAsking({ file, window, flags }: Asked, global: GlobalFlags): Promise<void> {
  const engine = requireEngine(global);
  if (!flags.yes) {
    const { fires, events } = await dryOn(engine, file, window);
    const all = Object.values(fires).reduce((sum, count) => sum + count, 0);
    const triggers = Object.entries(fires).map(([trigger, count]) => `${trigger} ${count}`);
    const statement = `${counted(all, "effect")} of ${counted(events, "event")} will be made again: ${triggers.join(", ")}`;
    await confirm({
      subject: "making effects again",
      statement,
      declined: "nothing was done",
      assumeYes: false,
      input: process.stdin,
      output: process.stderr,
    });
  }
  const id = flags.id ?? randomUUID().slice(0, 8);
  process.stderr.write(`replay ${id}: --id ${id} goes on with it, should it be stopped\n`);
  const answer = await lastLine(engine, { sensor: file.object, ...window, apply: true, id });
  if (!("applied" in answer)) {
    throw new EngineError("ENGINE_UNREACHABLE", `the engine at ${engine.url} ended before it answered`);
  }
  print<AppliedReport>(global, answer.applied, { text: appliedText, name: (applied) => applied.id });
  if (answer.applied.dead + answer.applied.errors > 0) process.exitCode = 1;
}

/** Progress goes by; what comes last counts. @throws EngineError that the engine answers with */
async function lastLine(engine: EngineClient, body: object): Promise<ReplayLine> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("interrupted")));
  let last: ReplayLine = { progress: { events: 0, at: 0 } };
  for await (const line of engine.lines<ReplayLine>("/replay", body, stop.signal)) last = line;
  if ("error" in last) throw new EngineError(knownCode(last.code) ?? "ENGINE_UNREACHABLE", last.error);
  return last;
}

function windowOf({ since, until, eventSource }: Flags): ReplayWindow {
  const now = systemClock.now();
  const window = {
    sinceMs: timeOf(since, "--since", now),
    untilMs: until === undefined ? now : timeOf(until, "--until", now),
    ...(eventSource === undefined ? {} : { eventSources: eventSource }),
  };
  if (window.sinceMs <= window.untilMs) return window;
  throw new EngineError("USAGE", `--since ${since} lies after --until ${until ?? "now"}`);
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d{1,4}$/.test(text) && limit <= 1_000) return limit;
  throw new InvalidArgumentError(`"${text}" must be 0 to 1000.`);
}
