import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeadLetters } from "../../../src/events/sensor/dead-letters.ts";
import { createDeadStore } from "../../../src/events/sensor/dead-store.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { createMemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { received } from "./builders.ts";
import { effect } from "./queue-rig.ts";

/** `put KEY` (`put KEY of ID`: redriven from there), `mark ID`, `drop BEFORE`, `noise`; then what is dead, newest last. */
const rows: [name: string, steps: readonly string[], dead: readonly string[]][] = [
  ["letters in their order", ["put a", "put b"], ["1 a", "2 b"]],
  ["what was redriven is dead no more", ["put a", "put b", "mark 1"], ["2 b"]],
  ["what failed again is, under its new id", ["put a", "put b", "mark 1", "put a of 1"], ["2 b", "4 a"]],
  [
    "of two letters with one key the newer, where no mark stands between",
    ["put a", "put b", "put a of 1"],
    ["2 b", "3 a"],
  ],
  ["a mark of an older letter does not end a newer one", ["put a", "put a of 1", "mark 1"], ["2 a"]],
  ["a mark of a newer letter ends an older one", ["put a", "put a of 1", "mark 2"], []],
  ["a letter whose time is over is gone, and no other for it", ["put a", "put b", "drop 2"], ["2 b"]],
  ["what somebody else wrote there is no letter", ["noise", "put a"], ["2 a"]],
];
for (const [name, steps, expected] of rows) {
  test(`dead: ${name}`, async () => {
    const bus = createMemoryBus();
    const clock = createVirtualClock();
    const sensor = { namespace: "ns", name: "s", uid: "uid", revision: "r" };
    const put = createDeadLetters(bus, sensor, clock);
    const store = createDeadStore(bus, clock);
    const taken = new Map<number, Awaited<ReturnType<typeof store.find>>>();
    for (const step of steps) {
      const [what, name = "", , from] = step.split(" ");
      if (what === "put") {
        const more = { events: { a: received("e1", "a") }, ...(from !== undefined && { redrive: from }) };
        await put({ kind: "effect", effect: effect(name, more), error: "no" });
        const { after } = await bus.end("dead");
        taken.set(after, await store.find(after));
      } else if (what === "mark") {
        await store.mark(taken.get(Number(name)) ?? assert.fail(`${name} was never there`));
      } else if (what === "drop") {
        bus.drop("dead", Number(name));
      } else await bus.publish(rawSubject("dead.ns.s.t"), { id: "x", data: Buffer.from('{"v":"?"') });
    }
    const { letters } = await store.list({});
    assert.deepEqual(
      letters.map(({ id, key }) => `${id} ${key}`),
      expected,
    );
    const { after } = await bus.end("dead");
    const found: string[] = [];
    for (let id = 1; id <= after; id++) {
      const one = await store.find(id);
      if (one) found.push(`${one.id} ${one.letter.key}`);
    }
    assert.deepEqual(found, expected, "each is found by its id, and nothing else");
  });
}
