import type { AppProject } from "../../api/application-types.ts";
import type { Impersonation } from "../../api/resource-settings.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import type { Cluster } from "./project.ts";

/** Whose rights a sync has: the user to act as, the engine itself, or why nothing may be done. */
export type SyncIdentity =
  | { readonly kind: "user"; readonly user: string }
  | { readonly kind: "self" }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * The service account of the first rule that fits the destination (spec argo-cd-engine 4.13). `namespace` is the
 * destination's as written, maybe ""; then an account without a namespace is one of `applicationNamespace`.
 */
export function syncIdentity(
  project: AppProject,
  { server }: Cluster,
  namespace: string,
  applicationNamespace: string,
  impersonation: Impersonation,
): SyncIdentity {
  if (impersonation === "off") return { kind: "self" };
  const rules = project.spec.destinationServiceAccounts ?? [];
  const found = rules.find((rule) => matches(rule.server, server) && matches(rule.namespace ?? "", namespace));
  if (found === undefined) {
    if (impersonation === "optional") return { kind: "self" };
    const where = `destination server ${server} and namespace ${namespace}`;
    return { kind: "refused", reason: `no matching service account found for ${where}` };
  }
  const account = found.defaultServiceAccount;
  if (account.trim() === "" || /[!*[\]{}\\/]/.test(account)) {
    const project_ = project.metadata.name;
    const reason = `default service account contains invalid chars "${account}" in project ${project_}: it must be a name, or namespace:name`;
    return { kind: "refused", reason };
  }
  const [first = "", second] = account.split(":", 2);
  const user = second === undefined ? `${namespace || applicationNamespace}:${first}` : `${first}:${second}`;
  return { kind: "user", user: `system:serviceaccount:${user}` };
}

function matches(pattern: string, text: string): boolean {
  return compilePathGlob(pattern, { dialect: "gobwas" })(text);
}
