import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyedSlots, createSlots } from "../../src/base/slots.ts";

const never = new AbortController().signal;

test("gives places in the order of asking, never more than there are", async () => {
  const slots = createSlots(1);
  const order: string[] = [];
  const first = await slots.take(never);
  const others = ["b", "c"].map(async (name) => {
    using _place = await slots.take(never);
    order.push(name);
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, []);
  first[Symbol.dispose]();
  first[Symbol.dispose](); // giving back twice frees one place
  await Promise.all(others);
  assert.deepEqual(order, ["b", "c"]);
  using _again = await slots.take(never);
});

test("how many there are may change while some wait", async () => {
  let max = 1;
  const slots = createSlots(() => max);
  const first = await slots.take(never);
  let entered = 0;
  const others = [1, 2, 3].map(async () => {
    const place = await slots.take(never);
    entered += 1;
    return place;
  });
  max = 3;
  first[Symbol.dispose]();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(entered, 3);
  max = 1;
  const places = await Promise.all(others);
  let isIn = false;
  const late = slots.take(never).then(() => {
    isIn = true;
  });
  for (const [index, place] of places.entries()) {
    place[Symbol.dispose]();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isIn, index === 2);
  }
  await late;
});

test("who gives up waiting takes no place", async () => {
  const slots = createSlots(1);
  const first = await slots.take(never);
  const stop = new AbortController();
  const waiting = slots.take(stop.signal);
  stop.abort(new Error("gave up"));
  await assert.rejects(waiting, /gave up/);
  first[Symbol.dispose]();
  using _next = await slots.take(never);
});

test("each key has places of its own, and who gives up before leaves them to the others", async () => {
  const slots = createKeyedSlots(1);
  const [first, other] = await Promise.all([slots.take("a", never), slots.take("b", never)]);
  const stop = new AbortController();
  const left = slots.take("a", stop.signal);
  const next = slots.take("a", never);
  stop.abort(new Error("left"));
  await assert.rejects(left, /left/);
  other[Symbol.dispose]();
  let isIn = false;
  void next.then(() => {
    isIn = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isIn, false, "b's place is none of a's");
  first[Symbol.dispose]();
  (await next)[Symbol.dispose]();
  (await slots.take("a", never))[Symbol.dispose]();
});
