import { hostname } from "node:os";
import type { EventBusResource } from "../api/resources.ts";
import type { BusHandle } from "../controllers/bus-directory.ts";
import { relayEvents } from "../controllers/bus-relay.ts";
import { argoSubject, parseArgoSubject, readExotic, readNative } from "../controllers/exotic-bus.ts";
import { readNativeBus } from "../controllers/native-bus/native-bus.ts";
import { createSecretReader } from "../controllers/secret-reader.ts";
import type { EventBus, StoredMessage, StreamSpec } from "../events/bus/bus.ts";
import { openSqliteBus } from "../events/bus/sqlite.ts";
import { argoStream, systemStreams } from "../events/bus/streams.ts";
import { parseSystemSubject } from "../events/sensor/arrival.ts";
import { createEventReader } from "../events/sensor/reader.ts";
import type { Ledger } from "../record/records.ts";
import { eventSubject, rawSubject } from "../record/subject.ts";
import type { Base, Parts } from "./parts.ts";

export async function openSystemBus({ config, dataDir, log, clock }: Base): Promise<EventBus> {
  const streams = systemStreams();
  if (config.bus === undefined) return openSqliteBus({ path: dataDir.file("bus.db"), streams, log });
  const credentials = config.busCredentials && { credentials: config.busCredentials };
  const { openJetStreamBus } = await import("../events/bus/jetstream.ts");
  return openJetStreamBus({ servers: config.bus, streams, log, clock, name: `tiphys ${hostname()}`, ...credentials });
}

/** A stored message that is no event is skipped, recorded and counted. */
function reportInvalid(
  bus: string,
  { clock, log, metrics, ledger }: Pick<Parts, "clock" | "log" | "metrics" | "ledger">,
): (message: StoredMessage, reason: string) => void {
  return ({ subject, sequence }, reason) => {
    log.error("a stored message is not an event", { bus, subject, sequence, reason });
    metrics.eventsInvalid.add({ namespace: "", bus });
    const causes = [`${bus}:${sequence}`];
    const { kept } = ledger.write({
      kind: "invalid",
      at: clock.now(),
      causes,
      bus,
      subject,
      sequence,
      message: reason,
    });
    kept.catch((error: unknown) => log.error("a record could not be stored", { error }));
  };
}

export function createSystemHandle({ clock, log, metrics }: Base, bus: EventBus, ledger: Ledger): BusHandle {
  const reader = createEventReader({
    name: "system",
    bus,
    stream: "events",
    subjects: [rawSubject("events.>")],
    parseSubject: parseSystemSubject,
    onInvalid: reportInvalid("system", { clock, log, metrics, ledger }),
    ledger,
  });
  return { name: "system", bus, reader, stream: "events", subjectOf: eventSubject };
}

interface Connected {
  readonly bus: EventBus;
  readonly stream: StreamSpec;
  readonly namespace: string;
  /** `<namespace>/<EventBus>` */
  readonly name: string;
}

type OnOpen = (handle: BusHandle) => void;

/** Sensors read the stream itself, each from its position. */
async function follow(connected: Connected, parts: Parts, onOpen: OnOpen, signal: AbortSignal): Promise<void> {
  const { bus, stream, namespace, name } = connected;
  const reader = createEventReader({
    name,
    bus,
    stream: stream.name,
    subjects: stream.subjects,
    parseSubject: (subject) => ({ namespace, ...parseArgoSubject(subject) }),
    onInvalid: reportInvalid(name, parts),
    ledger: parts.ledger,
  });
  const opened = { at: parts.clock.now(), place: await bus.end(stream.name) };
  const subjectOf: BusHandle["subjectOf"] = (_, source, event) => argoSubject(source, event);
  onOpen({ name, bus, reader, stream: stream.name, subjectOf, opened });
  await Promise.all([reader.run(signal), parts.projection.follow(name, bus, stream.subjects, signal)]);
}

/** Sensors read the system bus, to which every event of the stream is moved. */
async function relay(
  connected: Connected & { readonly resource: string },
  parts: Parts,
  onOpen: OnOpen,
  signal: AbortSignal,
): Promise<void> {
  const { bus, stream, namespace, name, resource } = connected;
  const { system, log } = parts;
  log.info("the stream forgets what was acknowledged: its events are moved to the system bus", { bus: name });
  const { reader } = system;
  const subjectOf: BusHandle["subjectOf"] = (_, source, event) => argoSubject(source, event);
  const opened = { at: parts.clock.now(), place: await system.bus.end(system.stream) };
  // Before that a stream with interest retention drops what is published.
  let waiting = stream.subjects.length;
  const onReady = (): void => {
    waiting -= 1;
    if (waiting === 0) onOpen({ name, bus, reader, stream: stream.name, subjectOf, readFrom: system, opened });
  };
  const onInvalid = reportInvalid(name, parts);
  const moves = stream.subjects.map((subject) =>
    relayEvents({ from: bus, subject, namespace, name: resource, to: system, onReady, onInvalid }, signal),
  );
  await Promise.all(moves);
}

/** A connection of its own for a `jetstreamExotic` EventBus, or a managed one, in Argo Events' wire format. */
export function createBusRunner(parts: Parts) {
  const { clock, kube, log } = parts;
  return async (resource: EventBusResource, onOpen: OnOpen, signal: AbortSignal): Promise<void> => {
    const { namespace, name } = resource.metadata;
    const secrets = createSecretReader(kube, namespace);
    const { url, streamConfig, ...access } =
      resource.kind === "jetstream"
        ? readNative(readNativeBus(resource), secrets)
        : readExotic(resource.spec.jetstreamExotic, secrets);
    // What others made and use is left as it is.
    const stream = { ...argoStream(streamConfig), isShared: resource.kind !== "jetstream" };
    const label = `${namespace}/${name}`;
    const { openJetStreamBus } = await import("../events/bus/jetstream.ts"); // most engines have no such bus
    await using bus = await openJetStreamBus({
      servers: url,
      streams: [stream],
      ...access,
      log,
      clock,
      name: `tiphys ${label}`,
    });
    const connected: Connected = { bus, stream, namespace, name: label };
    const { forgets } = (await bus.usage()).find((usage) => usage.name === stream.name) ?? {};
    // Awaited here: the bus is closed when this returns.
    if (forgets === undefined) await follow(connected, parts, onOpen, signal);
    else await relay({ ...connected, resource: name }, parts, onOpen, signal);
  };
}
