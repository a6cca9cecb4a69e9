import type { JsonObject, JsonValue } from "../../base/json.ts";
import { type FieldSet, unionOf } from "../../objects/field-set.ts";
import { managedFieldsOf, type Ownership, parseManagedFields } from "../../objects/managed-fields.ts";
import type { KubeObject } from "../../objects/object.ts";
import { fieldManager } from "../diff/last-applied.ts";

/** Names the manager whose fields become ours, on the Application. */
export const migrationManagerAnnotation = "argocd.argoproj.io/client-side-apply-migration-manager";
const kubectlManager = "kubectl-client-side-apply";

/**
 * `managedFields` in which what client-side applies wrote belongs to our server-side apply, so that a field that the source
 * drops goes from the cluster (spec argo-cd-engine 4.7). Beside `kubectl`'s entry it takes ours: the original applies on the
 * client by default. Undefined: there is nothing to take over, or the entries cannot be read.
 */
export function migratedFields(live: KubeObject, named: string | undefined): readonly JsonObject[] | undefined {
  const managers = new Set([kubectlManager, fieldManager, ...(named === undefined ? [] : [named])]);
  const all = parseManagedFields(live.metadata.managedFields as JsonValue | undefined);
  const taken = (all ?? []).filter(
    ({ manager, operation, subresource }) => operation === "Update" && !subresource && managers.has(manager),
  );
  const [first] = taken;
  if (all === undefined || first === undefined) return undefined;
  const own = all.find(isOwn);
  const fields = taken.map((entry) => entry.fields).reduce<FieldSet>(unionOf, own?.fields ?? first.fields);
  const merged: Ownership = { ...(own ?? first), manager: fieldManager, operation: "Apply", fields };
  return managedFieldsOf([...all.filter((entry) => entry !== own && !taken.includes(entry)), merged]);
}

function isOwn({ manager, operation, subresource }: Ownership): boolean {
  return manager === fieldManager && operation === "Apply" && !subresource;
}
