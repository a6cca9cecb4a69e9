import { listOf, objectOf, textOf } from "../api/fields.ts";
import { isJsonObject } from "../base/json.ts";
import type { GroupVersionKind } from "../objects/object.ts";
import { versionPath } from "./discovery.ts";
import type { KubeClient } from "./kube.ts";

/** Kinds of objects in namespaces that can be listed and watched, each in the version that the server prefers. */
export async function listNamespacedKinds(
  client: Pick<KubeClient, "document">,
  signal: AbortSignal,
): Promise<readonly GroupVersionKind[]> {
  const groups = objectOf((await client.document("/apis", signal)) as never).groups;
  const preferred = listOf(groups).map((group) => textOf(objectOf(objectOf(group).preferredVersion).groupVersion));
  const versions = ["v1", ...preferred.filter((version) => version !== "")];
  const kinds = await Promise.all(versions.map((version) => kindsOf(version, client, signal)));
  return kinds.flat();
}

async function kindsOf(
  apiVersion: string,
  client: Pick<KubeClient, "document">,
  signal: AbortSignal,
): Promise<readonly GroupVersionKind[]> {
  const document = await client.document(versionPath(apiVersion), signal);
  const resources = isJsonObject(document) ? listOf(document.resources).map(objectOf) : [];
  return resources.flatMap(({ name, kind, namespaced, verbs }) => {
    const can = new Set(listOf(verbs).map(textOf));
    const isWanted = namespaced === true && can.has("list") && can.has("watch") && !textOf(name).includes("/");
    return isWanted ? [{ apiVersion, kind: textOf(kind) }] : [];
  });
}
