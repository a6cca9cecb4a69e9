import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { createLanes, type Lanes } from "../../../src/gitops/source/lanes.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const never = new AbortController().signal;

interface Asked {
  readonly name: string;
  end(outcome: "well" | "timeout"): Promise<void>;
}

/** Lanes of four places, two per host; requests end when the test says so. */
function openLanes() {
  const clock = createVirtualClock();
  const lanes: Lanes = createLanes(clock, { maxRemoteChildren: 4, maxChildrenPerHost: 2 });
  const running: string[] = [];
  const ask = (name: string, origin = name, signal = never, isList = false): Asked => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const result = lanes.run(
      { origin, repository: name, isList },
      async () => {
        running.push(name);
        try {
          await promise;
        } finally {
          running.splice(running.indexOf(name), 1);
        }
      },
      signal,
    );
    result.catch(() => undefined);
    return {
      name,
      async end(outcome) {
        if (outcome === "well") resolve();
        else reject(new EngineError("TOOL_TIMEOUT", "it took too long"));
        await result.catch(() => undefined);
        await clock.advance(0);
      },
    };
  };
  return { clock, ask, running };
}

test("requests that take long leave their places to others; twice as many may run, and no more", async () => {
  const { clock, ask, running } = openLanes();
  const asked = Array.from({ length: 10 }, (_, n) => ask(`r${n}`));
  await clock.advance(2_999);
  assert.equal(running.length, 4);
  await clock.advance(1);
  assert.equal(running.length, 8);
  await clock.advance(60_000);
  assert.equal(running.length, 8);
  for (const one of asked.slice(0, 8)) await one.end("well");
  assert.deepEqual(running, ["r8", "r9"]);
});

test("lists do not wait behind fetches that hang, of their host or of others, and have as few places", async () => {
  const { clock, ask, running } = openLanes();
  for (let n = 0; n < 10; n++) ask(`hangs${n}`, `host${n % 3}`);
  await clock.advance(10_000);
  const before = running.length;
  for (let n = 0; n < 5; n++) ask(`list${n}`, "host0", never, true);
  ask("other", "host1", never, true);
  await clock.advance(0);
  assert.deepEqual(running.slice(before), ["list0", "list1", "other"]);
  await clock.advance(60_000);
  assert.deepEqual(running.slice(before), ["list0", "list1", "other", "list2", "list3"]);
});

test("a host has its share of each lane", async () => {
  const { clock, ask, running } = openLanes();
  for (const name of ["a", "b", "c", "d", "e"]) ask(name, "one");
  ask("z", "other");
  await clock.advance(0);
  assert.deepEqual(running, ["a", "b", "z"]);
  await clock.advance(10_000);
  assert.deepEqual(running, ["a", "b", "z", "c", "d"]);
});

test("what timed out takes places that others do not want, until it ends well", async () => {
  const { clock, ask, running } = openLanes();
  for (const name of ["a", "b", "c"]) await ask(name).end("timeout");
  const again = ["a", "b", "c"].map((name) => ask(name));
  await clock.advance(0);
  assert.deepEqual(running, ["a", "b"]);
  for (const name of ["r1", "r2", "r3", "r4"]) ask(name);
  await clock.advance(0);
  assert.deepEqual(running, ["a", "b", "r1", "r2", "r3", "r4"]);
  await again[0]?.end("well");
  assert.ok(running.includes("c"));
  await clock.advance(3_000);
  ask("a"); // an ordinary one again: c and b hold all places of those that hang
  await clock.advance(0);
  assert.ok(running.includes("a"));
});

test("who leaves while waiting holds nothing", async () => {
  const { clock, ask, running } = openLanes();
  const first = ["a", "b", "c", "d"].map((name) => ask(name));
  await clock.advance(0);
  const leaving = new AbortController();
  ask("left", "left", leaving.signal);
  ask("next");
  leaving.abort(new Error("left"));
  await first[0]?.end("well");
  assert.deepEqual(running, ["b", "c", "d", "next"]);
});
