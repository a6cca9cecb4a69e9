import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { openFleet } from "./fleet.ts";

failOnLeakedChildren();

/** A lease is 15 s long. */
const pastLeaseMs = 17_000;

test("amid rollbacks and deletions one engine is killed; the other, an hour ahead, stands still past its lease amid syncs", {
  skip: natsServerMissing(),
}, async (t) => {
  await using server = await startNatsServer();
  await using fleet = await openFleet({ bus: server.url, engines: 2, applications: 12, skewMs: 3_600_000 });
  const [a, b] = fleet.engines;
  assert.ok(a !== undefined && b !== undefined);
  await fleet.round(async () => undefined);
  for (const [engine, count] of fleet.shares()) assert.ok(count > 0, `engine ${engine} has no Application`);
  await fleet.turn(async () => {
    await sleep(1_500);
    await a.kill9();
  });
  t.diagnostic(`after the kill all was done within ${Math.round(fleet.slowestMs)} ms`);
  await a.start(); // and gets half of the partitions while the next turn goes on
  await fleet.round(async () => {
    await sleep(1_500);
    await b.whilePaused(() => sleep(pastLeaseMs));
  });
  await fleet.round(async () => undefined);
  t.diagnostic(`the slowest round took ${Math.round(fleet.slowestMs)} ms`);
  const { lost, twoOwners, exits } = await fleet.settle();
  assert.deepEqual(lost, [], "stalled for more than 30 s");
  assert.deepEqual(twoOwners, [], "written to by an engine that had it no more");
  assert.deepEqual(exits, [0, 0]);
});
