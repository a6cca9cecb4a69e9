import assert from "node:assert/strict";
import { test } from "node:test";
import type { Span } from "../../../src/ledger/export/span.ts";
import { spansOfChain } from "../../../src/ledger/export/spans.ts";
import type { HistoryEntry } from "../../../src/ledger/history.ts";
import type { EventHead, LedgerRecord, RecordDraft, SyncedObject } from "../../../src/record/records.ts";
import { spanIdFor } from "../../../src/record/trace-context.ts";
import { decisionDraft, effectDraft, eventHead } from "../drafts.ts";
import {
  application,
  applicationDecisionDraft,
  effectKey,
  gitOpsDraft,
  observationDraft,
  syncDraft,
} from "../rollout.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const caller = "00f067aa0ba902b7";

function record(id: string, draft: RecordDraft, more: object = {}): HistoryEntry {
  return { kind: "record", record: { ...draft, ...more, id } as LedgerRecord };
}

function event(id: string, more: Partial<EventHead> = {}, causes?: readonly string[]): HistoryEntry {
  return { kind: "event", event: { ...eventHead(id), ...more }, ...(causes && { causes }) };
}

/** The names from a span up to the root, or to the span of others that it stands under. */
function wayUp(spans: readonly Span[], name: string): readonly (string | undefined)[] {
  const names: string[] = [];
  let parentId: string | undefined;
  for (let span = spans.find((one) => one.name === name); span; span = spans.find((one) => one.spanId === parentId)) {
    names.push(span.name);
    parentId = span.parentId;
  }
  return parentId === undefined ? names : [...names, parentId];
}

const timed: readonly SyncedObject[] = [
  {
    object: "batch/v1/Job/default/migrate",
    status: "Synced",
    phase: "PreSync",
    wave: 0,
    hook: "PreSync",
    startedAt: 1_021,
    endedAt: 1_040,
  },
  { object: "v1/Namespace/shop", status: "Synced", phase: "Sync", wave: -1, startedAt: 1_041, endedAt: 1_042 },
  {
    object: "apps/v1/Deployment/default/web",
    status: "SyncFailed",
    phase: "Sync",
    wave: 0,
    startedAt: 1_050,
    endedAt: 1_060,
    message: "no",
  },
  { object: "v1/ConfigMap/default/before-the-restart", status: "Synced", phase: "Sync" },
];

/** Event → decision → effect (two attempts) → decision of the Application → sync → observation. */
function rollout(traceparent?: string): readonly HistoryEntry[] {
  const head = { ...eventHead("e1"), ...(traceparent && { traceparent }) };
  return [
    { kind: "event", event: head },
    record("d", { ...decisionDraft("e1"), events: { example: head } } as RecordDraft),
    record("f1", gitOpsDraft("d", { outcome: "failed", startedAt: 3, at: 5, message: "away" })),
    record("f2", gitOpsDraft("d", { attempt: 2, startedAt: 8, at: 9 })),
    record("a", applicationDecisionDraft(["drift/apps/Deployment/default/web/123", effectKey])),
    record("s", syncDraft("a", { objects: timed, by: "alice", project: "shop", phase: "Failed", message: "failed" })),
    record("o", observationDraft("s")),
  ];
}

test("a chain is one trace, each span below what caused it", () => {
  const spans = spansOfChain(rollout());
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
  const up = ["sync argocd/web", "decide reconcile", "trigger log", "decide log", "receive webhook/example"];
  assert.deepEqual(wayUp(spans, "hook Job/default/migrate"), [
    "hook Job/default/migrate",
    "wave 0",
    "phase PreSync",
    ...up,
  ]);
  assert.deepEqual(wayUp(spans, "apply Namespace/shop"), ["apply Namespace/shop", "wave -1", "phase Sync", ...up]);
  const attempts = spans.filter(({ name }) => name === "attempt log");
  const whole = spans.find(({ name }) => name === "trigger log");
  assert.deepEqual(
    attempts.map(({ parentId, startMs, error }) => [parentId, startMs, error]),
    [
      [whole?.spanId, 3, "away"],
      [whole?.spanId, 8, undefined],
    ],
  );
  assert.deepEqual(
    [whole?.startMs, whole?.endMs, whole?.error],
    [3, 9, undefined],
    "from its first attempt to its last",
  );
  assert.equal(spans.filter(({ error }) => error !== undefined).length, 5, "attempt, sync, phase, wave, object");
  assert.equal(spans.filter(({ name }) => name.includes("before-the-restart")).length, 0);
});

test("ids are made of what caused a span: the same at a repeat, and from a part of the chain", () => {
  const ids = (spans: readonly Span[]) => new Set(spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`));
  const all = ids(spansOfChain(rollout()));
  assert.deepEqual(ids(spansOfChain([...rollout(), ...rollout()])), all);
  assert.deepEqual(ids(spansOfChain(rollout().slice(0, 5))).difference(all).size, 0);
  assert.equal(all.size, spansOfChain(rollout()).length);
});

test("it joins the caller's trace, and keeps to what the caller records", () => {
  for (const [flags, isSampled] of [
    ["01", true],
    ["00", false],
    ["03", true],
  ] as const) {
    const spans = spansOfChain(rollout(`00-${trace}-${caller}-${flags}`));
    assert.deepEqual([...new Set(spans.map((span) => `${span.traceId} ${span.isSampled}`))], [`${trace} ${isSampled}`]);
    assert.equal(wayUp(spans, "sync argocd/web").at(-1), caller);
  }
});

/** What a span stands under, and in which trace: [what, entries, name, expected parent's name or id, in the caller's trace]. */
const from = `00-${trace}-${caller}-01`;
const traced = { traceparent: from };
for (const [what, entries, name, parent, isInTrace] of [
  ["an event of nobody's trace is a root", [event("e1")], "receive webhook/example", undefined, false],
  [
    "an event that bears its own span began its trace",
    [event("e1", { traceparent: `00-${trace}-${spanIdFor("default/webhook/e1")}-01` })],
    "receive webhook/example",
    undefined,
    true,
  ],
  [
    "an event of ours stands under what it tells of",
    [...rollout(from), event("t1", { eventSource: "tiphys", event: "application-synced", ...traced }, ["a"])],
    "receive tiphys/application-synced",
    "decide reconcile",
    true,
  ],
  [
    "a join goes on in the trace that one of its events came with",
    [
      record("d", {
        ...decisionDraft("e1"),
        events: { a: { ...eventHead("e1"), time: "2026-02-01T00:00:00Z" }, b: { ...eventHead("e2"), ...traced } },
      } as RecordDraft),
      event("e1"),
      event("e2", traced),
    ],
    "decide log",
    spanIdFor("default/webhook/e2"),
    true,
  ],
  [
    "an effect that waits for the sync has no record yet: its key names the event",
    [event("e1", traced), record("a", applicationDecisionDraft([effectKey]))],
    "decide reconcile",
    spanIdFor(effectKey),
    true,
  ],
  [
    "a sync that a pipeline asked for stands in the pipeline's trace",
    [record("a", applicationDecisionDraft(["operation/argocd/web"])), record("s", syncDraft("a", traced))],
    "sync argocd/web",
    caller,
    true,
  ],
  ["a drift is a root", [record("a", applicationDecisionDraft(["drift/x"]))], "decide reconcile", undefined, false],
  [
    "done again from dead it is another attempt of the same effect",
    [...rollout(from), record("r", effectDraft(1, "d"), { key: effectKey, redrive: "7" })],
    "attempt log",
    spanIdFor(effectKey),
    true,
  ],
  [
    "causes in a circle end",
    [event("x", {}, ["y"]), event("y", {}, ["x"])],
    "receive webhook/example",
    spanIdFor("default/webhook/x"),
    false,
  ],
] as const satisfies readonly (readonly [string, readonly HistoryEntry[], string, string | undefined, boolean])[]) {
  test(`where spans stand: ${what}`, () => {
    const spans = spansOfChain(entries);
    const found = spans.findLast((span) => span.name === name);
    assert.ok(found, spans.map((span) => span.name).join());
    const above = spans.find(({ spanId }) => spanId === found.parentId)?.name;
    assert.ok([above, found.parentId].includes(parent), `${above} ${found.parentId}`);
    assert.equal(found.traceId === trace, isInTrace);
  });
}

test("other causes are links", () => {
  const entries = [...rollout(), event("p", { eventSource: "tiphys", event: "push" })];
  const merged = record("a2", applicationDecisionDraft([effectKey, "p"]));
  const span = spansOfChain([...entries, merged]).findLast(({ name }) => name === "decide reconcile");
  assert.deepEqual(
    span?.links.map(({ spanId }) => spanId),
    [spanIdFor("p")],
  );
});

test("a sync says what was brought where, by whom, and how", () => {
  const what = {
    ...{ project: "shop", destination: { server: "https://k", namespace: "prod" }, by: "alice", options: ["prune"] },
    ...{ sources: [{ repoURL: "https://git/x", path: "a" }], manifests: "sha256:1", supersededBy: ["b"] },
  };
  const span = spansOfChain([record("s", syncDraft("a", what))])[0];
  assert.partialDeepStrictEqual(span?.attributes, {
    "argocd.application.name": application.name,
    "argocd.project.name": "shop",
    "argocd.destination.server": "https://k",
    "k8s.namespace.name": "prod",
    "vcs.ref.head.revision": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
    "vcs.repository.url.full": "https://git/x",
    "enduser.id": "alice",
    "tiphys.sync.options": ["prune"],
    "tiphys.sync.superseded_by": ["b"],
    "tiphys.sync.automated": false,
  });
});
