import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createWorkPlaces } from "../../../src/controllers/applications/work-places.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const never = new AbortController().signal;

function rig() {
  const clock = createVirtualClock();
  const places = createWorkPlaces(clock, 2);
  const entered: string[] = [];
  const enter = (name: string, cluster = "here", signal = never): Promise<Disposable> =>
    places.take(cluster, signal).then((place) => {
      entered.push(name);
      return place;
    });
  return { clock, entered, enter };
}

test("operations of one cluster work in the order of asking, those of another beside them", async () => {
  const { entered, enter } = rig();
  const first = await enter("a");
  const others = [enter("b"), enter("c"), enter("d")];
  await enter("x", "there");
  await nextTurn();
  assert.deepEqual(entered, ["a", "b", "x"]);
  first[Symbol.dispose]();
  first[Symbol.dispose](); // given back once, however often that is said
  await nextTurn();
  assert.deepEqual(entered, ["a", "b", "x", "c"]);
  (await others[0])?.[Symbol.dispose]();
  await Promise.all(others);
  assert.deepEqual(entered, ["a", "b", "x", "c", "d"]);
});

test("one that takes long keeps nobody waiting for longer than three seconds", async () => {
  const { clock, entered, enter } = rig();
  await Promise.all([enter("slow"), enter("hanging")]);
  const last = enter("last");
  await clock.advance(2_999);
  assert.deepEqual(entered, ["slow", "hanging"]);
  await clock.advance(1);
  await last;
  assert.deepEqual(entered, ["slow", "hanging", "last"]);
});

test("one that gives up while it waits takes no place", async () => {
  const { entered, enter } = rig();
  const [first] = await Promise.all([enter("a"), enter("b")]);
  const stop = new AbortController();
  const left = enter("left", "here", stop.signal);
  const next = enter("next");
  stop.abort(new Error("terminated"));
  await assert.rejects(left, /terminated/);
  first[Symbol.dispose]();
  await next;
  assert.deepEqual(entered, ["a", "b", "next"]);
});
