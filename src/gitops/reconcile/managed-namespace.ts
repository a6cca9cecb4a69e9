import type { Application } from "../../api/application-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import { keyOf, keyText } from "../diff/diff.ts";
import { namespaceTarget } from "../sync/namespace.ts";

const namespaceKind = { apiVersion: "v1", kind: "Namespace" };

/** The destination's namespace, if the Application makes it and has labels or annotations for it. */
function managedNamespace({ destination, syncPolicy }: Application): KubeObject | undefined {
  const { namespace = "" } = destination;
  const { managedNamespaceMetadata: metadata, syncOptions } = syncPolicy;
  const isManaged = metadata !== undefined && syncOptions.includes("CreateNamespace=true");
  return isManaged && namespace !== "" ? namespaceTarget(namespace, metadata) : undefined;
}

/** The kind of the managed namespace: it has to be live to be compared. */
export function managedKinds(application: Application): readonly (typeof namespaceKind)[] {
  return managedNamespace(application) === undefined ? [] : [namespaceKind];
}

/**
 * The managed namespace as a target beside those of the sources, where somebody made it track the Application and no source
 * names it: otherwise it would be OutOfSync for being live only, and be pruned (spec argo-cd-engine 3.1 step 8). `known`
 * is that of the last look, whose identity counts.
 */
export function managedTarget(
  application: Application,
  targets: readonly KubeObject[],
  live: readonly KubeObject[],
  known: KubeObject | undefined,
): KubeObject | undefined {
  const wanted = managedNamespace(application);
  if (wanted === undefined) return undefined;
  const key = keyText(keyOf(wanted));
  const isThere = (objects: readonly KubeObject[]): boolean => objects.some((one) => keyText(keyOf(one)) === key);
  if (!isThere(live) || isThere(targets)) return undefined;
  return JSON.stringify(known) === JSON.stringify(wanted) ? known : wanted;
}
