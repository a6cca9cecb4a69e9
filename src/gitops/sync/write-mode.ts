import { optionValue, syncOptionsOf } from "../../api/resource-annotations.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf, type ObjectKey } from "../diff/diff.ts";

/** How one object is written. */
export interface WriteMode {
  /** server: server-side apply; client: a patch computed here, as `kubectl apply` does; replace: the object as a whole. */
  readonly kind: "server" | "client" | "replace";
  /** Whether somebody asked for server-side apply by name. */
  readonly isNamed: boolean;
  /** Delete and create again when the live object cannot be changed. */
  readonly isForced: boolean;
  /** Unknown fields are an error. */
  readonly isValidated: boolean;
}

/** What the operation says about all objects. */
export interface WriteOptionsOfSync {
  /** `Key=value`. */
  readonly syncOptions: readonly string[];
  /** `syncStrategy.apply.force`, `syncStrategy.hook.force`. */
  readonly force: boolean;
}

/**
 * Options of the object, else of the sync (spec argo-cd-engine 4.7, 4.9); Replace beats apply. Two differences: server-side
 * apply is the default, and so `ServerSideApply=false` has an effect for all objects, too.
 */
export function writeModeOf(
  target: KubeObject,
  live: KubeObject | undefined,
  { syncOptions, force }: WriteOptionsOfSync,
): WriteMode {
  const own = optionsOf(target);
  const either = [...own, ...(live === undefined ? [] : optionsOf(live))];
  const serverSide = optionValue(own, "ServerSideApply") ?? optionValue(syncOptions, "ServerSideApply");
  const isReplaced = syncOptions.includes("Replace=true") || either.includes("Replace=true");
  return {
    kind: isReplaced ? "replace" : serverSide === "false" ? "client" : "server",
    isNamed: serverSide === "true",
    isForced: force || either.includes("Force=true"),
    isValidated: !syncOptions.includes("Validate=false") && !own.includes("Validate=false"),
  };
}

function optionsOf({ metadata }: KubeObject): readonly string[] {
  return syncOptionsOf(metadata.annotations ?? {});
}

const protectedKinds = new Set([
  "/Namespace",
  "/PersistentVolume",
  "/PersistentVolumeClaim",
  "apiextensions.k8s.io/CustomResourceDefinition",
]);

/** Deleting one takes more with it than the object: everything in it, every object of its kind, or what people stored. */
export function isProtectedKind({ group, kind }: Pick<ObjectKey, "group" | "kind">): boolean {
  return protectedKinds.has(`${group}/${kind}`);
}

/** A binding's role cannot be changed: `kubectl auth reconcile`, and so the original, makes the binding anew. */
export function mustBeMadeAnew(
  target: KubeObject,
  live: KubeObject | undefined,
  { kind, isNamed }: WriteMode,
): boolean {
  const isBinding = target.kind === "RoleBinding" || target.kind === "ClusterRoleBinding";
  if (!isBinding || groupOf(target) !== "rbac.authorization.k8s.io" || live === undefined) return false;
  return !(kind === "server" && isNamed) && roleOf(target) !== roleOf(live);
}

function roleOf({ roleRef }: KubeObject): string {
  const { kind, name } = (roleRef ?? {}) as { kind?: unknown; name?: unknown };
  return JSON.stringify([kind, name]);
}

/** `PrunePropagationPolicy`; of several the weakest bond counts. */
export function propagationOf(syncOptions: readonly string[]): "Foreground" | "Background" | "Orphan" {
  const has = (value: string): boolean => syncOptions.includes(`PrunePropagationPolicy=${value}`);
  if (has("background")) return "Background";
  return has("orphan") && !has("foreground") ? "Orphan" : "Foreground";
}
