import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Turns } from "../../src/base/turns.ts";

test("what a turn has no room for waits for the next one, in the order of asking", async () => {
  const turns = new Turns(10);
  const begun: string[] = [];
  const work = async (name: string, size: number): Promise<void> => {
    await turns.pause(size);
    begun.push(name);
  };
  const all = Promise.all([work("a", 6), work("b", 6), work("c", 6), work("d", 20), work("e", 1)]);
  await Promise.resolve();
  assert.deepEqual(begun, ["a", "b"], "the second began while there was room for some of it");
  await nextTurn();
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
  await nextTurn();
  assert.deepEqual(begun, ["a", "b", "c", "d", "e"]);
  await all;
});

test("who asks while others wait comes after them", async () => {
  const turns = new Turns(1);
  assert.equal(turns.pause(1), undefined);
  const begun: number[] = [];
  const waiting = [1, 2, 3].map((n) => turns.pause(1)?.then(() => begun.push(n)));
  await nextTurn();
  waiting.push(turns.pause(1)?.then(() => begun.push(4)));
  await Promise.all(waiting);
  assert.deepEqual(begun, [1, 2, 3, 4]);
  await nextTurn();
  await nextTurn();
  assert.equal(turns.pause(1), undefined, "after a quiet turn there is room again");
});
