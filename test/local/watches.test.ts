import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/objects/object.ts";
import { adminToken, openTestPlane, type TestPlane } from "../harness/control-plane.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

const map = (name: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, labels },
});

/** The lines of a watch as they come. */
async function openLines({ plane }: TestPlane, query: string, signal: AbortSignal) {
  const url = `http://kube.local/api/v1/namespaces/default/configmaps?watch=1&${query}`;
  const response = await plane.fetch(new Request(url, { headers: { authorization: `Bearer ${adminToken}` }, signal }));
  assert.equal(response.status, 200);
  return linesOf(response.body ?? new ReadableStream());
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<{ type: string; object: KubeObject }> {
  for await (const chunk of body) {
    for (const line of Buffer.from(chunk).toString().trimEnd().split("\n")) yield JSON.parse(line);
  }
}

async function take(lines: AsyncGenerator<{ type: string; object: KubeObject }>, count: number): Promise<string[]> {
  const found: string[] = [];
  while (found.length < count) {
    const { value, done } = await lines.next();
    if (done) break;
    found.push(`${value.type} ${value.object.metadata.name ?? ""}`.trim());
  }
  return found;
}

test("a watch shows what is there, then each change in order", async () => {
  await using plane = await openTestPlane();
  await plane.client.create(map("a"));
  const stop = new AbortController();
  const lines = await openLines(plane, "resourceVersion=0", stop.signal);
  assert.deepEqual(await take(lines, 1), ["ADDED a"]);
  await plane.client.create(map("b"));
  await plane.client.patch({ ...map("b"), name: "b" }, "application/merge-patch+json", { data: { x: "1" } });
  await plane.client.delete({ ...map("a"), name: "a" });
  assert.deepEqual(await take(lines, 3), ["ADDED b", "MODIFIED b", "DELETED a"]);
  stop.abort();
  assert.deepEqual(await take(lines, 1), []);
});

test("a watch from a version shows what came after it", async () => {
  await using plane = await openTestPlane();
  const first = await plane.client.create(map("a"));
  await plane.client.create(map("b"));
  const stop = new AbortController();
  const lines = await openLines(plane, `resourceVersion=${first.metadata.resourceVersion}`, stop.signal);
  assert.deepEqual(await take(lines, 1), ["ADDED b"]);
  stop.abort();
});

test("objects that enter or leave the selection are added and deleted", async () => {
  await using plane = await openTestPlane();
  const stop = new AbortController();
  const lines = await openLines(plane, "labelSelector=on%3Dyes", stop.signal);
  await plane.client.create(map("a"));
  for (const on of ["yes", "no", "yes"]) {
    await plane.client.patch({ ...map("a"), name: "a" }, "application/merge-patch+json", {
      metadata: { labels: { on } },
    });
  }
  assert.deepEqual(await take(lines, 3), ["ADDED a", "DELETED a", "ADDED a"]);
  stop.abort();
});

test("a quiet watch gets bookmarks and ends in time", async () => {
  const clock = createVirtualClock();
  await using plane = await openTestPlane({ clock });
  const stop = new AbortController();
  const lines = await openLines(plane, "allowWatchBookmarks=true&timeoutSeconds=90", stop.signal);
  const bookmark = take(lines, 1);
  await clock.advance(60_000);
  assert.deepEqual(await bookmark, ["BOOKMARK"]);
  const end = take(lines, 1);
  await clock.advance(30_000);
  assert.deepEqual(await end, []);
});

test("closing the control plane ends its watches", async () => {
  const plane = await openTestPlane();
  const lines = await openLines(plane, "resourceVersion=0", new AbortController().signal);
  const end = take(lines, 1);
  await plane[Symbol.asyncDispose]();
  assert.deepEqual(await end, []);
});

test("a watch from the future waits for it, and ends in time", async () => {
  const clock = createVirtualClock();
  await using plane = await openTestPlane({ clock });
  const { metadata } = await plane.client.create(map("a"));
  const from = Number(metadata.resourceVersion) + 2;
  const lines = await openLines(plane, `timeoutSeconds=90&resourceVersion=${from}`, new AbortController().signal);
  const first = take(lines, 1);
  for (const name of ["b", "c", "d"]) await plane.client.create(map(name));
  assert.deepEqual(await first, ["ADDED d"]);
  const end = take(lines, 1);
  await clock.advance(90_000);
  assert.deepEqual(await end, []);
});
