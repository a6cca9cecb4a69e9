import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryEntry } from "../../src/ledger/history.ts";
import type { JsonAnswer } from "../harness/answer.ts";
import { commit, effectKey, writeRollout } from "../ledger/rollout.ts";
import { openRig, type Rig } from "./rig.ts";

async function call(rig: Rig, path: string, body?: unknown): Promise<JsonAnswer> {
  const response = await fetch(`${rig.url}/api/v1/tiphys${path}`, {
    headers: { authorization: `Bearer ${rig.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const idOf = (entry: HistoryEntry): string => (entry.kind === "event" ? entry.event.id : entry.record.id);

test("answers an event, its records, its trace and why", async () => {
  await using rig = await openRig();
  assert.equal((await call(rig, "/events/e1")).body.event.eventSource, "webhook");
  assert.equal((await call(rig, `/records/${rig.effect}`)).body.record.key, "uid/log/e1");
  assert.deepEqual((await call(rig, `/records/${rig.effect}/causes`)).body.entries.map(idOf).toSorted(), [
    "e1",
    rig.decision,
  ]);
  assert.deepEqual((await call(rig, "/records/e1/effects")).body.entries.map(idOf), [rig.decision, rig.effect]);
  const trace = (await call(rig, `/trace/${rig.decision}`)).body;
  assert.deepEqual(
    [trace.causes, [trace.self], trace.effects].map((entries) => entries.map(idOf)),
    [["e1"], [rig.decision], [rig.effect]],
  );
  assert.match((await call(rig, "/events/e1/why")).body.note, /does not hold the event/);
});

test("lists what was stored before it was asked", async () => {
  await using rig = await openRig();
  for (let index = 0; index < 20; index++) {
    const sent = { namespace: "default", eventSource: "calendar", event: "example", data: {}, id: `sent-${index}` };
    assert.deepEqual(await call(rig, "/events", sent), { status: 201, body: { id: sent.id } });
    const { events } = (await call(rig, "/events?limit=1&eventSource=calendar")).body;
    assert.equal(events[0].id, sent.id);
  }
  assert.equal((await call(rig, "/events?eventSource=webhook")).body.events.length, 1);
  assert.equal((await call(rig, "/records?kind=effect")).body.records.length, 1);
});

test("exports records in pages, and goes on after one", async () => {
  await using rig = await openRig();
  const { body: first } = await call(rig, "/export?limit=1");
  assert.deepEqual([first.records[0].id, first.next, first.isEnd], [rig.decision, rig.decision, false]);
  const { body: rest } = await call(rig, `/export?after=${rig.decision}&kind=effect`);
  assert.deepEqual([rest.records[0].id, rest.isEnd], [rig.effect, true]);
  assert.equal((await call(rig, "/export?after=nobody")).status, 404);
  for (const wrong of ["limit=0", "since=x", "kind=thing", "after=a&after=b"]) {
    assert.equal((await call(rig, `/export?${wrong}`)).status, 400, wrong);
  }
});

test("traces a live object and a commit to the event behind them", async () => {
  await using rig = await openRig();
  const { decision, attempts, reconcile, sync, observations } = await writeRollout(rig.ledger);
  const [created, healthy, service] = observations;
  const trace = async (reference: string): Promise<readonly (readonly string[])[]> => {
    const { body } = await call(rig, `/trace/${encodeURIComponent(reference)}`);
    return [body.causes.map(idOf).toSorted(), [idOf(body.self)], body.effects.map(idOf)];
  };
  const causes = ["e1", decision, attempts[1], reconcile];
  const seen = [created, service, healthy];
  assert.deepEqual(await trace("default/web-abc"), [[...causes, sync].toSorted(), [healthy], []]);
  assert.deepEqual(await trace("pod/default/web-abc"), [[...causes, sync].toSorted(), [healthy], []]);
  assert.deepEqual(await trace(commit.slice(0, 7)), [causes.toSorted(), [sync], seen]);
  assert.deepEqual(await trace(effectKey), [["e1", decision].toSorted(), [attempts[1]], [reconcile, sync, ...seen]]);
  const { record } = (await call(rig, `/records/${encodeURIComponent(effectKey)}`)).body;
  assert.equal(record.id, attempts[1]);
  assert.equal((await call(rig, "/records?kind=sync&sensor=argocd/web")).body.records[0].id, sync);
  assert.equal((await call(rig, "/records?kind=observation")).body.records.length, 3);
});

test("refuses what it does not understand or know", async () => {
  await using rig = await openRig();
  const table: readonly (readonly [string, unknown, number, string | undefined])[] = [
    ["/events?limit=0", undefined, 400, "USAGE"],
    ["/events?limit=many", undefined, 400, "USAGE"],
    ["/events?limit=1001", undefined, 400, "USAGE"],
    ["/events/none", undefined, 404, "NOT_FOUND"],
    ["/events/none/why", undefined, 404, "NOT_FOUND"],
    ["/events/e1/why?sensor=hello", undefined, 400, "USAGE"],
    ["/records/none", undefined, 404, "NOT_FOUND"],
    ["/trace/none", undefined, 404, "NOT_FOUND"],
    ["/trace/default%2Fnone", undefined, 404, "NOT_FOUND"],
    ["/records?kind=none", undefined, 400, "USAGE"],
    ["/events", { event: "example", data: {} }, 400, "USAGE"],
    ["/events", "{", 400, "USAGE"],
  ];
  for (const [path, body, status, code] of table) {
    const answer = await call(rig, path, body);
    assert.deepEqual({ path, status: answer.status, code: answer.body.code }, { path, status, code });
  }
});
