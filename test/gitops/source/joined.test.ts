import assert from "node:assert/strict";
import { test } from "node:test";
import { createJoined } from "../../../src/gitops/source/joined.ts";
import { waitFor } from "../../harness/wait.ts";
import { never } from "./rig.ts";

/** Work that counts its rounds and ends when told. */
function counted() {
  const ends: ((value: number) => void)[] = [];
  const aborted: number[] = [];
  const joined = createJoined((signal) => {
    const round = ends.length + 1;
    return new Promise<number>((resolve, reject) => {
      ends.push(resolve);
      signal.addEventListener("abort", () => {
        aborted.push(round);
        reject(signal.reason);
      });
    });
  });
  const begun = (round: number) => waitFor(`round ${round}`, () => ends.length >= round);
  return { joined, ends, aborted, begun };
}

test("callers of one turn share a round, callers during it the next", async () => {
  const { joined, ends, begun } = counted();
  const first = [joined.ask(never), joined.ask(never)];
  await begun(1);
  const second = [joined.ask(never), joined.ask(never), joined.ask(never)];
  ends[0]?.(1);
  assert.deepEqual(await Promise.all(first), [1, 1]);
  await begun(2);
  ends[1]?.(2);
  assert.deepEqual(await Promise.all(second), [2, 2, 2]);
  assert.equal(ends.length, 2);
});

test("a caller that leaves ends nothing while another waits; the last one does", async () => {
  const { joined, aborted, begun } = counted();
  const [one, two] = [new AbortController(), new AbortController()];
  const asked = [joined.ask(one.signal), joined.ask(two.signal)];
  await begun(1);
  one.abort(new Error("one left"));
  await assert.rejects(asked[0]!, /one left/);
  assert.deepEqual(aborted, []);
  two.abort(new Error("two left"));
  await assert.rejects(asked[1]!, /two left/);
  await waitFor("the abort", () => aborted.length === 1);
});

test("who asks after all left gets a round of its own", async () => {
  const { joined, ends, begun } = counted();
  const stop = new AbortController();
  const left = joined.ask(stop.signal);
  stop.abort(new Error("left"));
  await assert.rejects(left, /left/);
  const asked = joined.ask(never);
  await begun(1);
  ends[0]?.(7);
  assert.equal(await asked, 7);
  assert.equal(ends.length, 1);
});

test("a round that fails does not spoil the next", async () => {
  let round = 0;
  const joined = createJoined(async () => {
    round += 1;
    if (round === 1) throw new Error("down");
    return round;
  });
  await assert.rejects(joined.ask(never), /down/);
  assert.equal(joined.underWay, undefined);
  assert.equal(await joined.ask(never), 2);
});
