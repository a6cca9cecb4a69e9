import assert from "node:assert/strict";
import { test } from "node:test";
import { memoize } from "../../src/base/memo.ts";

function counted(max: number) {
  const calls: string[] = [];
  const compute = memoize((text) => {
    calls.push(text);
    if (text === "bad") throw new Error("bad");
    return { text };
  }, max);
  return { calls, compute };
}

test("a text is computed once", () => {
  const { calls, compute } = counted(10);
  assert.equal(compute("a"), compute("a"));
  assert.deepEqual(calls, ["a"]);
});

test("at the limit all is forgotten, so that memory stays bounded", () => {
  const { calls, compute } = counted(2);
  for (const text of ["a", "b", "a", "c", "a"]) compute(text);
  assert.deepEqual(calls, ["a", "b", "c", "a"]);
});

test("what throws throws again, and a long text is computed again", () => {
  const { calls, compute } = counted(10);
  const long = "x".repeat(1_001);
  for (let round = 0; round < 2; round++) {
    assert.throws(() => compute("bad"), /^Error: bad$/);
    assert.equal(compute(long).text, long);
  }
  assert.deepEqual(calls, ["bad", long, "bad", long]);
});
