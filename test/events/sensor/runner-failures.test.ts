import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "../../../src/base/log.ts";
import type { Execute } from "../../../src/events/sensor/attempts.ts";
import { createMemoryBus } from "../../harness/memory-bus.ts";
import { waitFor } from "../../harness/wait.ts";
import { both, clock, dependencies, each, letters, live, log, publish, recordsOf, sensor } from "./life.ts";

test("an event whose filter failed is judged again when it is redriven, by the Sensor as it is then", async () => {
  const bus = createMemoryBus();
  const done: string[] = [];
  const execute: Execute = async ({ key }) => {
    done.push(key);
    return { message: "" };
  };
  const filters = { data: [{ path: "body.missing", type: "string", value: ["x"] }] };
  const given = [{ name: "a", eventSourceName: "source", eventName: "a", filters }, ...dependencies.slice(1)];
  const broken = await live(sensor([both, each], given), bus, "broken", execute);
  await publish(bus, "a", "a1");
  await publish(bus, "b", "b1");
  await waitFor("the letter", () => letters(bus).length === 1);
  await waitFor("the other event", () => done.length === 1);
  await broken.redrives.request((await broken.dead.list({})).letters[0]!);
  await waitFor("a letter again", () => letters(bus).length === 3);
  broken.stop();
  await broken.running;
  const { letters: open } = await broken.dead.list({});
  assert.deepEqual([open.length, done], [1, ["uid-1/each/b1"]], "as long as the filter fails it is dead");
  const mended = await live(sensor([both, each]), bus, "mended", execute);
  await mended.redrives.request(open[0]!);
  await waitFor("what it fires", () => done.length === 3);
  await waitFor("the letter to be dead no more", async () => (await mended.dead.list({})).letters.length === 0);
  mended.stop();
  await mended.running;
  assert.deepEqual(done.slice(1).sort(), ["uid-1/both/a1,b1", "uid-1/each/a1"]);
});

test("a trigger with broken conditions is told of when the Sensor starts, and stops no other", async () => {
  const bus = createMemoryBus();
  const told: unknown[] = [];
  const done: string[] = [];
  const execute: Execute = async ({ key }) => {
    done.push(key);
    return { message: "" };
  };
  const lost = { template: { name: "lost", conditions: "a && c", log } };
  const own = { ...silentLogger, warn: (message: string, fields?: object) => void told.push([message, fields]) };
  const { stop, running } = await live(sensor([lost, each]), bus, "w", execute, { log: own });
  await publish(bus, "a", "a1");
  await waitFor("the other", () => done.length === 1);
  stop();
  await running;
  const reason = 'its conditions name "c", and the dependencies are a, b';
  assert.deepEqual(told, [["a trigger never fires", { trigger: "lost", reason }]]);
  assert.deepEqual(done, ["uid-1/each/a1"]);
});

test("redriven twice, it is done once", async () => {
  const bus = createMemoryBus();
  const done: string[] = [];
  let isBroken = true;
  const execute: Execute = async ({ key }) => {
    if (isBroken) throw new Error("no");
    done.push(key);
    return { message: "" };
  };
  const { stop, running, redrives, dead } = await live(sensor([each]), bus, "w", execute);
  await publish(bus, "a", "a1");
  await waitFor("the letter", () => letters(bus).length === 1);
  const [letter] = (await dead.list({})).letters;
  isBroken = false;
  await Promise.all([redrives.request(letter!), redrives.request(letter!)]);
  await waitFor("it", () => done.length === 1);
  await redrives.request(letter!);
  await waitFor("the requests to be gone", async () => (await bus.state("redrives").entries("")).length === 0);
  await sleep(20);
  stop();
  await running;
  assert.deepEqual(done, ["uid-1/each/a1"]);
});

test("a batch that failed for good keeps all of its events: for its dlqTrigger, on dead, and when it is redriven", async () => {
  const bus = createMemoryBus("one", new Map(), new Map(), () => clock.now());
  const done: string[] = [];
  let isBroken = true;
  const execute: Execute = async ({ key, trigger, batch = [] }) => {
    if (isBroken && trigger === "all") throw new Error("no");
    done.push(`${key.split("/", 1)[0]} ${trigger} ${batch.map(({ event }) => event.id).join()}`);
    return { message: "" };
  };
  const rescue = { atLeastOnce: true, template: { name: "rescue", log } };
  const all = {
    template: { name: "all", conditions: "a || b", log, batch: { size: 3, wait: "1h" } },
    atLeastOnce: true,
    retryStrategy: { steps: 1 },
    dlqTrigger: rescue,
  };
  const { stop, running, redrives, dead, metrics } = await live(sensor([all]), bus, "w", execute);
  for (const id of ["a1", "b1", "a2"]) await publish(bus, id.charAt(0), id);
  await waitFor("the dlqTrigger", () => done.length === 1);
  await waitFor("the letter", () => letters(bus).length === 1);
  const [letter] = (await dead.list({})).letters;
  assert.equal(JSON.stringify(letter).includes('batch":'), false, "lists hold no data of events");
  isBroken = false;
  await redrives.request(letter!);
  await waitFor("the batch", () => done.length === 2);
  await waitFor("the letter to be dead no more", async () => (await dead.list({})).letters.length === 0);
  stop();
  await running;
  assert.deepEqual(done, ["dlq rescue a1,b1,a2", "uid-1 all a1,b1,a2"]);
  assert.match(await metrics.text(), /^tiphys_dead_letters_total\{namespace="shop",sensor_name="crashing"\} 1$/m);
  const told = recordsOf(bus, "effect").map(({ trigger, outcome, dlqOf, redrive }) => [
    trigger,
    outcome,
    dlqOf,
    redrive,
  ]);
  assert.deepEqual(told.toSorted(), [
    ["all", "dead", undefined, undefined],
    ["all", "succeeded", undefined, String(letter?.id)],
    ["rescue", "succeeded", "all", undefined],
  ]);
});

test("effects of one key stay in order behind one that is tried again, or gives up; those of another key go on", async () => {
  const bus = createMemoryBus("one", new Map(), new Map(), () => clock.now());
  const done: string[] = [];
  const failures = new Map([
    ["a1", 1],
    ["a3", 9],
  ]);
  const other = Promise.withResolvers<void>();
  const execute: Execute = async ({ events }) => {
    const id = Object.values(events)[0]?.event.id ?? "";
    if (id === "b1") other.resolve();
    if (id === "a1") await other.promise; // would wait for ever, were the other key behind it
    const left = failures.get(id) ?? 0;
    failures.set(id, left - 1);
    if (left > 0) throw new Error("no");
    done.push(id);
    return { message: "" };
  };
  const ordered = {
    template: { name: "each", conditions: "a || b", log, ordering: { key: "k" } },
    atLeastOnce: true,
    retryStrategy: { steps: 2, duration: "30ms" },
    dlqTrigger: { atLeastOnce: true, template: { name: "rescue", log } },
  };
  const { stop, running } = await live(sensor([ordered]), bus, "w", execute);
  for (const id of ["a1", "a2", "b1", "a3", "a4"]) await publish(bus, id.charAt(0), id, { k: id.charAt(0) });
  await waitFor("the end", () => done.includes("a4") && done.includes("b1"));
  await waitFor("the letter", () => letters(bus).length >= 1); // another comes of the rescue, which fails too
  stop();
  await running;
  const ofA = done.filter((id) => id !== "b1");
  assert.deepEqual(
    ofA.filter((id) => id !== "a3"),
    ["a1", "a2", "a4"],
  );
});
