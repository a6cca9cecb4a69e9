import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeeping } from "../../../src/events/sources/keeping.ts";

async function isPending(promise: Promise<void>): Promise<boolean> {
  let pending = true;
  void promise.then(() => {
    pending = false;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return pending;
}

test("there is room until `max` are under way, and again once any of them is over", async () => {
  const keeping = createKeeping(3);
  const work = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const [first, second, third, fourth] = work.map(
    ({ promise }) =>
      () =>
        keeping.add(promise),
  );
  assert.deepEqual([first?.(), second?.()], [undefined, undefined]);
  const full = third?.() ?? Promise.resolve();
  assert.ok(await isPending(full));
  work[1]?.resolve();
  await full;
  const fullAgain = fourth?.() ?? Promise.resolve();
  assert.ok(await isPending(fullAgain));
  const ended = keeping.ended();
  work[0]?.resolve();
  await fullAgain;
  assert.ok(await isPending(ended));
  work[2]?.resolve();
  work[3]?.resolve();
  await ended;
  await keeping.ended();
});
