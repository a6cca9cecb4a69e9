import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { k8sTrigger } from "../../../src/events/triggers/k8s.ts";
import type { Firing, Outcome } from "../../../src/events/triggers/trigger.ts";
import { createKubeClient } from "../../../src/kube/client.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { adminToken, openTestPlane, type TestPlane, widgetDefinition } from "../../harness/control-plane.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

/** The embedded control plane with the Sensor's namespace. */
async function openTeam(): Promise<TestPlane> {
  const plane = await openTestPlane();
  await plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
  return plane;
}

async function fire(kube: KubeClient, spec: unknown, parts: Partial<Firing> = {}): Promise<Outcome> {
  const context = triggerContext({ kube });
  const fired = firing(parts);
  const plan = await k8sTrigger.plan(k8sTrigger.schema.parse(spec, "k8s"), fired, context, never);
  return k8sTrigger.apply(plan, fired, context, never);
}

const named = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { a: "1" } };
const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "team", name: "c" };
const generated = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "p-" } };

async function mapsOf(kube: KubeClient): Promise<readonly KubeObject[]> {
  return (await kube.list({ apiVersion: "v1", kind: "ConfigMap" }, { namespace: "team" })).items;
}

for (const [what, resource] of [
  ["a fixed name", named],
  ["a generated name", generated],
] as const) {
  test(`the same firing twice creates one object with ${what}`, async () => {
    await using plane = await openTeam();
    const first = await fire(plane.client, { source: { resource } });
    const again = await fire(plane.client, { source: { resource } });
    assert.match(first.message, /^created v1\/ConfigMap\/team\//);
    assert.match(again.message, /^had already created v1\/ConfigMap\/team\//);
    assert.deepEqual(again.objects, first.objects);
    const [only, ...others] = await mapsOf(plane.client);
    assert.deepEqual(others, []);
    assert.equal(only?.metadata.labels?.["events.argoproj.io/sensor"], "sensor");
  });
}

test("a generated name is a new object for another firing", async () => {
  await using plane = await openTeam();
  await fire(plane.client, { source: { resource: generated } });
  await fire(plane.client, { source: { resource: generated } }, { key: "other" });
  assert.equal((await mapsOf(plane.client)).length, 2);
});

test("a fixed name that another firing or somebody else took is an error", async () => {
  await using plane = await openTeam();
  await fire(plane.client, { source: { resource: named } });
  await assert.rejects(fire(plane.client, { source: { resource: named } }, { key: "other" }), { code: "API_CONFLICT" });
  await plane.client.create({ ...named, metadata: { name: "taken", namespace: "team" }, data: { of: "another" } });
  const resource = { ...named, metadata: { name: "taken" } };
  await assert.rejects(fire(plane.client, { source: { resource } }), { code: "API_CONFLICT" });
  assert.deepEqual((await plane.client.get({ ...ref, name: "taken" }))?.data, { of: "another" });
});

test("an update merges over what is there, and creates what is not, without labels", async () => {
  await using plane = await openTeam();
  const created = await fire(plane.client, { source: { resource: named }, operation: "update" });
  assert.equal((await plane.client.get(ref))?.metadata.labels, undefined);
  const more = { ...named, data: { b: "2" } };
  const updated = await fire(plane.client, { source: { resource: more }, operation: "update" });
  assert.deepEqual([created.message, updated.message], ["created v1/ConfigMap/team/c", "updated v1/ConfigMap/team/c"]);
  assert.deepEqual((await plane.client.get(ref))?.data, { a: "1", b: "2" });
});

/** The same client, but somebody does `meddle` after each of its first `times` reads. */
function meddled(kube: KubeClient, times: number, meddle: (read: number) => Promise<unknown>) {
  const counts = { reads: 0 };
  const client: KubeClient = {
    ...kube,
    async get(...args) {
      const found = await kube.get(...args);
      counts.reads++;
      if (counts.reads <= times) await meddle(counts.reads);
      return found;
    },
  };
  return { client, counts };
}

test("an update reads again what changed meanwhile, and keeps that change", async () => {
  await using plane = await openTeam();
  await plane.client.create({ ...named, metadata: { name: "c", namespace: "team" } });
  const count = (read: number) =>
    plane.client.patch(ref, "application/merge-patch+json", { data: { n: String(read) } });
  const { client, counts } = meddled(plane.client, 2, count);
  await fire(client, { source: { resource: { ...named, data: { b: "2" } } }, operation: "update" });
  assert.deepEqual((await plane.client.get(ref))?.data, { a: "1", b: "2", n: "2" });
  assert.equal(counts.reads, 3);
});

test("an update gives up on an object that never holds still", async () => {
  await using plane = await openTeam();
  await plane.client.create({ ...named, metadata: { name: "c", namespace: "team" } });
  const count = (read: number) =>
    plane.client.patch(ref, "application/merge-patch+json", { data: { n: String(read) } });
  const { client, counts } = meddled(plane.client, 100, count);
  await assert.rejects(fire(client, { source: { resource: named }, operation: "update" }), { code: "API_CONFLICT" });
  assert.equal(counts.reads, 5);
});

for (const operation of ["update", "patch"]) {
  test(`${operation}: what is deleted or created between reading and writing is read again`, async () => {
    await using plane = await openTeam();
    const placed = { ...named, metadata: { name: "c", namespace: "team" }, data: { other: "1" } };
    const { client } = meddled(plane.client, 2, (read) =>
      read === 1 ? plane.client.create(placed) : plane.client.delete(ref),
    );
    assert.match((await fire(client, { source: { resource: named }, operation })).message, /^created /);
    assert.deepEqual((await plane.client.get(ref))?.data, { a: "1" });
  });
}

test("liveObject keeps what others changed between plan and apply", async () => {
  await using plane = await openTeam();
  await plane.client.create({ ...named, metadata: { name: "c", namespace: "team" }, data: { a: "1", b: "1" } });
  const parameters = [{ src: { dependencyName: "dep", value: "new" }, dest: "data.a" }];
  const spec = { source: { resource: named }, operation: "update", liveObject: true, parameters };
  const { client } = meddled(plane.client, 1, () =>
    plane.client.patch(ref, "application/merge-patch+json", { data: { b: "theirs" } }),
  );
  await fire(client, spec);
  assert.deepEqual((await plane.client.get(ref))?.data, { a: "new", b: "theirs" });
});

const pod = (...containers: object[]) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: { containers },
});
/** Merge patches replace lists, strategic ones merge them by name, and apply removes what it no longer mentions. */
const strategies: readonly [string, readonly string[]][] = [
  ["application/merge-patch+json", ["b"]],
  ["application/strategic-merge-patch+json", ["a", "b"]],
  ["application/apply-patch+yaml", ["b"]],
];

for (const [patchStrategy, expected] of strategies) {
  test(`a patch creates what is not there, and changes what is: ${patchStrategy}`, async () => {
    await using plane = await openTeam();
    const patch = (resource: object) => fire(plane.client, { source: { resource }, operation: "patch", patchStrategy });
    assert.equal((await patch(pod({ name: "a", image: "1" }))).message, "created v1/Pod/team/p");
    assert.match((await patch(pod({ name: "b", image: "2" }))).message, /^(patched|applied) v1\/Pod\/team\/p$/);
    const live = await plane.client.get({ apiVersion: "v1", kind: "Pod", namespace: "team", name: "p" });
    const spec = live?.spec as { containers: { name: string }[] } | undefined;
    assert.deepEqual(spec?.containers.map(({ name }) => name).sort(), expected);
  });
}

test("apply leaves one entry of ours in managedFields", async () => {
  await using plane = await openTeam();
  const spec = { source: { resource: named }, operation: "patch", patchStrategy: "application/apply-patch+yaml" };
  await fire(plane.client, spec);
  await fire(plane.client, { ...spec, source: { resource: { ...named, data: { b: "2" } } } });
  const entries = (await plane.client.get(ref))?.metadata.managedFields as { manager: string; operation: string }[];
  assert.deepEqual(
    entries.map(({ manager, operation }) => `${manager} ${operation}`),
    ["tiphys Apply"],
  );
});

test("a JSON patch creates what is not there; of an object it is refused with what to use instead", async () => {
  await using plane = await openTeam();
  const spec = { source: { resource: named }, operation: "patch", patchStrategy: "application/json-patch+json" };
  assert.equal((await fire(plane.client, spec)).message, "created v1/ConfigMap/team/c");
  await assert.rejects(
    fire(plane.client, spec),
    (error) => error instanceof TerminalError && /^k8s\.patchStrategy: .* needs a list/.test(error.message),
  );
});

test("a JSON patch has its operations in a list of its own", async () => {
  await using plane = await openTeam();
  await fire(plane.client, { source: { resource: named } });
  const patch = [
    { op: "test", path: "/data/a", value: "1" },
    { op: "replace", path: "/data/a", value: "2" },
    { op: "add", path: "/data/b", value: "3" },
  ];
  const resource = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
  const spec = { source: { resource }, operation: "patch", patchStrategy: "application/json-patch+json", patch };
  assert.equal((await fire(plane.client, spec)).message, "patched v1/ConfigMap/team/c");
  assert.deepEqual((await plane.client.get(ref))?.data, { a: "2", b: "3" });
});

test("a strategic merge patch of a custom resource is refused for good", async () => {
  await using plane = await openTeam();
  await plane.client.create(widgetDefinition);
  const resource = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } };
  const spec = {
    source: { resource },
    operation: "patch",
    patchStrategy: "application/strategic-merge-patch+json",
  };
  await fire(plane.client, spec);
  await assert.rejects(
    fire(plane.client, spec),
    (error) => error instanceof TerminalError && error.code === "API_INVALID",
  );
});

test("deleting twice is a success", async () => {
  await using plane = await openTeam();
  await fire(plane.client, { source: { resource: named } });
  const spec = { source: { resource: named }, operation: "delete" };
  assert.equal((await fire(plane.client, spec)).message, "deleted v1/ConfigMap/team/c");
  assert.equal((await fire(plane.client, spec)).message, "nothing to delete at v1/ConfigMap/team/c");
});

test("a kind without namespaces goes through every operation", async () => {
  await using plane = await openTeam();
  const resource = { apiVersion: "v1", kind: "Namespace", metadata: { name: "n", annotations: { note: "1" } } };
  const messages: string[] = [];
  for (const operation of ["create", "update", "patch", "delete"]) {
    messages.push((await fire(plane.client, { source: { resource }, operation })).message);
  }
  assert.deepEqual(
    messages,
    ["created", "updated", "patched", "deleted"].map((done) => `${done} v1/Namespace/n`),
  );
  assert.equal(await plane.client.get({ apiVersion: "v1", kind: "Namespace", name: "n" }), undefined);
});

for (const [what, type] of [
  ["kind", { apiVersion: "v1", kind: "Nonsense" }],
  ["version", { apiVersion: "nobody.example.com/v1", kind: "Widget" }],
] as const) {
  test(`a ${what} that the server lacks is said once and for all`, async () => {
    await using plane = await openTeam();
    const resource = { ...type, metadata: { name: "x" } };
    await assert.rejects(
      fire(plane.client, { source: { resource } }),
      (error) =>
        error instanceof TerminalError &&
        error.code === "API_NOT_FOUND" &&
        error.message === `the server has no kind "${type.kind}" in version "${type.apiVersion}"`,
    );
  });
}

test("a namespace that is not there is said once and for all", async () => {
  await using plane = await openTestPlane();
  await assert.rejects(
    fire(plane.client, { source: { resource: named } }),
    (error) => error instanceof TerminalError && /namespaces "team" not found/.test(error.message),
  );
});

test("every request goes out as the Sensor's service account, discovery apart", async () => {
  await using plane = await openTeam();
  const seen: (readonly [string, string | null])[] = [];
  const fetch = (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    seen.push([`${request.method} ${pathname}`, request.headers.get("impersonate-user")]);
    return plane.plane.fetch(request);
  };
  const client = createKubeClient({ fetch, baseUrl: "http://kube.local", token: adminToken, log: silentLogger });
  const user = "system:serviceaccount:team:operate";
  await fire(client.as(user), { source: { resource: named }, operation: "update" });
  await fire(client.as(user), { source: { resource: named }, operation: "update" });
  const path = "/api/v1/namespaces/team/configmaps";
  assert.deepEqual(seen, [
    ["GET /api/v1", null],
    [`GET ${path}/c`, user],
    [`POST ${path}`, user],
    [`GET ${path}/c`, user],
    [`PUT ${path}/c`, user],
  ]);
});

test("who may not impersonate is refused for good", async () => {
  await using plane = await openTeam();
  const { fetch } = plane.plane;
  const bob = createKubeClient({ fetch, baseUrl: "http://kube.local", token: "bob-token", log: silentLogger });
  await assert.rejects(
    fire(bob.as("system:serviceaccount:team:operate"), { source: { resource: named } }),
    (error) =>
      error instanceof TerminalError && error.code === "API_FORBIDDEN" && /cannot impersonate/.test(error.message),
  );
});
