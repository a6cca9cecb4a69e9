import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { TerminalError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createClientPool } from "../../src/events/triggers/client-pool.ts";
import { createTriggerKinds } from "../../src/events/triggers/registry.ts";
import { firing, never, triggerContext } from "../events/triggers/trigger-context.ts";
import { failOnLeaks } from "../harness/leaks.ts";
import { goOnBesideSlow, redriveAfterOutage } from "./trigger-sensor.ts";
import { type TriggerUnderTest, type TriggerWorld, triggersUnderTest, type WithoutRights } from "./trigger-worlds.ts";

failOnLeaks();

/** An engine's kinds and connections; another one is what comes after a crash. */
function createHands(
  kind: string,
  { spec, context, secrets }: TriggerWorld,
  stack: AsyncDisposableStack,
  as: Partial<WithoutRights> = {},
) {
  const clients = stack.use(createClientPool({ clock: triggerContext().clock, log: silentLogger }));
  const adapter = createTriggerKinds()[kind];
  assert.ok(adapter);
  return async (key: string) => {
    const { kube } = as;
    const all = triggerContext({ clients, ...context, ...(kube && { kube }) }, as.secrets ?? secrets);
    return adapter.parse(as.spec ?? spec, kind).plan(firing({ key }), all, never);
  };
}

function triggerContract({ kind, skip, isOnceAfterCrash, repeats, open }: TriggerUnderTest): void {
  describe(kind, { skip, timeout: 180_000 }, () => {
    const stack = new AsyncDisposableStack();
    let opened: Promise<TriggerWorld> | undefined;
    /** One for all tests of a kind: brokers take long to start. */
    const worldOf = (): Promise<TriggerWorld> => {
      opened ??= open(stack);
      return opened;
    };
    after(() => stack.disposeAsync());

    test("a plan says the same each time, and does nothing", async () => {
      const world = await worldOf();
      const before = await world.effects();
      const plan = createHands(kind, world, stack);
      const first = await plan("planned");
      assert.deepEqual((await plan("planned")).plan, first.plan);
      assert.equal(await world.effects(), before);
      assert.doesNotThrow(() => JSON.stringify(first.plan));
    });

    test("one firing has one effect, however often it is applied", { skip: repeats ?? false }, async () => {
      const world = await worldOf();
      const before = await world.effects();
      const plan = createHands(kind, world, stack);
      await (await plan("one")).apply(never);
      await (await plan("one")).apply(never);
      assert.equal((await world.effects()) - before, 1);
      if (isOnceAfterCrash) await (await createHands(kind, world, stack)("one")).apply(never);
      assert.equal((await world.effects()) - before, 1);
      await (await plan("another")).apply(never);
      assert.equal((await world.effects()) - before, 2);
    });

    test("what is away is tried again, and acts once when it is back", async (context) => {
      const world = await worldOf();
      if (!world.down || !world.up) return context.skip("it cannot be away");
      const before = await world.effects();
      const plan = createHands(kind, world, stack);
      await (await plan("first")).apply(never);
      await world.down();
      await assert.rejects(
        async () => (await plan("late")).apply(never),
        (error) => error instanceof Error && !(error instanceof TerminalError),
      );
      await world.up();
      await (await plan("late")).apply(never);
      assert.equal((await world.effects()) - before, 2);
    });

    test("in a Sensor, what is away is tried again, then dead, and redriven has its one effect", async (context) => {
      const world = await worldOf();
      if (!world.down || !world.up) return context.skip("it cannot be away");
      await redriveAfterOutage(kind, world);
    });

    test("in a Sensor, what is slow holds up no other trigger", async (context) => {
      const world = await worldOf();
      if (!world.stall || !world.resume) return context.skip("it cannot be slow");
      await goOnBesideSlow(kind, world);
    });

    test("who has no right is refused for good, with the rule that is missing", async (context) => {
      const world = await worldOf();
      const { withoutRights } = world;
      if (!withoutRights) return context.skip("what it acts on has no rights that can be told apart");
      const before = await world.effects();
      const plan = createHands(kind, world, stack, withoutRights);
      const { code, message } = withoutRights;
      await assert.rejects(async () => (await plan("refused")).apply(never), { name: "TerminalError", code, message });
      assert.equal(await world.effects(), before);
    });
  });
}

for (const one of triggersUnderTest) triggerContract(one);

test("every kind that runs is under this contract", () => {
  const named = triggersUnderTest.map(({ kind }) => kind);
  assert.deepEqual(named.sort(), Object.keys(createTriggerKinds()).sort());
});
