import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { isSubject, readRules, ruleAllows } from "../../../src/local/access/rbac.ts";

const wanted = { verb: "get", group: "apps", resource: "deployments", namespace: "a", name: "x" };
const path = { verb: "get", group: "", resource: "", namespace: "", name: "", path: "/apis/apps/v1" };

const cases: readonly (readonly [name: string, rule: JsonObject, wanted: object, allowed: boolean])[] = [
  ["the very thing", { verbs: ["get"], apiGroups: ["apps"], resources: ["deployments"] }, {}, true],
  ["everything", { verbs: ["*"], apiGroups: ["*"], resources: ["*"] }, {}, true],
  ["another verb", { verbs: ["list"], apiGroups: ["apps"], resources: ["deployments"] }, {}, false],
  ["another group", { verbs: ["get"], apiGroups: [""], resources: ["deployments"] }, {}, false],
  ["another resource", { verbs: ["get"], apiGroups: ["apps"], resources: ["replicasets"] }, {}, false],
  ["its name", { verbs: ["get"], apiGroups: ["apps"], resources: ["deployments"], resourceNames: ["x"] }, {}, true],
  [
    "another name",
    { verbs: ["get"], apiGroups: ["apps"], resources: ["deployments"], resourceNames: ["y"] },
    {},
    false,
  ],
  [
    "a list by names",
    { verbs: ["list"], apiGroups: ["*"], resources: ["*"], resourceNames: ["x"] },
    { verb: "list", name: "" },
    false,
  ],
  [
    "no subresource",
    { verbs: ["get"], apiGroups: ["apps"], resources: ["deployments"] },
    { resource: "deployments/scale" },
    false,
  ],
  [
    "its subresource",
    { verbs: ["get"], apiGroups: ["apps"], resources: ["deployments/scale"] },
    { resource: "deployments/scale" },
    true,
  ],
  [
    "a subresource of all",
    { verbs: ["get"], apiGroups: ["apps"], resources: ["*/scale"] },
    { resource: "deployments/scale" },
    true,
  ],
  ["no path by resources", { verbs: ["*"], apiGroups: ["*"], resources: ["*"] }, path, false],
  ["a path", { verbs: ["get"], nonResourceURLs: ["/apis/*"] }, path, true],
  ["another path", { verbs: ["get"], nonResourceURLs: ["/api"] }, path, false],
  ["nothing", {}, {}, false],
];

for (const [name, rule, more, allowed] of cases) {
  test(`a rule ${allowed ? "allows" : "does not allow"} ${name}`, () => {
    const [read] = readRules({ rules: [rule] });
    assert.equal(ruleAllows(read!, { ...wanted, ...more }), allowed);
  });
}

test("a binding's subjects are users, groups and service accounts", () => {
  const user = { name: "system:serviceaccount:shop:web", groups: ["system:serviceaccounts"] };
  assert.ok(isSubject({ kind: "ServiceAccount", name: "web", namespace: "shop" }, user, ""));
  assert.ok(isSubject({ kind: "ServiceAccount", name: "web" }, user, "shop"));
  assert.ok(!isSubject({ kind: "ServiceAccount", name: "web" }, user, "other"));
  assert.ok(isSubject({ kind: "Group", name: "system:serviceaccounts" }, user, ""));
  assert.ok(!isSubject({ kind: "User", name: "web" }, user, ""));
});
