import assert from "node:assert/strict";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createExecutor } from "../../src/events/sensor/executor.ts";
import { createClientPool } from "../../src/events/triggers/client-pool.ts";
import { createTriggerKinds, triggerSchemas } from "../../src/events/triggers/registry.ts";
import { live, publish, sensor } from "../events/sensor/life.ts";
import { triggerContext } from "../events/triggers/trigger-context.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { waitFor } from "../harness/wait.ts";
import type { TriggerWorld } from "./trigger-worlds.ts";

/** What triggers promise within a Sensor that runs, beside another trigger of the same events. */

const attempts = 2;

/** A Sensor whose events fire the kind under test and a `log` trigger, in an engine's life of its own. */
async function openSensor(kind: string, { spec, context, secrets }: TriggerWorld) {
  await using stack = new AsyncDisposableStack();
  const clients = stack.use(createClientPool({ clock: systemClock, log: silentLogger }));
  const retryStrategy = { steps: attempts, duration: "100ms" };
  const compiled = sensor(
    [
      { template: { name: "tested", conditions: "a", [kind]: spec }, retryStrategy },
      { template: { name: "other", conditions: "a", log: {} } },
    ],
    undefined,
    triggerSchemas(),
  );
  const own = { ...triggerContext({ clients, clock: systemClock, ...context }, secrets), log: silentLogger };
  const execute = createExecutor(compiled, { kinds: createTriggerKinds(), context: own });
  const others = new Set<string>();
  const bus = createMemoryBus();
  const life = await live(compiled, bus, "w", async (effect, signal) => {
    const outcome = await execute(effect, signal);
    if (effect.trigger === "other") others.add(effect.key);
    return outcome;
  });
  stack.defer(async () => {
    life.stop();
    await life.running;
  });
  const owned = stack.move();
  return { ...life, bus, others, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export async function redriveAfterOutage(kind: string, world: TriggerWorld): Promise<void> {
  const before = await world.effects();
  await using running = await openSensor(kind, world);
  await world.down?.();
  try {
    await publish(running.bus, "a", `${kind}-1`);
    await waitFor("the other trigger", () => running.others.size === 1);
    const [letter] = await waitFor(
      "the letter",
      async () => {
        const { letters } = await running.dead.list({});
        return letters.length > 0 && letters;
      },
      60_000,
    );
    assert.deepEqual([letter?.trigger, letter?.failed], ["tested", attempts]);
    await world.up?.();
    assert.equal(await world.effects(), before);
    await running.redrives.request(letter!);
    await running.redrives.request(letter!);
  } finally {
    await world.up?.();
  }
  await waitFor("the effect", async () => (await world.effects()) === before + 1, 30_000);
  await waitFor("the letter to be dead no more", async () => (await running.dead.list({})).letters.length === 0);
  assert.equal(await world.effects(), before + 1);
}

/** More than a trigger has under way at once (lane.ts): the Sensor has to go on beside it. */
const many = 300;

export async function goOnBesideSlow(kind: string, world: TriggerWorld): Promise<void> {
  const before = await world.effects();
  await using running = await openSensor(kind, world);
  world.stall?.();
  try {
    for (let n = 0; n < many; n++) await publish(running.bus, "a", `${kind}-slow-${n}`);
    await waitFor("the other trigger", () => running.others.size === many, 5_000);
    if (!world.isBlindWhileSlow) assert.equal(await world.effects(), before);
  } finally {
    world.resume?.();
  }
  await waitFor("all effects", async () => (await world.effects()) === before + many, 30_000);
}
