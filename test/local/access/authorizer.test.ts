import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const maps = "/api/v1/namespaces/default/configmaps";
const bob = { authorization: "Bearer bob-token" };
const as = (user: string, group?: string) => ({
  "impersonate-user": user,
  ...(group === undefined ? {} : { "impersonate-group": group }),
});

async function grant(plane: TestPlane, rules: readonly object[], subject: object): Promise<void> {
  const role = await plane.call("POST", `${rbac}/namespaces/default/roles`, { metadata: { name: "r" }, rules });
  assert.equal(role.status, 201, JSON.stringify(role.body));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" };
  const binding = { metadata: { name: "b" }, roleRef, subjects: [subject] };
  assert.equal((await plane.call("POST", `${rbac}/namespaces/default/rolebindings`, binding)).status, 201);
}

test("a user may what roles and bindings say, from the moment they are stored", async () => {
  await using plane = await openTestPlane();
  const before = await plane.call("GET", maps, undefined, bob);
  assert.deepEqual([before.status, before.body.reason], [403, "Forbidden"]);
  assert.equal(
    before.body.message,
    'configmaps is forbidden: User "bob" cannot list resource "configmaps" in API group "" in the namespace "default"',
  );
  await grant(plane, [{ verbs: ["list"], apiGroups: [""], resources: ["configmaps"] }], { kind: "User", name: "bob" });
  assert.equal((await plane.call("GET", maps, undefined, bob)).status, 200);
  assert.equal((await plane.call("GET", "/api/v1/configmaps", undefined, bob)).status, 403);
  const write = await plane.call("POST", maps, { metadata: { name: "x" } }, bob);
  assert.match(write.body.message, /cannot create resource "configmaps"/);
  await plane.call("DELETE", `${rbac}/namespaces/default/rolebindings/b`);
  assert.equal((await plane.call("GET", maps, undefined, bob)).status, 403);
});

test("everybody who is known sees what is served, nobody else does", async () => {
  await using plane = await openTestPlane();
  assert.equal((await plane.call("GET", "/apis", undefined, bob)).status, 200);
  assert.equal((await plane.call("GET", "/apis", undefined, { authorization: "" })).status, 401);
  assert.equal((await plane.call("GET", "/version", undefined, { authorization: "" })).status, 200);
});

test("service accounts may everything until their binding is deleted", async () => {
  await using plane = await openTestPlane();
  const account = as("system:serviceaccount:default:web");
  assert.equal((await plane.call("GET", maps, undefined, account)).status, 200);
  await plane.call("DELETE", `${rbac}/clusterrolebindings/tiphys:service-accounts`);
  assert.equal((await plane.call("GET", maps, undefined, account)).status, 403);
  await grant(plane, [{ verbs: ["*"], apiGroups: [""], resources: ["configmaps"] }], {
    kind: "ServiceAccount",
    name: "web",
  });
  assert.equal((await plane.call("GET", maps, undefined, account)).status, 200);
});

test("whoever may impersonate acts as another, with the rights of that one", async () => {
  await using plane = await openTestPlane();
  assert.equal((await plane.call("GET", maps, undefined, as("alice"))).status, 403);
  assert.equal((await plane.call("GET", maps, undefined, as("alice", "system:masters"))).status, 200);
  const refused = await plane.call("GET", maps, undefined, { ...bob, ...as("alice") });
  assert.match(refused.body.message, /^users "alice" is forbidden: User "bob" cannot impersonate resource "users"/);
});

const access = (verb: string, more: object = {}) => ({
  spec: { resourceAttributes: { verb, group: "", resource: "configmaps", namespace: "default", ...more } },
});

test("reviews answer who somebody is and what he may", async () => {
  await using plane = await openTestPlane();
  await grant(plane, [{ verbs: ["get"], apiGroups: [""], resources: ["configmaps"] }], { kind: "User", name: "bob" });
  const authorization = "/apis/authorization.k8s.io/v1";
  const self = async (verb: string) => {
    const { status, body } = await plane.call("POST", `${authorization}/selfsubjectaccessreviews`, access(verb), bob);
    assert.equal(status, 201);
    return body.status.allowed;
  };
  assert.deepEqual([await self("get"), await self("delete")], [true, false]);
  const other = await plane.call("POST", `${authorization}/subjectaccessreviews`, {
    spec: { ...access("get").spec, user: "bob" },
  });
  assert.deepEqual(
    [other.body.status.allowed, other.body.status.reason],
    [true, 'RBAC: allowed by RoleBinding "b/default" of Role "r"'],
  );
  const rules = await plane.call(
    "POST",
    `${authorization}/selfsubjectrulesreviews`,
    { spec: { namespace: "default" } },
    bob,
  );
  assert.ok(
    rules.body.status.resourceRules.some((rule: { resources: string[] }) => rule.resources.includes("configmaps")),
  );
  const me = await plane.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, bob);
  assert.deepEqual(me.body.status.userInfo, { username: "bob", groups: ["system:authenticated"] });
});

test("a token of a service account works until it expires or the account goes", async () => {
  const clock = createVirtualClock();
  await using plane = await openTestPlane({ clock });
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  await plane.call("POST", accounts, { metadata: { name: "web" } });
  const ask = async () =>
    (await plane.call("POST", `${accounts}/web/token`, { spec: { expirationSeconds: 600 } })).body.status.token;
  const token = await ask();
  const review = (text: string) =>
    plane.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", { spec: { token: text } });
  const { user, authenticated } = (await review(token)).body.status;
  assert.deepEqual([authenticated, user.username], [true, "system:serviceaccount:default:web"]);
  assert.equal((await plane.call("GET", maps, undefined, { authorization: `Bearer ${token}` })).status, 200);
  assert.equal((await review(`${token.slice(0, -2)}xx`)).body.status.authenticated, false);
  await clock.advance(601_000);
  assert.equal((await review(token)).body.status.authenticated, false);
  const next = await ask();
  await plane.call("DELETE", `${accounts}/web`);
  assert.equal((await review(next)).body.status.authenticated, false);
});
