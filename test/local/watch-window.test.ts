import assert from "node:assert/strict";
import { test } from "node:test";
import type { Change } from "../../src/local/store.ts";
import { WatchWindow } from "../../src/local/watch-window.ts";

const change = (revision: number, resource = "/configmaps"): Change => {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `n${revision}` } };
  return { type: "ADDED", resource, namespace: "default", name: `n${revision}`, revision, object, text: "0123456789" };
};

test("a reader that is too slow learns that changes are gone", () => {
  const window = new WatchWindow(0, { maxChanges: 4, maxCharacters: 1_000 });
  using reader = window.open("/configmaps", 0);
  window.publish([1, 2, 3].map((revision) => change(revision)));
  assert.equal(reader.take()?.length, 3);
  window.publish([4, 5, 6, 7, 8, 9].map((revision) => change(revision)));
  assert.equal(reader.take(), undefined);
  assert.equal(window.oldest, 6);
});

test("the window is bounded by the size of what it holds, too", () => {
  const window = new WatchWindow(0, { maxChanges: 1_000, maxCharacters: 50 });
  window.publish([1, 2, 3, 4, 5, 6].map((revision) => change(revision)));
  assert.equal(window.oldest, 3);
});

test("a quiet reader does not fall out of the window because of other kinds", async () => {
  const window = new WatchWindow(0, { maxChanges: 2, maxCharacters: 1_000 });
  using reader = window.open("/secrets", 0);
  const stop = new AbortController();
  const waiting = reader.changed(stop.signal);
  for (let revision = 1; revision <= 20; revision++) window.publish([change(revision)]);
  stop.abort();
  await waiting;
  assert.deepEqual(reader.take(), []);
});

test("parsed objects are not held, only their texts", () => {
  const window = new WatchWindow(0, { maxChanges: 10, maxCharacters: 1_000 });
  using reader = window.open("/configmaps", 0);
  const { object, ...held } = change(1);
  window.publish([{ ...held, object, previous: object, previousText: "before" }]);
  assert.deepEqual(reader.take(), [{ ...held, previousText: "before" }]);
});

test("what was there before is told as far back as the window reaches, at no more than its size", () => {
  const window = new WatchWindow(0, { maxChanges: 1_000, maxCharacters: 100 });
  const head = { resource: "/configmaps", namespace: "default", name: "a" };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };
  const text = (revision: number) => `a${revision}`.padEnd(10, ".");
  for (let revision = 1; revision <= 20; revision++) {
    const before = { previous: object, previousText: text(revision - 1) };
    window.publish([{ ...head, type: "MODIFIED", revision, object, text: text(revision), ...before }]);
    const { oldest } = window;
    assert.ok((revision - oldest + 1) * 10 <= 100, `${revision - oldest} changes are held`);
    for (let at = oldest; at < revision; at++) {
      assert.equal(window.before("/configmaps", at)?.get("default/a")?.text, text(at));
    }
    assert.equal(window.before("/configmaps", oldest - 1), undefined);
    assert.deepEqual(window.before("/configmaps", revision)?.size, 0);
  }
  assert.deepEqual(window.before("/secrets", window.oldest)?.size, 0);
});

test("an object's last text is let go once many changes followed, and read where it is stored", () => {
  const stored = new Map<string, string>();
  const reads: string[] = [];
  const window = new WatchWindow(0, { maxChanges: 10_000, maxCharacters: 4_000 }, ({ name }) => {
    reads.push(name);
    return stored.get(name);
  });
  const head = { resource: "/configmaps", namespace: "default" };
  const write = (revision: number, name: string, type: Change["type"] = "ADDED"): void => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
    const [text, previousText] = [`${name}${revision}`.padEnd(10, "."), stored.get(name)];
    if (previousText !== undefined) window.keep({ ...head, name }, previousText);
    if (type === "DELETED") stored.delete(name);
    else stored.set(name, text);
    const before = previousText === undefined ? {} : { previous: object, previousText };
    window.publish([{ ...head, name, type, revision, object, text, ...before }]);
  };
  using reader = window.open("/configmaps", 0);
  write(1, "a");
  write(2, "b");
  write(3, "c");
  write(4, "c", "DELETED");
  for (let revision = 5; revision <= 700; revision++) write(revision, `n${revision}`); // 7,000 characters
  assert.equal(window.oldest, 0, "what is let go does not count");
  write(701, "b", "MODIFIED");
  const taken = reader.take() ?? [];
  const shown = taken.filter(({ revision }) => revision <= 4 || revision === 701);
  assert.deepEqual(
    shown.map(({ text, previousText }) => [text.replaceAll(".", ""), previousText?.replaceAll(".", "")]),
    [
      ["a1", undefined],
      ["b2", undefined],
      ["c3", undefined],
      ["c4", "c3"],
      ["b701", "b2"],
    ],
  );
  assert.equal(taken.length, 701);
  assert.deepEqual([reads.includes("a"), reads.includes("b"), reads.includes("n700")], [true, false, false]);
  assert.equal(window.before("/configmaps", 700)?.get("default/b")?.text, "b2".padEnd(10, "."));
  stored.clear();
  using late = window.open("/configmaps", 0);
  assert.equal(late.take(), undefined, "one that cannot be read is gone");
});
