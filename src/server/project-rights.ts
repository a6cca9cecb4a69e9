import { isDeepStrictEqual } from "node:util";
import { listOf, objectOf, objectsOf, textOf } from "../api/fields.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { type Caller, demand, scopedObject } from "./access/caller.ts";
import { listSecrets } from "./stored-secret.ts";

const kindLists = [
  ...["clusterResourceWhitelist", "clusterResourceBlacklist"],
  ...["namespaceResourceWhitelist", "namespaceResourceBlacklist"],
];

/**
 * A project gives away what it names: who adds a cluster or a repository to it, or changes its kinds, needs rights there,
 * too (spec argo-cd-surface 2.11). @throws EngineError FORBIDDEN
 */
export async function demandProjectChange(
  caller: Caller,
  now: KubeObject,
  wanted: KubeObject,
  kube: KubeClient,
): Promise<void> {
  if (caller.isRoot) return;
  demand(caller, "projects", "update", now.metadata.name ?? "");
  const [before, after] = [specOf(now), specOf(wanted)];
  const known = repositoriesOf(before);
  for (const url of repositoriesOf(after)) {
    if (!known.includes(url)) demand(caller, "repositories", "update", url);
  }
  const hasOtherKinds = kindLists.some((list) => !isDeepStrictEqual(listOf(before[list]), listOf(after[list])));
  const servers = await serversOf(after, kube);
  const knownServers = await serversOf(before, kube);
  for (const { server, object } of servers) {
    const isNew = !knownServers.some((one) => one.server === server);
    if (isNew || hasOtherKinds) demand(caller, "clusters", "update", object);
  }
}

function specOf({ spec }: KubeObject): JsonObject {
  return objectOf(spec as JsonValue | undefined);
}

function repositoriesOf(spec: JsonObject): readonly string[] {
  return listOf(spec.sourceRepos).map(textOf);
}

interface NamedServer {
  readonly server: string;
  /** As the policy names it. */
  readonly object: string;
}

/** Patterns stay as they are written: a right must fit the pattern. */
async function serversOf(spec: JsonObject, kube: KubeClient): Promise<readonly NamedServer[]> {
  const stored = (await listSecrets(kube, "cluster")).map(({ values }) => values);
  return objectsOf(spec.destinations).map(({ server, name }) => {
    const found = stored.find((one) => (textOf(server) === "" ? one.name === name : one.server === server));
    const written = found?.server ?? (textOf(server) || textOf(name));
    return { server: written, object: scopedObject(found?.project, written) };
  });
}
