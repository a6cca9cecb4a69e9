import assert from "node:assert/strict";
import { test } from "node:test";
import express from "express";
import { systemClock } from "../../src/base/clock.ts";
import { createDeadLetters } from "../../src/events/sensor/dead-letters.ts";
import { createDeadStore } from "../../src/events/sensor/dead-store.ts";
import { deadRoutes } from "../../src/server/dead-routes.ts";
import { received } from "../events/sensor/builders.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { startExpress } from "./express.ts";

const heads = { namespace: "ns", uid: "uid", revision: "r" };

/** Letters 1 to `count` of Sensor `ns/s`, trigger `t`, then one of `ns/gone`. */
async function open(count = 3) {
  const bus = createMemoryBus();
  const put = async (name: string, id: string) => {
    const effect = { key: `uid/t/${id}`, trigger: "t", events: { a: received(id, "a", { secret: 1 }) } };
    const failed = { ...effect, decision: "w-1.0", failed: 1, attempts: [{ at: 1, error: "no" }], dueAt: 0 };
    await createDeadLetters(bus, { ...heads, name }, systemClock)({ kind: "effect", effect: failed, error: "no" });
  };
  for (let n = 1; n <= count; n++) await put("s", `e${n}`);
  await put("gone", "x");
  const letters = createDeadStore(bus, systemClock);
  const asked: number[] = [];
  const app = express();
  app.use(express.json());
  const redrive = async ({ id }: { id: number }) => void asked.push(id);
  app.use("/dead", deadRoutes({ letters, redrive, hasSensor: ({ name }) => name === "s" }));
  const server = await startExpress(app);
  return { ...server, asked, letters };
}

const ids = (answer: { letters: { id: number }[] }) => answer.letters.map(({ id }) => id);

const lists: [path: string, expected: number[]][] = [
  ["/dead", [4, 3, 2, 1]],
  ["/dead?limit=2", [4, 3]],
  ["/dead?limit=2&before=3", [2, 1]],
  ["/dead?sensor=ns/s", [3, 2, 1]],
  ["/dead?namespace=other", []],
  ["/dead?namespace=ns&trigger=t&limit=1", [4]],
  ["/dead?trigger=u", []],
];

test("lists what is dead, newest first, without the events' data", async () => {
  await using rig = await open();
  for (const [path, expected] of lists) {
    const { body } = await rig.call("GET", path);
    assert.deepEqual(ids(body), expected, path);
  }
  const { body } = await rig.call("GET", "/dead?limit=1");
  const { at: _, ...letter } = body.letters[0];
  const sensor = { ...heads, name: "gone" };
  assert.deepEqual(letter, {
    id: 4,
    sensor,
    trigger: "t",
    key: "uid/t/x",
    decision: "w-1.0",
    error: "no",
    failed: 1,
    events: { a: "x" },
  });
  assert.equal(body.total, 4);
});

const refusals: [method: string, path: string, body: object | undefined, status: number, error: RegExp][] = [
  ["GET", "/dead?limit=0", undefined, 400, /limit: "0" must be 1 to 1000/],
  ["GET", "/dead?sensor=s", undefined, 400, /sensor: "s" must be NAMESPACE\/NAME/],
  ["GET", "/dead/x", undefined, 400, /id: "x" must be a whole number/],
  ["GET", "/dead/17", undefined, 404, /no dead letter "17" is known/],
  ["POST", "/dead/17/redrive", {}, 404, /no dead letter "17" is known/],
  ["POST", "/dead/4/redrive", {}, 404, /there is no Sensor "ns\/gone" any more/],
  ["POST", "/dead/redrive", {}, 400, /give "sensor": "NAMESPACE\/NAME", or "all": true/],
  ["POST", "/dead/redrive", { all: "yes" }, 400, /or "all": true/],
];
for (const [method, path, body, status, error] of refusals) {
  test(`refuses ${method} ${path} ${body === undefined ? "" : JSON.stringify(body)}`, async () => {
    await using rig = await open();
    const answer = await rig.call(method, path, body);
    assert.deepEqual([answer.status, rig.asked], [status, []]);
    assert.match(answer.body.error, error);
  });
}

test("redrives one, those of a Sensor, or all; what cannot be is told apart", async () => {
  await using rig = await open();
  assert.equal((await rig.call("POST", "/dead/2/redrive", {})).status, 202);
  const some = await rig.call("POST", "/dead/redrive", { sensor: "ns/s", after: 1 });
  const all = await rig.call("POST", "/dead/redrive", { all: true });
  assert.deepEqual(rig.asked, [2, 2, 3, 1, 2, 3]);
  assert.deepEqual([some.body.asked.length, some.body.refused], [2, []]);
  assert.deepEqual(all.body.refused, [
    { id: 4, error: 'dead letter 4 cannot be redriven: there is no Sensor "ns/gone" any more' },
  ]);
});

test("takes a thousand at a time, and says where to go on", async () => {
  await using rig = await open(1_100);
  const first = await rig.call("POST", "/dead/redrive", { sensor: "ns/s" });
  assert.deepEqual([first.body.asked.length, first.body.next], [1_000, 1_000]);
  const rest = await rig.call("POST", "/dead/redrive", { sensor: "ns/s", after: first.body.next });
  assert.deepEqual([rest.body.asked.length, rest.body.next], [100, undefined]);
});

test("what was redriven is not there any more; what failed again is, under its new id", async () => {
  await using rig = await open(1);
  const found = await rig.letters.find(1);
  assert.ok(found);
  await rig.letters.mark(found);
  assert.deepEqual(ids((await rig.call("GET", "/dead")).body), [2]);
  assert.equal((await rig.call("GET", "/dead/1")).status, 404);
  const { body } = await rig.call("GET", "/dead/2");
  assert.deepEqual(body.letter.events.a.event.data, { secret: 1 }, "show has all of it");
});
