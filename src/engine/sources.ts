import { join } from "node:path";
import type { EventSource } from "../api/resources.ts";
import { publishEvent } from "../controllers/bus-directory.ts";
import { createEventSourceController, type EventSourceController } from "../controllers/event-source.ts";
import { hasSession } from "../controllers/leases.ts";
import { createOwnPods } from "../controllers/own-pod/own-pods.ts";
import { createSecretReader } from "../controllers/secret-reader.ts";
import { createSourceServices } from "../controllers/source-services.ts";
import { partitionOf } from "../events/sensor/partition.ts";
import { type Ingress, openIngress } from "../events/sources/ingress.ts";
import { sourceKinds as builtIn } from "../events/sources/registry.ts";
import { isSingleton, runEventSource } from "../events/sources/runner.ts";
import { withTrace } from "../ledger/export/places.ts";
import { createOutgoingFetch } from "./outgoing.ts";
import {
  host,
  type Parts,
  type RunningController,
  runController,
  serviceAccountUser,
  settleMs,
  surroundingsOf,
  within,
} from "./parts.ts";

interface RunningSources extends Pick<RunningController<EventSourceController>, "listed"> {
  readonly url: string;
  /** Of each HTTP event. */
  urls(): readonly string[];
}

/** HTTP sources are served once everything behind them runs. */
export async function startSources(parts: Parts): Promise<RunningSources> {
  const { config, stack, clock, log, metrics, leases, proxies } = parts;
  const { sources: sourceKinds } = parts.kinds;
  const hasSingleton = ({ events }: EventSource): boolean => events.some(({ kind }) => isSingleton(sourceKinds, kind));
  const ownsPartitionOf = (namespace: string, name: string): boolean =>
    leases.sensors.owns(partitionOf(namespace, name));
  const { address } = config;
  let request: (namespace: string, name: string) => void = () => undefined;
  const ownPorts = address !== undefined && {
    ownPortHost: address,
    ...(parts.isSimulated ? {} : { onAllocated: ({ namespace, name }: Named) => request(namespace, name) }),
  };
  const ingress = stack.use(await openIngress({ host, port: config.ingressPort, log, ...ownPorts }));
  const state = parts.system.bus.state("sources");
  const fetch = createOutgoingFetch({ allowLoopback: true, proxies }, stack);
  const sources = runController(parts, "EventSource", ({ cache, request: ask }) => {
    request = ask;
    return createEventSourceController({
      ...parts,
      cache,
      request,
      ...(parts.isSimulated
        ? {}
        : { services: servicesOf(parts, ingress, address), pods: podsOf(parts, hasSingleton) }),
      schemas: parts.kinds.schemas.sources,
      buses: parts.directory,
      urlOf: ({ metadata }, { kind, name }) =>
        sourceKinds[kind]?.http ? `${ingress.url}${ingress.pathOf(metadata, name)}` : undefined,
      tells: (namespace, name, source) =>
        source && hasSingleton(source) ? leases.sources.owns(namespace, name) : ownsPartitionOf(namespace, name),
      async runSource(eventSource, handle, report, signal) {
        const { metadata, template } = eventSource;
        await using lease = hasSingleton(eventSource)
          ? leases.sources.open(metadata.namespace, metadata.name)
          : undefined;
        const kube = parts.kube.as(serviceAccountUser(metadata.namespace, template));
        await runEventSource(
          {
            eventSource,
            kinds: sourceKinds,
            async publish(event) {
              const kept = config.traces === undefined ? event : withTrace(event, metadata.namespace);
              await publishEvent(handle, metadata.namespace, kept);
            },
            mountFor: (event) => ingress.mountFor(metadata, event, (message) => report.warning(event, message)),
            secret: createSecretReader(kube, metadata.namespace),
            fetch,
            surroundings: surroundingsOf(parts),
            fileRoot: config.fileRoot ?? join(config.dataDir, "files", metadata.namespace),
            kube,
            state,
            clock,
            log: log.child({ namespace: metadata.namespace }),
            metrics,
            whenLeased: (work, stop) => lease?.during(work, stop) ?? work(stop),
            onStatus: (event, status) => report.status(event, status.state === "failed" ? status.message : undefined),
            onWarning: report.warning,
            onLost: (event, events, message) => recordMissed(parts, metadata, event, { events, message }),
          },
          signal,
        );
      },
    });
  });
  leases.sources.onChange(sources.request);
  leases.sensors.onChange((partition) => sources.reconciler.requestPartition(partition));
  parts.directory.onChange((namespace) => sources.requestAll(namespace));
  await within(clock, settleMs, sources.settled);
  const urlsOf = ({ metadata, events }: EventSource): string[] =>
    events.flatMap(({ kind, name }) =>
      sourceKinds[kind]?.http ? [`${ingress.url}${ingress.pathOf(metadata, name)}`] : [],
    );
  return { url: ingress.url, listed: sources.listed, urls: () => sources.reconciler.running().flatMap(urlsOf) };
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** The engine goes on without the record: it says only what the log and the condition say as well. */
function recordMissed(
  { ledger, clock, log }: Parts,
  { namespace, name }: Named,
  event: string,
  missed: { readonly events: number; readonly message: string },
): void {
  const causes = [`source/${namespace}/${name}/${event}`];
  const { kept } = ledger.write({
    kind: "missed",
    at: clock.now(),
    causes,
    eventSource: { namespace, name },
    event,
    ...missed,
  });
  kept.catch((error: unknown) => log.error("what was missed is not in the ledger", { error }));
}

function podsOf({ kube, config, directory }: Parts, isSingle: (source: EventSource) => boolean) {
  return createOwnPods({
    kube,
    image: config.image,
    userOf: ({ metadata, template }) => serviceAccountUser(metadata.namespace, template),
    isBuiltIn: (kind) => Object.hasOwn(builtIn, kind),
    forgets: (namespace, bus) => directory.busFor(namespace, bus).readFrom !== undefined,
    isSingle,
  });
}

function servicesOf({ kube, system, dataDir, log }: Parts, ingress: Ingress, address: string | undefined) {
  const leases = system.bus.state("leases");
  const isLive = (engine: string): Promise<boolean> => hasSession(leases, engine);
  return createSourceServices({
    kube,
    address,
    engine: dataDir.engineId,
    isLive,
    allocated: (source) => ingress.allocated(source),
    log,
  });
}
