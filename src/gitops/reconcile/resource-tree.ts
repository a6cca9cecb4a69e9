import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { LiveState } from "../../kube/live-state.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ComparedObject } from "../diff/compare.ts";
import { keyOf, keyText } from "../diff/diff.ts";
import type { Health } from "../health/health.ts";

export interface TreeInput {
  readonly objects: readonly Pick<ComparedObject, "target" | "live">[];
  readonly live: Pick<LiveState, "childrenOf">;
  readonly healthOf: (object: KubeObject) => Health | undefined;
}

/** What people see of one object. */
interface TreeNode {
  readonly object: KubeObject;
  /** Undefined: it is the Application's own. */
  readonly parents: readonly KubeObject[];
  readonly isMissing: boolean;
}

/** Below so many no more is shown. */
const maxNodes = 10_000;

/**
 * The nodes of an ApplicationTree (spec argo-cd-surface 6.2, argo-cd-engine 6.7): managed objects, also those that are
 * missing, and everything below them, each once.
 */
export function treeNodes({ objects, live, healthOf }: TreeInput): readonly JsonObject[] {
  const nodes = new Map<string, TreeNode>();
  const add = (object: KubeObject, parent: KubeObject | undefined, isMissing: boolean): void => {
    const key = keyText(keyOf(object));
    const known = nodes.get(key);
    if (known !== undefined || nodes.size >= maxNodes) {
      if (known !== undefined && parent !== undefined)
        nodes.set(key, { ...known, parents: [...known.parents, parent] });
      return;
    }
    nodes.set(key, { object, parents: parent === undefined ? [] : [parent], isMissing });
    const { uid } = object.metadata;
    if (uid !== undefined && !isMissing) for (const child of live.childrenOf(uid)) add(child, object, false);
  };
  for (const { target, live: found } of objects) {
    const object = found ?? target;
    if (object !== undefined) add(object, undefined, found === undefined);
  }
  return [...nodes.values()].map((node) => nodeOf(node, healthOf));
}

function nodeOf({ object, parents, isMissing }: TreeNode, healthOf: TreeInput["healthOf"]): JsonObject {
  const { uid, resourceVersion, creationTimestamp } = object.metadata;
  const health: Health | undefined = isMissing ? { status: "Missing" } : healthOf(object);
  const images = imagesOf(object);
  const info = infoOf(object);
  const networkingInfo = networkingOf(object);
  return {
    ...nameOf(object),
    ...(uid === undefined ? {} : { uid }),
    ...(parents.length === 0 ? {} : { parentRefs: parents.map(parentOf) }),
    ...(info.length === 0 ? {} : { info }),
    ...(networkingInfo === undefined ? {} : { networkingInfo }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(images.length === 0 ? {} : { images }),
    ...(health === undefined ? {} : { health: { ...health } }),
    ...(creationTimestamp === undefined ? {} : { createdAt: creationTimestamp }),
  };
}

function nameOf(object: KubeObject): JsonObject {
  const { group, kind, namespace, name } = keyOf(object);
  const version = object.apiVersion.slice(object.apiVersion.indexOf("/") + 1);
  return { ...(group ? { group } : {}), version, kind, ...(namespace ? { namespace } : {}), name };
}

function parentOf(parent: KubeObject): JsonObject {
  const { version: _, ...name } = nameOf(parent);
  return { ...name, uid: parent.metadata.uid ?? "" };
}

function specOf(object: KubeObject): JsonObject {
  return isJsonObject(object.spec) ? object.spec : {};
}

function statusOf(object: KubeObject): JsonObject {
  return isJsonObject(object.status) ? object.status : {};
}

function imagesOf(object: KubeObject): readonly string[] {
  if (object.kind !== "Pod" || object.apiVersion !== "v1") return [];
  const { initContainers, containers } = specOf(object);
  const images = [...listOf(initContainers), ...listOf(containers)].map((one) => textOf(objectOf(one).image));
  return [...new Set(images.filter((image) => image !== ""))];
}

/** The lines that stand beside a node. */
function infoOf(object: KubeObject): readonly JsonObject[] {
  const line = (name: string, value: string) => (value === "" ? [] : [{ name, value }]);
  if (object.apiVersion === "v1" && object.kind === "Pod") {
    const { phase, reason, containerStatuses } = statusOf(object);
    const all = listOf(containerStatuses).map(objectOf);
    const ready = all.filter((one) => one.ready === true).length;
    return [
      ...line("Status Reason", textOf(reason) || textOf(phase)),
      ...line("Node", textOf(specOf(object).nodeName)),
      ...line("Containers", all.length === 0 ? "" : `${ready}/${all.length}`),
    ];
  }
  if (object.kind === "ReplicaSet" || object.kind === "ControllerRevision") {
    const revision = object.metadata.annotations?.["deployment.kubernetes.io/revision"];
    return line("Revision", revision === undefined ? "" : `Rev:${revision}`);
  }
  return [];
}

function networkingOf(object: KubeObject): JsonObject | undefined {
  const { labels = {} } = object.metadata;
  if (object.apiVersion !== "v1") return undefined;
  if (object.kind === "Pod") return { labels: { ...labels } };
  if (object.kind !== "Service") return undefined;
  const { selector } = specOf(object);
  const { ingress } = objectOf(statusOf(object).loadBalancer);
  return {
    ...(isJsonObject(selector) ? { targetLabels: selector } : {}),
    ...(Array.isArray(ingress) ? { ingress } : {}),
  };
}
