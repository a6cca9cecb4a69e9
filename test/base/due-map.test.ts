import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  changedEntries,
  type DueEntry,
  type DueMap,
  emptyDueMap,
  entriesOf,
  entryOf,
  firstDue,
  withEntry,
  withoutEntry,
} from "../../src/base/due-map.ts";

type Entry = DueEntry & { readonly n: number };

const step = fc.record({
  key: fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom("__proto__", "constructor", "")),
  n: fc.nat(),
  due: fc.option(fc.integer({ min: -5, max: 50 }), { nil: undefined }),
  remove: fc.boolean(),
});

function entry(key: string, n: number, due: number | undefined): Entry {
  return { key, n, ...(due === undefined ? {} : { due }) };
}

test("a DueMap holds what a Map would, and knows the earliest time, whatever is set and removed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const model = new Map<string, Entry>();
      let map: DueMap<Entry> = emptyDueMap;
      for (const { key, n, due, remove } of steps) {
        const before = map;
        const text = JSON.stringify(before);
        map = remove ? withoutEntry(map, key) : withEntry(map, entry(key, n, due));
        const old = model.get(key);
        if (remove) model.delete(key);
        else model.set(key, entry(key, n, due));
        assert.equal(JSON.stringify(before), text);
        const changed = [...changedEntries(before, map)];
        assert.deepEqual(changed, remove && !old ? [] : [{ before: old, now: model.get(key) }]);
      }
      assert.equal(map.size, model.size);
      assert.deepEqual(new Map([...entriesOf(map)].map((one) => [one.key, one])), model);
      for (const [key, one] of model) assert.deepEqual(entryOf(map, key), one);
      const dues = [...model.values()].filter(({ due }) => due !== undefined);
      const first = dues.sort((a, b) => (a.due ?? 0) - (b.due ?? 0) || (a.key < b.key ? -1 : 1))[0];
      assert.equal(map.due, first?.due);
      assert.deepEqual(firstDue(map), first);
      assert.deepEqual(JSON.parse(JSON.stringify(map)), map);
    }),
  );
});

test("removing what is not there gives the same map", () => {
  const map = withEntry(emptyDueMap as DueMap<Entry>, entry("a", 1, 5));
  assert.equal(withoutEntry(map, "b"), map);
  assert.equal(withoutEntry(map, "a").due, undefined);
});
