import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { EventSource } from "../../api/resources.ts";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { createProxyRules } from "../../base/http-proxy.ts";
import type { JsonObject } from "../../base/json.ts";
import { silentLogger as log } from "../../base/log.ts";
import { createSecretReader } from "../../controllers/secret-reader.ts";
import { createOutgoingFetch } from "../../engine/outgoing.ts";
import { openSqliteBus } from "../../events/bus/sqlite.ts";
import { systemStreams } from "../../events/bus/streams.ts";
import { openIngress } from "../../events/sources/ingress.ts";
import { createKubeClient } from "../../kube/client.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { openKubeconfig } from "../../kube/kubeconfig.ts";
import { cloudIdentity, toolEnvironment } from "../rendering-flags.ts";
import { createDeclaredReader } from "./declared-secrets.ts";
import type { TrialDeps } from "./trial.ts";

export interface Declared {
  readonly eventSource: EventSource;
  readonly flags: { readonly kubeconfig?: string; readonly fileRoot: string; readonly ingressPort: number };
  /** Of the files that were named. */
  readonly objects: readonly JsonObject[];
}

/**
 * What adapters get: a state of their own that goes when `stack` does, a listener, Secrets of files.
 * @throws EngineError USAGE where a cluster is needed and none is named
 */
export async function openDeps(
  { eventSource, flags, objects }: Declared,
  stack: AsyncDisposableStack,
): Promise<Omit<TrialDeps, "kinds" | "onEvent" | "onNote">> {
  const kube = await openKube(eventSource, flags.kubeconfig, stack);
  const folder = await mkdtemp(join(tmpdir(), "tiphys-source-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const bus = stack.use(await openSqliteBus({ path: join(folder, "bus.db"), streams: systemStreams(), log }));
  const inCluster =
    flags.kubeconfig === undefined ? undefined : createSecretReader(kube, eventSource.metadata.namespace);
  return {
    ingress: stack.use(await openIngress({ host: "127.0.0.1", port: flags.ingressPort, drainMs: 1_000, log })),
    state: bus.state("sources"),
    secret: createDeclaredReader(objects, inCluster),
    fetch: createOutgoingFetch({ allowLoopback: true, proxies: createProxyRules(toolEnvironment()) }, stack),
    surroundings: cloudIdentity(),
    fileRoot: resolve(flags.fileRoot),
    kube,
  };
}

/** As the user that the kubeconfig names: whoever tests may not be allowed to act as the EventSource's account. */
async function openKube(
  { events }: EventSource,
  path: string | undefined,
  stack: AsyncDisposableStack,
): Promise<KubeClient> {
  if (path !== undefined) {
    const opened = stack.use(await openKubeconfig({ path, env: process.env, clock: systemClock, log }));
    return createKubeClient({ fetch: (request) => opened.fetch(request), baseUrl: opened.baseUrl, log });
  }
  const noCluster = (what: string): EngineError =>
    new EngineError("USAGE", `${what} a cluster: name one with --kubeconfig`);
  const needs = events.find(({ kind }) => kind === "resource");
  if (needs !== undefined) throw noCluster(`the event "${needs.name}" is of`);
  const fetch = (): Promise<never> => Promise.reject(noCluster("the adapter asks"));
  return createKubeClient({ fetch, baseUrl: "http://no.cluster", log });
}
