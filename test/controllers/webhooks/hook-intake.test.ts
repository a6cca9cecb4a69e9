import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { SeenPush } from "../../../src/controllers/applications/push-intake.ts";
import { hookEvent } from "../../../src/controllers/webhooks/hook-event.ts";
import { createHookIntake, type HookIntakeDeps, pushesOf } from "../../../src/controllers/webhooks/hook-intake.ts";
import type { SeenHook } from "../../../src/controllers/webhooks/webhook.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { after, before } from "./bodies.ts";

const refs = [{ name: "refs/heads/main", old: before, new: after }];
const seen: SeenHook = {
  provider: "GitHub",
  urls: ["https://git.example/acme/shop"],
  refs,
  headRef: "refs/heads/main",
};
const event = (hook: SeenHook, id = "1") => hookEvent(hook, id, instant(0));

test("each spelling in use of the repository is pushed to; others are not", () => {
  const used = [
    "https://git.example/acme/shop.git",
    "https://git.example/acme/shop",
    "git@git.example:Acme/shop.git",
    "https://git.example/acme/other",
    "oci://git.example",
  ];
  assert.deepEqual(
    pushesOf({ ...seen, files: ["a"] }, used).map(({ url, files }) => [url, files]),
    [
      ["https://git.example/acme/shop", ["a"]],
      ["git@git.example:Acme/shop.git", ["a"]],
    ],
  );
});

test("where the default branch is not told, any may be it", () => {
  const { headRef: _, ...untold } = seen;
  const [push] = pushesOf(untold, ["https://git.example/acme/shop"]);
  assert.deepEqual([push?.headRef, push?.mayBeHead], [undefined, true]);
  const [told] = pushesOf(seen, ["https://git.example/acme/shop"]);
  assert.deepEqual([told?.headRef, told?.mayBeHead], ["refs/heads/main", undefined]);
});

function open(
  onPush: (push: SeenPush) => Promise<void>,
  onRegistry: HookIntakeDeps["onRegistry"] = async () => undefined,
) {
  const stop = new AbortController();
  const clock = createVirtualClock();
  const repositories = () => ["https://git.example/acme/shop"];
  const take = createHookIntake({ repositories, onPush, onRegistry, clock, log: silentLogger, signal: stop.signal });
  return { take, clock, stop };
}

test("is done once the push is taken, however often that fails", async () => {
  let attempts = 0;
  const { take, clock } = open(async () => {
    attempts += 1;
    if (attempts < 4) throw new Error("the bus is away");
  });
  let isDone = false;
  take(event(seen), () => {
    isDone = true;
  });
  await waitFor("the push to be taken", async () => {
    await clock.advance(10_000);
    return isDone;
  });
  assert.equal(attempts, 4);
});

test("what was pushed to a registry goes to those who follow it, under its own id, and is no push of Git", async () => {
  const told: unknown[] = [];
  const pushed: SeenHook = { provider: "Harbor", urls: ["oci://harbor.example/acme/shop"], refs: [], tags: ["1"] };
  const onPush = (): Promise<void> => Promise.reject(new Error("that is no push of Git"));
  const { take } = open(onPush, async (...args) => void told.push(args));
  await new Promise<void>((resolve) => take(event(pushed, "7"), resolve));
  assert.deepEqual(told, [[pushed, "7"]]);
});

test("takes one after the other, in order", async () => {
  const order: string[] = [];
  const { take } = open(async ({ refs: [ref] }) => {
    order.push(`begin ${ref?.name}`);
    await new Promise(setImmediate);
    order.push(`end ${ref?.name}`);
  });
  const names = ["a", "b"];
  const all = names.map(
    (name) =>
      new Promise<void>((resolve) => {
        take(event({ ...seen, refs: [{ name, old: before, new: after }] }, name), resolve);
      }),
  );
  await Promise.all(all);
  assert.deepEqual(order, ["begin a", "end a", "begin b", "end b"]);
});

test("what is stopped stays stored; what is no push is passed over", async () => {
  const { take, stop } = open(() => Promise.reject(new Error("the bus is away")));
  const done: string[] = [];
  take(event(seen), () => done.push("stopped"));
  await new Promise(setImmediate);
  stop.abort();
  const other = open(async () => undefined);
  const { event: given, head } = event(seen);
  await new Promise<void>((resolve) => other.take({ event: { ...given, data: {} }, head }, resolve));
  assert.deepEqual(done, []);
});
