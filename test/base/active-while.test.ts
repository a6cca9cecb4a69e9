import assert from "node:assert/strict";
import { test } from "node:test";
import { createActiveWhile } from "../../src/base/active-while.ts";

function openRig() {
  const log: string[] = [];
  const state = { holds: false, gate: Promise.resolve() };
  const active = createActiveWhile(
    () => state.holds,
    async () => {
      log.push("start");
      await state.gate;
      return {
        async [Symbol.asyncDispose]() {
          log.push("end");
        },
      };
    },
  );
  const stop = new AbortController();
  const running = active.run(stop.signal);
  return { log, state, active, stop, running };
}

test("it starts when the condition holds and ends when it does not, and look waits for that", async () => {
  const { log, state, active, stop, running } = openRig();
  await active.look();
  assert.deepEqual(log, []);
  state.holds = true;
  await active.look();
  await active.look();
  assert.deepEqual(log, ["start"]);
  state.holds = false;
  await active.look();
  assert.deepEqual(log, ["start", "end"]);
  state.holds = true;
  await active.look();
  stop.abort();
  await running;
  assert.deepEqual(log, ["start", "end", "start", "end"]);
});

test("a change while it starts is followed after the start", async () => {
  const { log, state, active, stop, running } = openRig();
  const gate = Promise.withResolvers<void>();
  Object.assign(state, { holds: true, gate: gate.promise });
  const started = active.look();
  await new Promise((resolve) => setImmediate(resolve));
  state.holds = false;
  const ended = active.look();
  assert.deepEqual(log, ["start"]);
  gate.resolve();
  await Promise.all([started, ended]);
  assert.deepEqual(log, ["start", "end"]);
  stop.abort();
  await running;
});

test("a start that fails ends the run", async () => {
  const active = createActiveWhile(
    () => true,
    () => Promise.reject(new Error("no")),
  );
  await assert.rejects(active.run(new AbortController().signal), /no/);
});
