import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KubeClient } from "../../src/kube/kube.ts";
import type { JsonAnswer } from "../harness/answer.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { type Applications, applicationObject, openApplications } from "./applications.ts";

const open = new AsyncDisposableStack();
let api: Applications;
let kube: KubeClient;

const map = (name: string, data: object) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const secret = (password: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "key" },
  data: { password },
});

before(async () => {
  kube = open.use(await openTestPlane()).client;
  const manager = { fieldManager: "argocd-controller", force: true };
  for (const object of [map("web", { a: "1", b: "2" }), map("other", { c: "hidden" }), secret(base64("hunter2"))]) {
    const { apiVersion, kind, metadata } = object;
    const ref = { apiVersion, kind, namespace: "default", name: metadata.name };
    const whole = { ...object, metadata: { ...metadata, namespace: "default" } };
    await kube.patch(ref, "application/apply-patch+yaml", whole as never, manager);
  }
  const nodes = [
    { version: "v1", kind: "ConfigMap", namespace: "default", name: "web" },
    { version: "v1", kind: "Secret", namespace: "default", name: "key" },
  ];
  api = open.use(
    await openApplications([applicationObject("argocd", "web")], {
      looks: { cluster: () => kube, liveTree: async () => ({ nodes }) },
    }),
  );
});

after(() => open.disposeAsync());

async function ask(...targets: readonly (object | string)[]): Promise<JsonAnswer> {
  const query = new URLSearchParams();
  for (const one of targets) query.append("targetManifests", typeof one === "string" ? one : JSON.stringify(one));
  const response = await fetch(`${api.url}/api/v1/applications/web/server-side-diff?${query}`, {
    headers: { authorization: `Bearer ${api.token}` },
  });
  return { status: response.status, body: await response.json() };
}

test("the same target changes nothing", async () => {
  const { body } = await ask(map("web", { a: "1", b: "2" }));
  assert.deepEqual([body.modified, body.items.length, body.items[0].namespace], [false, 1, "default"]);
});

test("what a target sets and takes away is what the cluster says, and nothing is written", async () => {
  const { body } = await ask(map("web", { a: "3" }));
  const [{ modified, liveState, targetState }] = body.items;
  assert.deepEqual([body.modified, modified], [true, true]);
  assert.deepEqual(JSON.parse(liveState).data, { a: "1", b: "2" });
  assert.deepEqual(JSON.parse(targetState).data, { a: "3" });
  const now = await kube.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "web" });
  assert.deepEqual(now?.data, { a: "1", b: "2" });
});

test("of an object that is not the Application's nothing is told", async () => {
  const { body } = await ask(map("other", { d: "1" }));
  const [{ modified, liveState, targetState }] = body.items;
  assert.deepEqual([modified, JSON.parse(liveState), JSON.parse(targetState).data], [true, null, { d: "1" }]);
  assert.equal(JSON.stringify(body).includes("hidden"), false);
});

test("annotations that are said to be sensitive are masked, too", async () => {
  const given = secret(base64("hunter2"));
  const { body } = await ask({
    ...given,
    metadata: { ...given.metadata, annotations: { "team/token": "t0ken", a: "b" } },
  });
  const [{ targetState, modified }] = body.items;
  assert.equal(modified, true);
  assert.deepEqual(JSON.parse(targetState).metadata.annotations, { "team/token": "++++++++", a: "b" });
});

test("values of Secrets are masked; that they differ is seen", async () => {
  const { body } = await ask(secret(base64("other")), secret(base64("hunter2")));
  const text = JSON.stringify(body);
  assert.equal(
    [base64("other"), base64("hunter2")].some((value) => text.includes(value)),
    false,
  );
  assert.deepEqual(
    body.items.map(({ modified }: { modified: boolean }) => modified),
    [true, false],
  );
});

for (const [target, error] of [
  ["{", /targetManifests\[0\]: must be JSON/],
  ["[]", /targetManifests\[0\]: must be an object/],
  ['{"kind":"Pod"}', /targetManifests\[0\]: must have apiVersion, kind and metadata.name/],
] as const) {
  test(`a target that is none is refused: ${target}`, async () => {
    const { status, body } = await ask(target);
    assert.equal(status, 400);
    assert.match(body.error, error);
  });
}
