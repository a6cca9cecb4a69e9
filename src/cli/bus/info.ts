import { systemClock } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { createLogger } from "../../base/log.ts";
import type { BusUsage, StreamUsage } from "../../events/bus/bus.ts";
import { findEngine, type GlobalFlags } from "../engine-client.ts";
import { shownTime, table } from "../output.ts";
import { withStoredBus } from "../stored-bus.ts";
import { parseBusUrl } from "./address.ts";
import { shownBytes } from "./bytes.ts";
import type { TlsAccess } from "./tls.ts";

/** Streams of one account that are shown. */
const maxStreams = 1_000;

/**
 * What is on a bus: of the NATS at `url` every stream of the account; without a URL the buses of the running engine, or,
 * with none running, what is stored in the data directory.
 * @throws EngineError BUS_UNAVAILABLE, BUS_UNSUPPORTED, ENGINE_UNREACHABLE
 */
export async function readBuses(
  url: string | undefined,
  tls: TlsAccess,
  flags: GlobalFlags,
): Promise<readonly BusUsage[]> {
  if (url !== undefined) return [await readNats(url, tls)];
  const engine = findEngine(flags);
  if (engine) return (await engine.get<{ buses: BusUsage[] }>("/bus")).buses;
  return [await readStored(flags.dataDir)];
}

async function readNats(url: string, tls: TlsAccess): Promise<BusUsage> {
  const { servers } = parseBusUrl(url);
  const { openConnection } = await import("../../events/bus/jetstream-connection.ts");
  const { readUsage } = await import("../../events/bus/jetstream-usage.ts");
  await using connection = await openConnection({
    servers: url,
    name: "tiphys bus info",
    log: createLogger("error"),
    clock: systemClock,
    ...(Object.keys(tls).length === 0 ? {} : { credentials: async () => ({ tls }) }),
  });
  const streams: StreamUsage[] = [];
  try {
    for await (const name of connection.jsm.streams.names()) {
      streams.push(await readUsage(connection.jsm, name));
      if (streams.length >= maxStreams) break;
    }
  } catch (error) {
    throw new EngineError("BUS_UNAVAILABLE", `the streams cannot be read: ${messageOf(error)}`, error);
  }
  return { name: servers.map(({ text }) => text).join(","), streams };
}

function readStored(dataDir: string): Promise<BusUsage> {
  return withStoredBus(dataDir, async ({ bus }) => ({ name: "system", streams: await bus.usage() }));
}

export function busesText(buses: readonly BusUsage[]): string {
  return buses.map(busText).join("\n\n");
}

function busText({ name, streams, reader, error }: BusUsage): string {
  if (error !== undefined) return `bus ${name}\n${error}`;
  const header = ["STREAM", "MESSAGES", "BYTES", "FIRST", "LAST", "OLDEST", "NEWEST"];
  const rows = streams.map((stream) => [
    stream.name,
    String(stream.messages),
    shownBytes(stream.bytes),
    String(stream.oldest?.sequence ?? "-"),
    String(stream.last),
    stream.oldest ? shownTime(stream.oldest.storedAt) : "-",
    stream.newest ? shownTime(stream.newest.storedAt) : "-",
  ]);
  return [
    `bus ${name}`,
    streams.length === 0 ? "no streams" : table(header, rows),
    ...(reader ? [`the engine's reader of "${reader.stream}" is ${reader.lag} messages behind`] : []),
    ...consumersText(streams),
  ].join("\n");
}

function consumersText(streams: readonly StreamUsage[]): readonly string[] {
  const rows = streams.flatMap(({ name, consumers }) =>
    consumers.map((one) => [name, one.name, String(one.pending), String(one.unacknowledged)]),
  );
  return rows.length === 0 ? [] : [table(["STREAM", "CONSUMER", "PENDING", "UNACKNOWLEDGED"], rows)];
}
