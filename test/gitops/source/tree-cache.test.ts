import assert from "node:assert/strict";
import { test } from "node:test";
import { createTreeCache, type NamedObject } from "../../../src/gitops/source/tree.ts";

function entries(count: number): ReadonlyMap<string, NamedObject> {
  return new Map(Array.from({ length: count }, (_, n) => [`f${n}`, { name: `f${n}`, kind: "file", id: String(n) }]));
}

test("folders are found by their id, and those kept first go when there are too many entries", () => {
  const cache = createTreeCache(10);
  cache.keep("a", entries(4));
  cache.keep("b", entries(4));
  cache.keep("b", entries(4)); // known already: counted once
  assert.deepEqual([cache.find("a")?.size, cache.find("b")?.size, cache.find("c")], [4, 4, undefined]);
  cache.keep("c", entries(3));
  assert.deepEqual([cache.find("a"), cache.find("b")?.size, cache.find("c")?.size], [undefined, 4, 3]);
});

test("a folder that alone has too many entries is not kept, and pushes out nothing", () => {
  const cache = createTreeCache(10);
  cache.keep("a", entries(4));
  cache.keep("big", entries(11));
  assert.deepEqual([cache.find("a")?.size, cache.find("big")], [4, undefined]);
});
