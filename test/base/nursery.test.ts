import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createNursery } from "../../src/base/nursery.ts";

type Run = (signal: AbortSignal) => Promise<void>;

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

const failsAfterStop: Run = async (signal) => {
  await untilAborted(signal);
  throw new Error("closed");
};

const cases: { name: string; run: Run; stops: boolean; failure: string | undefined }[] = [
  { name: "what runs on is no failure", run: untilAborted, stops: false, failure: undefined },
  { name: "what ends once it was stopped is no failure", run: untilAborted, stops: true, failure: undefined },
  { name: "what fails once it was stopped is no failure", run: failsAfterStop, stops: true, failure: undefined },
  { name: "what ends by itself is a failure", run: async () => undefined, stops: false, failure: "it ended by itself" },
  {
    name: "what fails by itself is a failure, and stopping it later changes nothing",
    run: async () => {
      throw new Error("the disk is full");
    },
    stops: true,
    failure: "the disk is full",
  },
];

for (const { name, run, stops, failure } of cases) {
  test(name, async () => {
    const nursery = createNursery();
    let seen: string | undefined;
    nursery.failed.catch((error: Error) => {
      seen = error.message;
    });
    const started = nursery.start("it", run);
    await turn();
    if (stops) await started[Symbol.asyncDispose]();
    await turn();
    assert.equal(seen, failure);
    await started[Symbol.asyncDispose]();
  });
}

test("the first failure counts, whoever looks and whenever", async () => {
  const nursery = createNursery();
  nursery.start("first", async () => {
    throw new Error("first");
  });
  nursery.start("second", async () => {
    throw new Error("second");
  });
  await turn();
  await assert.rejects(nursery.failed, { message: "first" });
  await assert.rejects(nursery.failed, { message: "first" });
});

test("disposal waits until what it stopped has ended", async () => {
  const nursery = createNursery();
  const cleaning = Promise.withResolvers<void>();
  const order: string[] = [];
  const started = nursery.start("it", async (signal) => {
    await untilAborted(signal);
    order.push("aborted");
    await cleaning.promise;
    order.push("ended");
  });
  const disposed = started[Symbol.asyncDispose]().then(() => order.push("disposed"));
  await turn();
  assert.deepEqual(order, ["aborted"]);
  cleaning.resolve();
  await disposed;
  assert.deepEqual(order, ["aborted", "ended", "disposed"]);
});
