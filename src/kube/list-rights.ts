import { isJsonObject } from "../base/json.ts";
import type { GroupVersionKind } from "../objects/object.ts";
import { createDiscovery } from "./discovery.ts";
import type { KubeClient } from "./kube.ts";

/**
 * `resource.respectRBAC` (spec argo-cd-engine 6.5): what becomes of a kind whose list is refused. "": it fails whoever needs
 * it; normal: it is left out; strict: it is left out if a SelfSubjectAccessReview says that it may not be listed.
 */
export type RespectRbac = "" | "normal" | "strict";

/**
 * Whether a kind that the cluster refused to list is left out, as the settings say now. `namespaces`: those that are looked
 * at; empty: all.
 * @throws EngineError API_* when the cluster cannot be asked
 */
export function createLeavesOut(
  client: Pick<KubeClient, "document" | "create">,
  mode: () => RespectRbac,
  namespaces: readonly string[] = [],
): (kind: GroupVersionKind, signal: AbortSignal) => Promise<boolean> {
  return async (kind, signal) => {
    switch (mode()) {
      case "":
        return false;
      case "normal":
        return true;
      case "strict":
        return !(await mayList(client, kind, namespaces, signal));
    }
  };
}

/** In one of the namespaces at least. */
async function mayList(
  client: Pick<KubeClient, "document" | "create">,
  kind: GroupVersionKind,
  namespaces: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const { plural: resource, namespaced } = await createDiscovery(client.document).find(kind, signal);
  const at = kind.apiVersion.indexOf("/");
  const group = at < 0 ? "" : kind.apiVersion.slice(0, at);
  const places = namespaced && namespaces.length > 0 ? namespaces : [""];
  for (const namespace of places) {
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      metadata: {},
      spec: { resourceAttributes: { verb: "list", group, resource, namespace } },
    };
    const { status } = await client.create(review, {}, signal);
    if (isJsonObject(status) && status.allowed === true) return true;
  }
  return false;
}
