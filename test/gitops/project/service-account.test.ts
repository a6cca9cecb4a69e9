import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppProject } from "../../../src/api/app-project.ts";
import type { Impersonation } from "../../../src/api/resource-settings.ts";
import { syncIdentity } from "../../../src/gitops/project/service-account.ts";

const server = "https://kubernetes.default.svc";
const self = { kind: "self" };
const user = (name: string) => ({ kind: "user", user: `system:serviceaccount:${name}` });
const rule = (defaultServiceAccount: string, namespace = "*", of = "*") => ({
  server: of,
  namespace,
  defaultServiceAccount,
});

for (const [name, rules, namespace, impersonation, expected] of [
  ["off", [rule("deployer")], "shop", "off", self],
  ["an account of the destination's namespace", [rule("deployer")], "shop", "enforced", user("shop:deployer")],
  ["an account of another namespace", [rule("ci:deployer")], "shop", "enforced", user("ci:deployer")],
  ["no destination namespace: the Application's", [rule("deployer", "")], "", "enforced", user("argocd:deployer")],
  ["the first that fits", [rule("a", "web"), rule("b", "sh*"), rule("c")], "shop", "enforced", user("shop:b")],
  ["by server", [rule("a", "*", "https://other*"), rule("b", "*", server)], "shop", "enforced", user("shop:b")],
  ["none that fits, optional", [rule("a", "web")], "shop", "optional", self],
] as const) {
  test(`whose rights a sync has: ${name}`, () => assert.deepEqual(ask(rules, namespace, impersonation), expected));
}

for (const [rules, reason] of [
  [[], /^no matching service account found for destination server https:.* and namespace shop$/],
  [[rule(" ")], /invalid chars/],
  [[rule("dep*")], /invalid chars "dep\*" in project p/],
  [[rule("!deployer")], /invalid chars/],
] as const) {
  test(`nothing may be done with ${JSON.stringify(rules)}`, () => {
    const identity = ask(rules, "shop", "enforced");
    assert.ok(identity.kind === "refused");
    assert.match(identity.reason, reason);
  });
}

function ask(destinationServiceAccounts: readonly object[], namespace: string, impersonation: Impersonation) {
  const { resource } = parseAppProject({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name: "p", namespace: "argocd" },
    spec: { destinationServiceAccounts },
  });
  return syncIdentity(resource, { server, name: "in-cluster" }, namespace, "argocd", impersonation);
}
