import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { systemClock as clock } from "../../src/base/clock.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import { type History, type HistoryEntry, idOf } from "../../src/ledger/history.ts";
import { type LedgerStore, openLedger } from "../../src/ledger/ledger.ts";
import { openProjection } from "../../src/ledger/projection.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import type { RecordDraft } from "../../src/record/records.ts";
import { eventSubject, rawSubject } from "../../src/record/subject.ts";
import { createMemoryBus, type MemoryBus } from "../harness/memory-bus.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { cloudEvent, decisionDraft, effectDraft } from "./drafts.ts";
import {
  application,
  applicationDecisionDraft,
  commit,
  effectKey,
  gitOpsDraft,
  observationDraft,
  syncDraft,
  writeRollout,
} from "./rollout.ts";

interface Rig extends AsyncDisposable {
  readonly path: string;
  readonly bus: MemoryBus;
  readonly ledger: LedgerStore;
  /** Stores all of them, in one message each, and answers their ids. */
  write(...drafts: readonly RecordDraft[]): Promise<string[]>;
  /** Answers `ask` from the history, once it holds everything. */
  ask<T>(ask: (history: History) => Promise<T>): Promise<T>;
}

/** A bus with event `e1`, and its ledger. */
async function openRig(): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const bus = createMemoryBus();
  await bus.publish(eventSubject("default", "webhook", "example"), { id: "e1", data: encodeEvent(cloudEvent("e1")) });
  const ledger = stack.use(await openLedger({ bus, writer: "w", clock, log }));
  const path = join(dir.path, "ledger.db");
  const owned = stack.move();
  return {
    path,
    bus,
    ledger,
    async write(...drafts) {
      const ids: string[] = [];
      for (const draft of drafts) {
        const { id, kept } = ledger.write(draft);
        await kept;
        ids.push(id);
      }
      return ids;
    },
    async ask(ask) {
      await using projection = await openProjection({ path, clock, log });
      const stop = new AbortController();
      const running = projection.follow("system", bus, [rawSubject("events.>")], stop.signal);
      try {
        await projection.history.caughtUp();
        return await ask(projection.history);
      } finally {
        stop.abort();
        await running;
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const idsOf = (entries: readonly HistoryEntry[]): string[] => entries.map(idOf);

test("the causes of a live object lead to its event, through the attempt that succeeded", async () => {
  await using rig = await openRig();
  const { decision, attempts, reconcile, sync, observations } = await writeRollout(rig.ledger);
  await rig.ask(async (history) => {
    const causes = idsOf(await history.causes(observations[1])).toSorted();
    assert.deepEqual(causes, ["e1", decision, attempts[1], reconcile, sync].toSorted());
    assert.deepEqual(idsOf(await history.causes(attempts[0])).toSorted(), ["e1", decision].toSorted());
  });
});

test("the effects of an event lead to the live objects, and not through an attempt that failed", async () => {
  await using rig = await openRig();
  const { decision, attempts, reconcile, sync, observations } = await writeRollout(rig.ledger);
  const [created, healthy, service] = observations;
  const after = [reconcile, sync, created, service, healthy];
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["e1", [decision, ...attempts, ...after]],
    [decision, [...attempts, ...after]],
    [attempts[0], []],
    [attempts[1], after],
    [effectKey, after],
    [sync, [created, service, healthy]],
    [healthy, []],
  ];
  await rig.ask(async (history) => {
    for (const [id, effects] of table) assert.deepEqual(idsOf(await history.effects(id)), effects, id);
  });
});

test("an effect is found by its key when it asked an Application, and only then", async () => {
  await using rig = await openRig();
  const { decision, attempts } = await writeRollout(rig.ledger);
  const [, , byId = ""] = await rig.write(
    effectDraft(7, decision),
    applicationDecisionDraft(["uid/log/e7"]),
    applicationDecisionDraft([attempts[1]]),
  );
  await rig.ask(async (history) => {
    assert.equal((await history.record(effectKey))?.id, attempts[1]);
    assert.deepEqual(idsOf(await history.causes(effectKey)).toSorted(), ["e1", decision].toSorted());
    assert.equal(await history.record("uid/log/e7"), undefined);
    assert.ok(idsOf(await history.effects(effectKey)).includes(byId), "what names it by its id follows it too");
  });
  const [third = ""] = await rig.write(gitOpsDraft(decision, { attempt: 3 }));
  assert.equal(await rig.ask(async (history) => (await history.record(effectKey))?.id), third);
});

test("of an event that names a thousand causes, the first 32 count", async () => {
  await using rig = await openRig();
  const ids = Array.from({ length: 1_000 }, (_, n) => `cause-${n}`);
  for (const id of ["cause-31", "cause-32"]) {
    const subject = eventSubject("default", "webhook", "example");
    await rig.bus.publish(subject, { id, data: encodeEvent(cloudEvent(id)) });
  }
  const data = encodeEvent({ ...cloudEvent("led"), extensions: { cause: ids.join(",") } });
  await rig.bus.publish(eventSubject("default", "webhook", "example"), { id: "led", data });
  const found = await rig.ask((history) => history.causes("led"));
  assert.deepEqual(found.map(idOf), ["cause-31"]);
});

test("causes that nothing is known of are passed over", async () => {
  await using rig = await openRig();
  const unknown = ["drift/apps/Deployment/default/web/123", "poll/x", "spec/3", "uid/deploy/forgotten"];
  const [decision = ""] = await rig.write(applicationDecisionDraft(unknown));
  const [sync = ""] = await rig.write(syncDraft(decision));
  await rig.ask(async (history) => {
    assert.deepEqual(idsOf(await history.causes(sync)), [decision]);
    assert.deepEqual(await history.causes(decision), []);
  });
});

test("finds what a person means: id, key, commit or live object", async () => {
  await using rig = await openRig();
  const { decision, attempts, sync, observations } = await writeRollout(rig.ledger);
  const other = "1a2b3c4fffffffffffffffffffffffffffffffff";
  const [again = "", both = "", role = "", quota = ""] = await rig.write(
    syncDraft("d", { revisions: [commit] }),
    syncDraft("d", { revisions: ["v1.2.3", other] }),
    observationDraft("s", { object: "rbac.authorization.k8s.io/v1/ClusterRole/Edit" }),
    observationDraft("s", { object: "v1/ResourceQuota/shop/Web" }),
  );
  assert.notEqual(again, sync);
  const [, healthy, service] = observations;
  const table: readonly (readonly [string, string | undefined])[] = [
    ["e1", "e1"],
    [decision, decision],
    [effectKey, attempts[1]],
    [commit, again],
    [commit.toUpperCase(), again],
    [commit.slice(0, 8), again],
    ["1a2b3c4f", both],
    ["1a2b3c4", both], // of two commits the one that was synced last
    ["1a2b3c", undefined], // too short
    [`${commit}0`, undefined],
    ["1a2b3c40", undefined],
    ["1a2b3cg", undefined],
    ["v1.2.3", undefined],
    ["default/web-abc", healthy],
    ["Pod/default/web-abc", healthy],
    ["pod/default/web-abc", healthy],
    ["v1/Pod/default/web-abc", healthy],
    ["default/web", service],
    ["service/default/web", service],
    ["deployment/default/web", undefined], // applied, but never seen
    ["pod/other/web-abc", undefined],
    ["ClusterRole/Edit", role],
    ["rbac.authorization.k8s.io/v1/clusterrole/edit", role],
    ["resourcequota/shop/web", quota],
    ["web-abc", undefined],
    ["default/", undefined],
    ["a/b/c/d/e/f", undefined],
    ["v1/Pod", undefined],
    ["", undefined],
    ["%", undefined],
  ];
  await rig.ask(async (history) => {
    for (const [reference, id] of table) {
      const found = await history.find(reference);
      assert.deepEqual([reference, found && idOf(found)], [reference, id]);
    }
  });
});

test("an id wins over a commit that is written alike", async () => {
  await using rig = await openRig();
  const id = commit.slice(0, 32);
  await rig.write(syncDraft("d"));
  await rig.bus.publish(eventSubject("default", "webhook", "example"), { id, data: encodeEvent(cloudEvent(id)) });
  assert.equal((await rig.ask((history) => history.find(id)))?.kind, "event");
});

test("lists syncs and observations by kind, and by the name of their Application", async () => {
  await using rig = await openRig();
  const { reconcile, sync, observations } = await writeRollout(rig.ledger);
  const [created, healthy, service] = observations;
  await rig.ask(async (history) => {
    const records = async (query: object): Promise<string[]> =>
      (await history.records({ limit: 10, ...query })).map(({ id }) => id);
    assert.deepEqual(await records({ kind: "sync" }), [sync]);
    assert.deepEqual(await records({ kind: "observation", limit: 2 }), [healthy, service]);
    assert.deepEqual(await records({ sensor: application }), [healthy, service, created, sync, reconcile]);
    assert.deepEqual(await records({ sensor: application, kind: "sync" }), [sync]);
    assert.deepEqual(await records({ sensor: { ...application, name: "other" } }), []);
  });
});

test("names go with the records that the ledger has dropped", async () => {
  await using rig = await openRig();
  const { sync } = await writeRollout(rig.ledger); // one message
  const [later = ""] = await rig.write(syncDraft("d", { revisions: [commit] }));
  await rig.ask(async (history) => assert.equal((await history.record(sync))?.kind, "sync"));
  rig.bus.drop("ledger", 2);
  await rig.ask(async (history) => {
    await waitFor("the rollout to be forgotten", async () => (await history.record(sync)) === undefined);
    assert.equal(await history.find("default/web-abc"), undefined);
    assert.equal(await history.record(effectKey), undefined);
    assert.deepEqual(idsOf(await history.effects("e1")), []);
    assert.equal(idOf((await history.find(commit))!), later);
  });
  const left = [{ name: `commit ${commit}` }, { name: "key sync/d" }];
  assert.deepEqual(rowsOf(rig.path, "SELECT name FROM names ORDER BY name"), left);
  rig.bus.recreate("ledger");
  await rig.ask((history) => history.caughtUp());
  await rig.write(syncDraft("d", { revisions: ["0".repeat(40)] }));
  assert.equal(await rig.ask((history) => history.find(commit)), undefined);
  const anew = [{ name: `commit ${"0".repeat(40)}` }, { name: "key sync/d" }];
  assert.deepEqual(rowsOf(rig.path, "SELECT name FROM names ORDER BY name"), anew);
});

test("a file of the version before is replaced, and then knows names too", async () => {
  await using rig = await openRig();
  const { observations } = await writeRollout(rig.ledger);
  const find = () => rig.ask(async (history) => idOf((await history.find("default/web-abc"))!));
  await find();
  rowsOf(rig.path, "DROP TABLE names");
  rowsOf(rig.path, "PRAGMA user_version = 1");
  assert.equal(await find(), observations[1]);
});

test("records that lack what they are named by are kept, without a name", async () => {
  await using rig = await openRig();
  const odd = [
    '{"id":"o-1.0","kind":"sync","at":1,"causes":["e1"]}',
    '{"id":"o-1.1","kind":"sync","at":2,"causes":["e1"],"revisions":[1,null],"application":"web"}',
    '{"id":"o-1.2","kind":"observation","at":3,"causes":["e1"],"object":"Pod"}',
    '{"id":"o-1.3","kind":"effect","at":4,"causes":["e1"],"triggerKind":"gitOps"}',
  ];
  const data = new TextEncoder().encode(`{"v":1,"records":[${odd.join(",")}]}`);
  await rig.bus.publish(rawSubject("ledger.o"), { id: "1", data });
  await rig.ask(async (history) => {
    assert.deepEqual(idsOf(await history.effects("e1")), ["o-1.0", "o-1.1", "o-1.2", "o-1.3"]);
  });
  assert.deepEqual(rowsOf(rig.path, "SELECT name FROM names"), []);
});

function rowsOf(path: string, sql: string): unknown[] {
  const db = new DatabaseSync(path);
  try {
    return db
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    db.close();
  }
}

test("events of ours follow from what they name as their causes, over several steps, and back", async () => {
  await using rig = await openRig();
  const emit = (id: string, cause: string) =>
    rig.bus.publish(eventSubject("default", "own", "told"), {
      id,
      data: encodeEvent({ ...cloudEvent(id), source: "own", subject: "told", extensions: { cause, hop: 1 } }),
    });
  const [decision = ""] = await rig.write(decisionDraft("e1"));
  await emit("e2", "e1");
  await emit("e3", `${decision},e2,gone`);
  await emit("e3", `${decision},e2,gone`);
  const ids = (entries: readonly HistoryEntry[]) => entries.map(idOf).sort();
  assert.deepEqual(await rig.ask(async ({ effects }) => ids(await effects("e1"))), [decision, "e2", "e3"].sort());
  assert.deepEqual(await rig.ask(async ({ causes }) => ids(await causes("e3"))), [decision, "e1", "e2"].sort());
  assert.partialDeepStrictEqual(await rig.ask(({ find }) => find("e3")), { causes: [decision, "e2", "gone"].sort() });
});
