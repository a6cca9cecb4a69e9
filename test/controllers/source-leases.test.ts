import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EngineError } from "../../src/base/errors.ts";
import type { LeaseHolder } from "../../src/controllers/leases.ts";
import { createSourceLeases } from "../../src/controllers/source-leases.ts";

function open() {
  const owned = new Set<string>();
  const log: string[] = [];
  let holder: LeaseHolder | undefined;
  const leases = createSourceLeases({
    singles(one) {
      holder = one;
      return {
        owns: (name) => owned.has(name),
        holds: (name) => owned.has(name),
        want: (name) => void log.push(`want ${name}`),
        release: async (name) => void log.push(`release ${name}`),
      };
    },
    onChange: (namespace, name) => void log.push(`changed ${namespace}/${name}`),
  });
  return {
    leases,
    log,
    gain(name: string) {
      owned.add(name);
      holder?.gained(name);
    },
    lose(name: string) {
      owned.delete(name);
      holder?.lost(name, new EngineError("LEASE_LOST", "gone"));
    },
  };
}

test("work runs while the lease is held: it waits, is cut off, begins again, and ends with the EventSource", async () => {
  const { leases, log, gain, lose } = open();
  const runs: string[] = [];
  const work = async (signal: AbortSignal): Promise<void> => {
    runs.push("begins");
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    runs.push("ends");
  };
  const stop = new AbortController();
  const lease = leases.open("shop", "tick.tock");
  const both = Promise.all([lease.during(work, stop.signal), lease.during(work, stop.signal)]);
  await turn();
  assert.deepEqual([runs, leases.owns("shop", "tick.tock")], [[], false]);
  gain("shop/tick=2Etock");
  await turn();
  assert.deepEqual([runs, leases.owns("shop", "tick.tock")], [["begins", "begins"], true]);
  lose("shop/tick=2Etock");
  await turn();
  assert.equal(runs.join(), "begins,begins,ends,ends");
  gain("shop/tick=2Etock");
  await turn();
  stop.abort();
  await both;
  await lease[Symbol.asyncDispose]();
  assert.equal(runs.filter((one) => one === "ends").length, 4);
  gain("shop/tick=2Etock"); // too late: nobody is there
  const changed = "changed shop/tick.tock";
  assert.deepEqual(log, ["want shop/tick=2Etock", changed, changed, changed, "release shop/tick=2Etock"]);
});

test("waiting for a lease ends with the signal", async () => {
  const { leases } = open();
  const lease = leases.open("shop", "tick");
  const stop = new AbortController();
  const waiting = lease.during(() => assert.fail("it is not leased"), stop.signal);
  await turn();
  stop.abort();
  await waiting;
  await lease.during(() => assert.fail("it is over"), stop.signal);
});
