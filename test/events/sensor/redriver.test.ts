import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EngineError } from "../../../src/base/errors.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import type { DeadStore } from "../../../src/events/sensor/dead-store.ts";
import type { CloudEvent } from "../../../src/record/cloud-event.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../../harness/memory-bus.ts";
import { waitFor } from "../../harness/wait.ts";
import { both, clock, dependencies, each, letters, live, log, publish, sensor } from "./life.ts";

/** Fails until it is mended, and remembers what it did then. */
function createHands() {
  const done: string[] = [];
  const state = { isBroken: true };
  const execute: Execute = async ({ key }) => {
    if (state.isBroken) throw new Error("no");
    done.push(key);
    return { message: "" };
  };
  return { done, state, execute };
}

type Life = Awaited<ReturnType<typeof live>>;

async function redrive({ dead, redrives }: Life, at = 0): Promise<void> {
  const letter = (await dead.list({})).letters[at];
  assert.ok(letter);
  await redrives.request(letter);
}

const nothingAsked = (bus: MemoryBus) =>
  waitFor("the request to be gone", async () => (await bus.state("redrives").entries("")).length === 0);
const nothingDead = ({ dead }: Life) =>
  waitFor("nothing to be dead", async () => (await dead.list({})).letters.length === 0);

test("what is redriven while its failure is being recorded is done after that", async () => {
  const bus = createMemoryBus();
  const { done, state, execute } = createHands();
  const gate = Promise.withResolvers<void>();
  let isHeld = false;
  bus.done = (operation, subject) => {
    if (operation === "publish" && subject.startsWith("dead")) isHeld = true;
  };
  bus.fault = (operation, subject) =>
    isHeld && operation === "publish" && subject.startsWith("ledger") ? gate.promise : undefined;
  const life = await live(sensor([each]), bus, "w", execute);
  await publish(bus, "a", "a1");
  await waitFor("the letter", () => letters(bus).length === 1);
  state.isBroken = false;
  await redrive(life);
  for (let n = 0; n < 100; n++) await turn(); // it is looked at, and has to wait
  assert.equal((await life.dead.list({})).letters.length, 1, "dead until it is begun");
  gate.resolve();
  await waitFor("it", () => done.length === 1);
  await nothingDead(life);
  life.stop();
  await life.running;
  assert.deepEqual(done, ["uid-1/each/a1"]);
});

test("an event that failed for one dependency is judged for that one only", async () => {
  const filters = { data: [{ path: "body.missing", type: "string", value: ["x"] }] };
  const broken = { name: "broken", eventSourceName: "source", eventName: "a", filters };
  const triggers = [
    { template: { name: "fine", conditions: "a", log } },
    { template: { name: "never", conditions: "broken", log } },
  ];
  const bus = createMemoryBus();
  const { done, state, execute } = createHands();
  state.isBroken = false;
  const life = await live(sensor(triggers, [...dependencies.slice(0, 1), broken]), bus, "w", execute);
  await publish(bus, "a", "a1");
  await waitFor("the other trigger", () => done.length === 1);
  await waitFor("the letter", () => letters(bus).length === 1);
  await redrive(life);
  await waitFor("a letter again", () => letters(bus).length === 3);
  await nothingAsked(bus);
  life.stop();
  await life.running;
  assert.deepEqual(done, ["uid-1/fine/a1"], "once");
});

test("an event of a dependency that an edit removed stays dead when it is redriven", async () => {
  const filters = { data: [{ path: "body.missing", type: "string", value: ["x"] }] };
  const bus = createMemoryBus();
  const { execute } = createHands();
  const [a, b] = dependencies;
  const before = await live(sensor([each], [{ ...a, filters }, b!]), bus, "before", execute);
  await publish(bus, "a", "a1");
  await waitFor("the letter", () => letters(bus).length === 1);
  before.stop();
  await before.running;
  const after = await live(sensor([{ template: { name: "each", conditions: "b", log } }], [b!]), bus, "after", execute);
  await redrive(after);
  await nothingAsked(bus);
  const { letters: open } = await after.dead.list({});
  after.stop();
  await after.running;
  assert.deepEqual(
    open.map(({ id }) => id),
    [1],
  );
});

const event = {
  source: "source",
  type: "webhook",
  time: "2026-01-01T00:00:00Z",
  datacontenttype: "application/json",
  data: {},
};

const inThrees = { template: { name: "all", conditions: "a || b", log, batch: { size: 3, wait: "1h" } } };
for (const [name, trigger, ids, held, isDone] of [
  ["that the bus still holds", both, ["a1", "b1"], ["a1", "b1"], true],
  ["of which the bus has dropped one", both, ["a1", "b1"], ["b1"], false],
  ["of which the bus has dropped one of a batch, not the newest", inThrees, ["a1", "b1", "a2"], ["b1", "a2"], false],
] as const) {
  test(`a letter without its events, ${name}, is ${isDone ? "done" : "not, and stays dead"}`, async () => {
    const bus = createMemoryBus("one", new Map(), new Map(), () => clock.now());
    const { done, state, execute } = createHands();
    let refusals = 0;
    bus.fault = (operation, subject) => {
      if (operation !== "publish" || !subject.startsWith("dead") || ++refusals > 1) return;
      throw new EngineError("BUS_MESSAGE_TOO_LARGE", "too large");
    };
    const base = await live(sensor([trigger]), bus, "w", execute, {});
    for (const id of ids) await publish(bus, id.charAt(0), id);
    await waitFor("the letter", () => letters(bus).length === 1);
    base.stop();
    await base.running;
    assert.equal(letters(bus)[0].events.a.event, undefined, "only where they are");
    state.isBroken = false;
    const stored = new Map<string, CloudEvent>(ids.map((id) => [id, { id, ...event, subject: id.charAt(0) }]));
    const deps = await base.deps();
    assert.ok(deps.redrive);
    const readEvent: typeof deps.redrive.readEvent = async ({ id }) =>
      (held as readonly string[]).includes(id) ? stored.get(id) : undefined;
    const again = await live(sensor([trigger]), bus, "again", execute, {
      redrive: { ...deps.redrive, inbox: base.redrives.inbox({ namespace: "shop", name: "crashing" }), readEvent },
    });
    const stop = new AbortController();
    const asking = base.redrives.run(stop.signal);
    await redrive({ ...again, redrives: base.redrives });
    await nothingAsked(bus);
    if (isDone) await waitFor("it", () => done.length === 1);
    const { letters: open } = await again.dead.list({});
    again.stop();
    stop.abort();
    await Promise.all([again.running, asking]);
    assert.deepEqual([done, open.length], isDone ? [["uid-1/both/a1,b1"], 0] : [[], 1]);
  });
}
test("a letter that cannot be read holds up no other; a bus that is away is waited for", async () => {
  const bus = createMemoryBus();
  const { done, state, execute } = createHands();
  const before = await live(sensor([each]), bus, "before", execute);
  for (const id of ["a1", "a2"]) await publish(bus, "a", id);
  await waitFor("the letters", () => letters(bus).length === 2);
  before.stop();
  await before.running;
  state.isBroken = false;
  let away = 2;
  const find: DeadStore["find"] = async (id) => {
    if (id === 1) throw new EngineError("RECORD_TOO_NEW", "a newer program wrote it");
    if (away-- > 0) throw busAway();
    return before.dead.find(id);
  };
  const deps = await before.deps();
  assert.ok(deps.redrive);
  const letterStore = { find, mark: before.dead.mark };
  const inbox = before.redrives.inbox({ namespace: "shop", name: "crashing" });
  const after = await live(sensor([each]), bus, "after", execute, {
    redrive: { ...deps.redrive, inbox, letters: letterStore },
  });
  const stop = new AbortController();
  const asking = before.redrives.run(stop.signal);
  const life = { ...after, redrives: before.redrives };
  for (const at of [0, 1]) await redrive(life, at);
  await waitFor("the other", () => done.length === 1);
  await nothingAsked(bus);
  const { letters: open } = await after.dead.list({});
  after.stop();
  stop.abort();
  await Promise.all([after.running, asking]);
  assert.deepEqual([done, open.map(({ id }) => id)], [["uid-1/each/a2"], [1]]);
});
