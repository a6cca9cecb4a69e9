import assert from "node:assert/strict";
import { test } from "node:test";
import { findTimeZone } from "../../../src/base/time-zone.ts";
import type { ResourceState } from "../../../src/cli/app/resource-states.ts";
import { createWaitTable } from "../../../src/cli/app/wait-table.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

function state(name: string, parts: Partial<ResourceState> = {}): ResourceState {
  const none = { status: "", health: "", hook: "", message: "" };
  return { group: "apps", kind: "Deployment", namespace: "shop", name, ...none, ...parts };
}

function open() {
  const lines: string[] = [];
  const clock = createVirtualClock();
  const zone = findTimeZone("Asia/Kolkata", "TZ");
  const rows = createWaitTable({ write: (line) => void lines.push(line), clock, zone });
  return { rows, clock, taken: () => lines.splice(0) };
}

test("prints the header at once, and columns to the right as the original does", () => {
  const { rows, taken } = open();
  assert.deepEqual(taken(), [
    "TIMESTAMP                  GROUP        KIND   NAMESPACE                  NAME    STATUS   HEALTH        HOOK  MESSAGE\n",
  ]);
  rows.update([state("web", { status: "OutOfSync", health: "Missing" })]);
  assert.deepEqual(taken(), [
    "2026-01-01T05:30:00+05:30   apps  Deployment        shop                   web  OutOfSync  Missing\n",
  ]);
  rows.update([state("api", { status: "Synced", message: "done" })]);
  assert.deepEqual(taken(), [
    "2026-01-01T05:30:00+05:30   apps  Deployment        shop                   api    Synced                        done\n",
  ]);
});

test("prints a row only for what changed, with the time of now", async () => {
  const { rows, clock, taken } = open();
  taken();
  const before = [state("web", { status: "OutOfSync" }), state("api", { status: "Synced" })];
  rows.update(before);
  assert.equal(taken().length, 2);
  rows.update(before);
  assert.deepEqual(taken(), []);
  await clock.advance(61_000);
  rows.update([state("web", { status: "Synced" }), state("api", { status: "Synced" })]);
  const [row = "", ...more] = taken();
  assert.match(row, /^2026-01-01T05:31:01\+05:30 .* web +Synced$/m);
  assert.deepEqual(more, []);
});

test("what is known stays when the newer state does not say", () => {
  const { rows, taken } = open();
  rows.update([state("web", { status: "Synced", health: "Healthy", message: "applied" })]);
  taken();
  rows.update([state("web", { status: "Synced" })]);
  assert.deepEqual(taken(), []);
  rows.update([state("web", { health: "Degraded" })]);
  assert.match(taken().join(""), /web +Synced +Degraded +applied\n$/);
});

test("one object that is in the operation twice is one row", () => {
  const { rows, taken } = open();
  taken();
  rows.update([state("web", { status: "Synced" }), state("web", { hook: "PreSync", message: "ran" })]);
  assert.match(taken().join(""), /^[^\n]+ web +Synced +PreSync +ran\n$/);
});
