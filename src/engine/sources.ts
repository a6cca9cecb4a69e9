import type { EventSource } from "../api/resources.ts";
import { publishEvent } from "../controllers/bus-directory.ts";
import { createEventSourceController, type EventSourceController } from "../controllers/event-source.ts";
import { createSecretReader } from "../controllers/secret-reader.ts";
import { openIngress } from "../events/sources/ingress.ts";
import { sourceKinds, sourceSchemas } from "../events/sources/registry.ts";
import { runEventSource } from "../events/sources/runner.ts";
import {
  host,
  type Parts,
  type RunningController,
  runController,
  serviceAccountUser,
  settleMs,
  within,
} from "./parts.ts";

interface RunningSources extends Pick<RunningController<EventSourceController>, "listed"> {
  readonly url: string;
  /** Of each HTTP event. */
  urls(): readonly string[];
}

/** HTTP sources are served once everything behind them runs. */
export async function startSources(parts: Parts): Promise<RunningSources> {
  const { config, stack, clock, log, metrics } = parts;
  const ingress = stack.use(await openIngress({ host, port: config.ingressPort, log }));
  const state = parts.system.bus.state("sources");
  const sources = runController(parts, "EventSource", ({ cache, request }) =>
    createEventSourceController({
      ...parts,
      cache,
      request,
      schemas: sourceSchemas(),
      buses: parts.directory,
      urlOf: ({ metadata }, { kind, name }) =>
        sourceKinds[kind]?.http ? `${ingress.url}${ingress.pathOf(metadata, name)}` : undefined,
      runSource(eventSource, handle, report, signal) {
        const { metadata, template } = eventSource;
        const kube = parts.kube.as(serviceAccountUser(metadata.namespace, template));
        return runEventSource(
          {
            eventSource,
            kinds: sourceKinds,
            publish: async (event) => void (await publishEvent(handle, metadata.namespace, event)),
            mountFor: (event) => ingress.mountFor(metadata, event, (message) => report.warning(event, message)),
            secret: createSecretReader(kube, metadata.namespace),
            kube,
            state,
            clock,
            log: log.child({ namespace: metadata.namespace }),
            metrics,
            onStatus: (event, status) => report.status(event, status.state === "failed" ? status.message : undefined),
          },
          signal,
        );
      },
    }),
  );
  parts.directory.onChange((namespace) => sources.requestAll(namespace));
  await within(clock, settleMs, sources.settled);
  const urlsOf = ({ metadata, events }: EventSource): string[] =>
    events.flatMap(({ kind, name }) =>
      sourceKinds[kind]?.http ? [`${ingress.url}${ingress.pathOf(metadata, name)}`] : [],
    );
  return { url: ingress.url, listed: sources.listed, urls: () => sources.reconciler.running().flatMap(urlsOf) };
}
