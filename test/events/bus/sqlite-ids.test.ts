import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { IdTable } from "../../../src/events/bus/sqlite-ids.ts";

test("answers as a Map of ids does, whatever the ids are", () => {
  const id = fc.oneof(
    fc.string({ unit: "binary", maxLength: 4 }),
    fc.uuid(),
    fc.integer({ min: 0, max: 20 }).map(String),
  );
  fc.assert(
    fc.property(fc.array(id, { maxLength: 600 }), fc.array(id, { maxLength: 50 }), (added, others) => {
      const table = new IdTable();
      const ids: string[] = [""];
      const newest = new Map<string, number>();
      for (const one of added) {
        newest.set(one, ids.length);
        table.add(one, ids.length);
        ids.push(one);
      }
      for (const one of [...added, ...others]) {
        assert.equal(
          table.find(one, (sequence) => ids[sequence] === one),
          newest.get(one),
        );
      }
      assert.equal(table.size, added.length);
    }),
  );
});

test("does not take another id for the one that is asked for", () => {
  const table = new IdTable();
  table.add("a", 1);
  assert.equal(
    table.find("a", () => false),
    undefined,
  );
});

test("half a million ids that count up fall apart: none has the hash of another", () => {
  const table = new IdTable();
  const count = 500_000;
  const idOf = (number: number): string => `delivery-${number.toString(16)}`;
  for (let number = 1; number <= count; number++) table.add(idOf(number), number);
  let asked = 0;
  for (let number = 1; number <= count; number++) {
    const found = table.find(idOf(number), () => {
      asked++;
      return true;
    });
    assert.equal(found, number);
  }
  assert.equal(asked, count);
});
