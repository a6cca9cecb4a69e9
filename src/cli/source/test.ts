import { Command } from "commander";
import { parseEventSource } from "../../api/event-source.ts";
import type { EventSource } from "../../api/resources.ts";
import { EngineError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import type { Ingress } from "../../events/sources/ingress.ts";
import type { AnySourceKind } from "../../events/sources/registry.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { type AdapterFlags, withAdapterFlags } from "../adapter-flags.ts";
import { collected, parsePause } from "../app/options.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { parseLimit, parsePort } from "../flag-values.ts";
import { colored, print } from "../output.ts";
import { chooseManifest, placed, readPlaced, withPlaces } from "../sensor/sensor-file.ts";
import { readObjects } from "./declared-secrets.ts";
import { type TriedEvent, tryEvents } from "./trial.ts";

export interface SourceTestFlags extends AdapterFlags {
  readonly event: readonly string[];
  readonly count: number;
  /** Milliseconds. */
  readonly for: number;
  readonly take: boolean;
  readonly objects: readonly string[];
  readonly kubeconfig?: string;
  readonly fileRoot: string;
  readonly ingressPort: number;
}

/** `tiphys source test FILE`: an EventSource as an engine would run it, without engine or bus. */
export function testCommand(): Command {
  const command = new Command("test")
    .description(
      "Run an EventSource for a moment, and print the events that come: no engine, no bus.\n" +
        "It connects as an engine would. Messages are left where they are (see --take), hooks at services too;\n" +
        "HTTP events are served on a loopback port, calendars do not wait.\n" +
        "Exit code: 0 every event came, 1 some did not or the file is not valid, 2 something cannot be read.",
    )
    .argument("<file>", "a manifest; FILE#NAME where a file holds several EventSources")
    .option("--event <name>", "this event alone; may be repeated", collected, [])
    .option("--count <n>", "how often each event must come (1 to 1000)", parseLimit, 1)
    .option("--for <duration>", "how long it may take (default: 30s)", parsePause, 30_000)
    .option("--take", "acknowledge what came: it is gone for others", false)
    .option("--objects <file|dir>", "Secrets and ConfigMaps that it names (repeatable)", collected, [])
    .option("--kubeconfig <file>", "the cluster of `resource` events, and of Secrets that no file has")
    .option("--file-root <dir>", "where `file` events look", ".")
    .option("--ingress-port <port>", "where HTTP events are served; 0 takes any free port", parsePort, 0);
  return withAdapterFlags(command).action(async (file: string, flags: SourceTestFlags, self: Command) => {
    const results = await trySource(file, flags, globalFlags(self));
    print(globalFlags(self), results, { text: resultText, name: (all) => all.map(({ event }) => event).join("\n") });
    if (results.some(({ came }) => came.length < flags.count)) process.exitCode = 1;
  });
}

/** What each event came to; people are told as it comes. @throws EngineError MANIFEST_UNREADABLE, MANIFEST_INVALID, USAGE */
export async function trySource(
  file: string,
  flags: SourceTestFlags,
  global: Pick<GlobalFlags, "output">,
): Promise<readonly TriedEvent[]> {
  await using stack = new AsyncDisposableStack();
  const [{ openKinds }, { openDeps }] = await Promise.all([import("../../engine/kinds.ts"), import("./open-deps.ts")]);
  const kinds = await openKinds(flags.adapter, silentLogger);
  const [problem] = kinds.problems;
  if (problem !== undefined) throw new EngineError("USAGE", `--adapter: ${problem}`);
  const [path = "", name] = file.split("#");
  const manifests = readPlaced(path);
  const manifest = chooseManifest(manifests, path, "EventSource", name);
  const { resource } = withPlaces(
    (at) => placed(manifest, at),
    () => parseEventSource(manifest.object, kinds.schemas.sources),
  );
  const eventSource = chosenEvents(resource, flags.event);
  const objects = [...manifests.map(({ object }) => object), ...(await readObjects(flags.objects))];
  const deps = await openDeps({ eventSource, flags, objects }, stack);
  tellWhere(eventSource, kinds.sources, deps.ingress);
  const isText = global.output === "text" || global.output === "wide";
  using ends = endsAfter(flags.for);
  return await tryEvents(
    { eventSource, count: flags.count, takes: flags.take },
    {
      ...deps,
      kinds: kinds.sources,
      onEvent: (event, came) => void (isText && process.stdout.write(eventText(event, came))),
      onNote: (event, note) => void process.stderr.write(`${event}: ${note}\n`),
    },
    ends.signal,
  );
}

/** Ctrl-C ends it, too: what came by then is told. */
function endsAfter(ms: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const end = (): void => controller.abort();
  const timer = setTimeout(end, ms);
  process.once("SIGINT", end).once("SIGTERM", end);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      process.off("SIGINT", end).off("SIGTERM", end);
    },
  };
}

/** @throws EngineError USAGE for one that it does not have */
function chosenEvents(eventSource: EventSource, names: readonly string[]): EventSource {
  const { events } = eventSource;
  const known = events.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new EngineError("USAGE", `--event: "${unknown}" is no event of it: it has ${known.join(", ") || "none"}`);
  }
  if (events.length === 0) throw new EngineError("USAGE", "the EventSource has no events");
  return names.length === 0
    ? eventSource
    : { ...eventSource, events: events.filter(({ name }) => names.includes(name)) };
}

/** On standard error: who pipes what comes still sees where to send it. */
function tellWhere(
  { metadata, events }: EventSource,
  kinds: Readonly<Record<string, AnySourceKind>>,
  ingress: Ingress,
): void {
  for (const { kind, name } of events) {
    if (!kinds[kind]?.http) continue;
    process.stderr.write(`${name}: waits for requests at ${ingress.url}${ingress.pathOf(metadata, name)}\n`);
  }
}

function eventText(event: string, { id, type, time, data }: CloudEvent): string {
  return `${colored("bold", event)} ${time ?? ""}: ${type}, id ${id}\n${JSON.stringify(data, null, 2)}\n`;
}

/** What came was printed as it came. */
function resultText(results: readonly TriedEvent[]): string {
  const lines = results.map(({ event, came, problem }) => {
    const times = came.length === 1 ? "came once" : came.length === 0 ? "did not come" : `came ${came.length} times`;
    return `${event} ${colored(came.length === 0 ? "red" : "green", times)}${problem === undefined ? "" : `: ${problem}`}`;
  });
  return lines.join("\n");
}
