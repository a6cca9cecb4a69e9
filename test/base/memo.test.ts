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

test("what throws throws again, and a text that is longer than a tenth of all is computed again", () => {
  const { calls, compute } = counted(10);
  const long = "x".repeat(101);
  for (let round = 0; round < 2; round++) {
    assert.throws(() => compute("bad"), /^Error: bad$/);
    assert.equal(compute(long).text, long);
  }
  assert.deepEqual(calls, ["bad", long, "bad", long]);
});

test("long texts are remembered until they are a hundred characters for each result", () => {
  const { calls, compute } = counted(100);
  const texts = Array.from({ length: 11 }, (_, index) => String.fromCharCode(97 + index).repeat(1_000));
  for (const text of texts.slice(0, 10)) compute(text);
  compute(texts[0] ?? "");
  assert.equal(calls.length, 10);
  compute(texts[10] ?? "");
  compute(texts[0] ?? "");
  assert.equal(calls.length, 12);
});
