import { hostname } from "node:os";
import type { EventBusResource } from "../api/resources.ts";
import type { BusHandle } from "../controllers/bus-directory.ts";
import { argoSubject, parseArgoSubject, readExotic, readNative } from "../controllers/exotic-bus.ts";
import { readNativeBus } from "../controllers/native-bus/native-bus.ts";
import { createSecretReader } from "../controllers/secret-reader.ts";
import type { EventBus, StoredMessage } from "../events/bus/bus.ts";
import { openJetStreamBus } from "../events/bus/jetstream.ts";
import { openSqliteBus } from "../events/bus/sqlite.ts";
import { argoStream, systemStreams } from "../events/bus/streams.ts";
import { createEventReader, parseSystemSubject } from "../events/sensor/reader.ts";
import type { Ledger } from "../record/records.ts";
import { eventSubject, rawSubject } from "../record/subject.ts";
import type { Base, Parts } from "./parts.ts";

export async function openSystemBus({ config, dataDir, log, clock }: Base): Promise<EventBus> {
  const streams = systemStreams();
  if (config.bus === undefined) return openSqliteBus({ path: dataDir.file("bus.db"), streams, log });
  const credentials = config.busCredentials && { credentials: config.busCredentials };
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
  });
  return { name: "system", bus, reader, stream: "events", subjectOf: eventSubject };
}

/** A connection of its own for a `jetstreamExotic` EventBus, or a managed one, in Argo Events' wire format. */
export function createBusRunner({ clock, kube, ledger, log, metrics, projection }: Parts) {
  return async (
    resource: EventBusResource,
    onOpen: (handle: BusHandle) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    const { namespace, name } = resource.metadata;
    const secrets = createSecretReader(kube, namespace);
    const { url, streamConfig, ...access } =
      resource.kind === "jetstream"
        ? readNative(readNativeBus(resource), secrets)
        : readExotic(resource.spec.jetstreamExotic, secrets);
    // What others made and use is left as it is.
    const stream = { ...argoStream(streamConfig), isShared: resource.kind !== "jetstream" };
    const label = `${namespace}/${name}`;
    await using bus = await openJetStreamBus({
      servers: url,
      streams: [stream],
      ...access,
      log,
      clock,
      name: `tiphys ${label}`,
    });
    const reader = createEventReader({
      name: label,
      bus,
      stream: stream.name,
      subjects: stream.subjects,
      parseSubject: (subject) => ({ namespace, ...parseArgoSubject(subject) }),
      onInvalid: reportInvalid(label, { clock, log, metrics, ledger }),
    });
    onOpen({
      name: label,
      bus,
      reader,
      stream: stream.name,
      subjectOf: (_, source, event) => argoSubject(source, event),
    });
    await Promise.all([reader.run(signal), projection.follow(label, bus, stream.subjects, signal)]);
  };
}
