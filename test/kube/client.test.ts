import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { EngineError, TerminalError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import { adminToken, openTestPlane, widgetDefinition } from "../harness/control-plane.ts";

const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "1" } };
const ref = { apiVersion: "v1", kind: "ConfigMap", name: "a" };

test("creates, reads, changes and deletes", async () => {
  await using plane = await openTestPlane();
  const { client } = plane;
  assert.equal(await client.get(ref), undefined);
  const created = await client.create(map);
  assert.equal(created.metadata.namespace, "default");
  assert.deepEqual(await client.get(ref), created);
  const updated = await client.update({ ...created, data: { x: "2" } });
  assert.deepEqual(updated.data, { x: "2" });
  await assert.rejects(client.update({ ...created, data: {} }), { code: "API_CONFLICT" });
  const patched = await client.patch(ref, "application/merge-patch+json", { data: { y: "1" } });
  const unread = await client.patch(ref, "application/merge-patch+json", {}, { isAnswerUnread: true });
  assert.deepEqual(unread, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: ref.name } });
  assert.deepEqual(patched.data, { x: "2", y: "1" });
  assert.equal(await client.delete(ref), true);
  assert.equal(await client.delete(ref), false);
});

test("lists all pages of all namespaces, with kind and version on each item", async () => {
  await using plane = await openTestPlane();
  await plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "other" } });
  const names = Array.from({ length: 510 }, (_, index) => `n${index}`);
  await Promise.all(names.map((name) => plane.client.create({ ...map, metadata: { name } })));
  await plane.client.create({ ...map, metadata: { name: "far", namespace: "other" } });
  const all = await plane.client.list({ apiVersion: "v1", kind: "ConfigMap" });
  assert.equal(all.items.length, 511);
  assert.ok(all.items.every((item) => item.kind === "ConfigMap" && item.apiVersion === "v1"));
  const some = await plane.client.list({ apiVersion: "v1", kind: "ConfigMap" }, { namespace: "other" });
  assert.deepEqual(
    some.items.map((item) => item.metadata.name),
    ["far"],
  );
});

test("a list whose pages are too old for the server is asked for at once", async () => {
  await using plane = await openTestPlane();
  const names = Array.from({ length: 501 }, (_, index) => `n${index}`);
  await Promise.all(names.map((name) => plane.client.create({ ...map, metadata: { name } })));
  const asked: string[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const { searchParams } = new URL(request.url);
    if (searchParams.size > 0 || asked.length > 0) asked.push([...searchParams.keys()].join());
    if (!searchParams.has("continue")) return plane.plane.fetch(request);
    // What is told on page two is not what page one was of.
    await plane.client.delete({ ...ref, name: "n0" });
    return Response.json({ kind: "Status", reason: "Expired", code: 410 }, { status: 410 });
  };
  const client = createKubeClient({ fetch, baseUrl: "http://kube.local", token: adminToken, log: silentLogger });
  const { items } = await client.list({ apiVersion: "v1", kind: "ConfigMap" });
  assert.deepEqual([items.length, new Set(items.map(({ metadata }) => metadata.name)).size], [500, 500]);
  assert.deepEqual(asked, ["limit", "limit,continue", ""]);
});

test("finds a kind whose definition came after the first look", async () => {
  await using plane = await openTestPlane();
  const kind = { apiVersion: "example.com/v1", kind: "Widget" };
  await assert.rejects(
    plane.client.isNamespaced(kind),
    (error) => error instanceof TerminalError && error.code === "API_NOT_FOUND",
  );
  await plane.client.create(widgetDefinition);
  assert.equal(await plane.client.isNamespaced(kind), true);
  await plane.client.create({ ...kind, metadata: { name: "w" }, spec: {} });
  const status = { status: { phase: "Ready" } };
  const options = { subresource: "status" } as const;
  const object = await plane.client.patch({ ...kind, name: "w" }, "application/merge-patch+json", status, options);
  assert.deepEqual(object.status, { phase: "Ready" });
});

test("nothing of a request stays on a signal that lives on", async () => {
  await using plane = await openTestPlane();
  const stop = new AbortController();
  const { client } = plane;
  const { signal } = stop;
  const kind = { apiVersion: "v1", kind: "ConfigMap" };
  await client.create(map, {}, signal);
  await client.get(ref, signal);
  await client.get({ ...ref, name: "none" }, signal);
  await client.patch(ref, "application/merge-patch+json", { data: { y: "1" } }, {}, signal);
  const { resourceVersion } = await client.list(kind, {}, signal);
  await client.delete(ref, {}, signal);
  await client.delete(ref, {}, signal);
  await assert.rejects(client.update(map, {}, signal));
  for await (const event of client.watch(kind, resourceVersion, {}, signal)) if (event.type === "DELETED") break;
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("aborting rejects a request with the reason and ends an open watch", { timeout: 10_000 }, async () => {
  await using plane = await openTestPlane();
  const reason = new Error("stopped");
  await assert.rejects(plane.client.get(ref, AbortSignal.abort(reason)), reason);
  await plane.client.create(map);
  const stop = new AbortController();
  const seen: string[] = [];
  try {
    for await (const event of plane.client.watch({ apiVersion: "v1", kind: "ConfigMap" }, "1", {}, stop.signal)) {
      seen.push(event.type);
      stop.abort(reason);
    }
  } catch (error) {
    assert.equal(error, reason);
  }
  assert.ok(seen.includes("ADDED"));
});

test("an answer that breaks off is no answer: it may be asked again, unless nobody waits any more", async () => {
  const discovery = {
    kind: "APIResourceList",
    resources: [{ name: "configmaps", kind: "ConfigMap", namespaced: true }],
  };
  let beforeEnd = (): void => undefined;
  const cutOff = (): Response =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from('{"kind":"'));
          setImmediate(() => {
            beforeEnd();
            controller.error(new TypeError("terminated"));
          });
        },
      }),
    );
  const client = createKubeClient({
    baseUrl: "http://kube.local",
    log: silentLogger,
    fetch: async ({ url }) => (url.endsWith("/api/v1") ? Response.json(discovery) : cutOff()),
  });
  for (const ask of [
    () => client.get(ref),
    () => client.list(ref),
    () => client.create(map),
    () => client.patch(ref, "application/merge-patch+json", {}),
    () => client.delete(ref),
    () => client.document("/version"),
  ]) {
    await assert.rejects(ask, { code: "API_UNAVAILABLE", message: /: the answer broke off$/ });
  }
  const stop = new AbortController();
  beforeEnd = () => stop.abort(new Error("stopped"));
  await assert.rejects(client.get(ref, stop.signal), /stopped/);
});

const failures: readonly [string, (client: KubeClient) => Promise<unknown>, string, boolean][] = [
  ["an existing object", (client) => client.create(map), "API_CONFLICT", false],
  ["a bad name", (client) => client.create({ ...map, metadata: { name: "A_" } }), "API_INVALID", true],
  [
    "a missing object",
    (client) => client.patch({ ...ref, name: "z" }, "application/merge-patch+json", {}),
    "API_NOT_FOUND",
    true,
  ],
  ["an unknown kind", (client) => client.get({ ...ref, kind: "Nothing" }), "API_NOT_FOUND", true],
  [
    "impersonation by one who may not",
    (client) =>
      client
        .as("x")
        .as("y")
        .get({ ...ref, apiVersion: "v1" }),
    "API_FORBIDDEN",
    true,
  ],
];

for (const [name, act, code, isTerminal] of failures) {
  test(`${name} is ${code}, ${isTerminal ? "for good" : "to be tried again"}`, async () => {
    await using plane = await openTestPlane();
    await plane.client.create(map);
    const token = code === "API_FORBIDDEN" ? "bob-token" : adminToken;
    const client = createKubeClient({
      fetch: plane.plane.fetch,
      baseUrl: "http://kube.local",
      token,
      log: silentLogger,
    });
    await assert.rejects(act(client), (error) => {
      assert.ok(error instanceof EngineError);
      assert.deepEqual([error.code, error instanceof TerminalError], [code, isTerminal]);
      return true;
    });
  });
}

test("no answer is API_UNAVAILABLE; an abort is the caller's own reason", async () => {
  const fetch = (): Promise<Response> => Promise.reject(new TypeError("fetch failed"));
  const client = createKubeClient({ fetch, baseUrl: "http://kube.local", log: silentLogger });
  await assert.rejects(client.get(ref), { code: "API_UNAVAILABLE" });
  await assert.rejects(client.get(ref, AbortSignal.abort(new Error("stop"))), /stop/);
});

test("acts as another user by impersonation", async () => {
  const seen: (string | null)[] = [];
  await using plane = await openTestPlane();
  const fetch = (request: Request): Promise<Response> => {
    seen.push(request.headers.get("impersonate-user"));
    return plane.plane.fetch(request);
  };
  const client = createKubeClient({ fetch, baseUrl: "http://kube.local", token: adminToken, log: silentLogger });
  await client.as("system:serviceaccount:shop:web").create(map);
  await client.get(ref);
  assert.deepEqual(seen.slice(-2), ["system:serviceaccount:shop:web", null]);
});
