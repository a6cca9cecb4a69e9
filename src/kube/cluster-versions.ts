import { type Clock, sleepFor, unneeded } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { unlessAborted } from "../base/unless-aborted.ts";
import { versionPath } from "./discovery.ts";
import type { KubeClient } from "./kube.ts";

/** What the cluster says of itself. */
export interface ClusterVersions {
  /** `v1.32.3` */
  readonly kubeVersion: string;
  /** `v1`, `v1/Pod`, `apps/v1`, `apps/v1/Deployment`, …, sorted. */
  readonly apiVersions: readonly string[];
}

/** CRDs come and go: what is older is asked for again. */
const maxAgeMs = 30_000;
const maxGroupVersions = 1_000;
/** A round that takes longer has failed: no look waits longer for anything of a cluster. */
const patienceMs = 30_000;

/** Asked by many, answered by one round of requests in 30 s. A round that fails is not kept. @throws EngineError API_* */
export function createClusterVersions(
  client: Pick<KubeClient, "document">,
  clock: Clock,
): (signal: AbortSignal) => Promise<ClusterVersions> {
  let last: { readonly at: number; readonly versions: Promise<ClusterVersions> } | undefined;
  return async (signal) => {
    signal.throwIfAborted();
    const now = clock.monotonicMs();
    if (last === undefined || now - last.at > maxAgeMs) {
      // Of the engine, not of the caller who happens to be the first.
      const round = { at: now, versions: inTime(clock, (late) => readVersions(client, late)) };
      last = round;
      round.versions.catch(() => {
        if (last === round) last = undefined;
      });
    }
    return unlessAborted(last.versions, signal);
  };
}

async function inTime<T>(clock: Clock, work: (late: AbortSignal) => Promise<T>): Promise<T> {
  const [late, done] = [new AbortController(), new AbortController()];
  const message = `the cluster has not said its versions within ${patienceMs / 1_000} s`;
  sleepFor(clock, patienceMs, done.signal).then(
    () => late.abort(new EngineError("API_UNAVAILABLE", message)),
    () => undefined, // it was in time
  );
  try {
    return await work(late.signal);
  } finally {
    done.abort(unneeded);
  }
}

async function readVersions(client: Pick<KubeClient, "document">, late: AbortSignal): Promise<ClusterVersions> {
  const version = await client.document("/version", late);
  const kubeVersion = isJsonObject(version) ? version.gitVersion : undefined;
  if (typeof kubeVersion !== "string") throw new EngineError("API_UNAVAILABLE", "/version: the server does not say it");
  const core = await client.document("/api", late);
  const groups = await client.document("/apis", late);
  const all = [...textsIn(core, "versions"), ...groupVersionsIn(groups)].slice(0, maxGroupVersions);
  const kinds = await Promise.all(all.map((one) => kindsOf(one, client, late)));
  late.throwIfAborted(); // what is not known is not known to be none
  return { kubeVersion, apiVersions: [...new Set([...all, ...kinds.flat()])].sort() };
}

/** None of a group whose own server does not answer. */
async function kindsOf(
  apiVersion: string,
  client: Pick<KubeClient, "document">,
  late: AbortSignal,
): Promise<readonly string[]> {
  const list = await client.document(versionPath(apiVersion), late).catch((error: unknown) => {
    if (error instanceof EngineError) return undefined;
    throw error;
  });
  const resources = objectsIn(list, "resources").filter(({ name }) => !String(name).includes("/"));
  return resources.map(({ kind }) => `${apiVersion}/${String(kind)}`);
}

function groupVersionsIn(document: unknown): readonly string[] {
  return objectsIn(document, "groups").flatMap((group) =>
    objectsIn(group, "versions").map(({ groupVersion }) => String(groupVersion)),
  );
}

function objectsIn(document: unknown, key: string): readonly JsonObject[] {
  const list = isJsonObject(document) ? document[key] : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

function textsIn(document: unknown, key: string): readonly string[] {
  const list = isJsonObject(document) ? document[key] : undefined;
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}
