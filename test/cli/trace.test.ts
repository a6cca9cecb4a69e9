import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { Trace } from "../../src/cli/source-of-history.ts";
import { traceText } from "../../src/cli/trace.ts";
import { remediesOf, whereToAsk } from "../../src/cli/trace-remedies.ts";
import type { HistoryEntry } from "../../src/ledger/history.ts";
import type {
  DecisionRecord,
  EffectRecord,
  EventHead,
  LedgerRecord,
  ObservationRecord,
  SyncRecord,
} from "../../src/record/records.ts";
import { eventHead } from "../ledger/drafts.ts";

const start = Date.parse("2026-01-01T00:00:00Z");
const sensor = { namespace: "default", name: "hello", uid: "uid", revision: "r1" };

function event(id: string, more: Partial<EventHead> = {}): HistoryEntry {
  return { kind: "event", event: { ...eventHead(id), storedAt: start + 3, ...more } };
}

function record(of: LedgerRecord): HistoryEntry {
  return { kind: "record", record: of };
}

function decision(id: string, causes: readonly string[], more: Partial<DecisionRecord> = {}): HistoryEntry {
  const base = { kind: "decision", verdict: "fired", trigger: "deploy", at: start + 5, sensor, events: {} } as const;
  return record({ ...base, id, causes, ...more });
}

function effect(id: string, cause: string, more: Partial<EffectRecord> = {}): HistoryEntry {
  const base = { kind: "effect", key: "k", trigger: "deploy", triggerKind: "http", attempt: 1, sensor } as const;
  const end = { startedAt: start + 6, at: start + 18, outcome: "succeeded", message: "200 OK" } as const;
  return record({ ...base, ...end, id, causes: [cause], ...more });
}

const application = { namespace: "shop", name: "web", uid: "app" };
const revisions = ["1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"];

function reconcile(id: string, causes: readonly string[]): HistoryEntry {
  return decision(id, causes, {
    ...{ sensor: { ...application, revision: "r", kind: "Application" } },
    ...{ trigger: "reconcile", at: start + 20 },
  });
}

function sync(id: string, cause: string, more: Partial<SyncRecord> = {}): HistoryEntry {
  const objects = ["a", "b", "c"].map((name) => ({ object: `v1/ConfigMap/default/${name}`, status: "Synced" }));
  const end = {
    startedAt: start + 30,
    at: start + 150,
    phase: "Succeeded",
    retries: 0,
    message: "all applied",
  } as const;
  return record({
    kind: "sync",
    id,
    key: `sync/${cause}`,
    causes: [cause],
    application,
    revisions,
    objects,
    ...end,
    ...more,
  });
}

function observation(id: string, cause: string, more: Partial<ObservationRecord> = {}): HistoryEntry {
  const what = { object: "v1/Pod/default/web-abc", change: "created", at: start + 200 } as const;
  return record({ kind: "observation", id, causes: [cause], application, ...what, ...more });
}

const trace = (self: HistoryEntry, effects: readonly HistoryEntry[], causes: readonly HistoryEntry[] = []): Trace => ({
  self,
  causes,
  effects,
});

const head = "2026-01-01T00:00:00.000Z      +0 ms  event e1: default/webhook example (webhook), stored +3 ms";
const fired = "2026-01-01T00:00:00.005Z      +5 ms    decision d1: Sensor default/hello fired deploy";
const done = "2026-01-01T00:00:00.006Z      +6 ms      effect f1: http succeeded in 12 ms: 200 OK";
const failing: Partial<EffectRecord> = { outcome: "failed", message: "503" };

const asked = "2026-01-01T00:00:00.006Z      +6 ms      effect f1: gitOps succeeded in 12 ms: 200 OK";
const reconciled = "2026-01-01T00:00:00.020Z     +20 ms        decision d2: Application shop/web fired reconcile";
const synced =
  "2026-01-01T00:00:00.030Z     +30 ms          sync s1: Application shop/web Succeeded at 1a2b3c4 in 120 ms: all applied; 3 objects";
const seen = (text: string): string => `2026-01-01T00:00:00.200Z    +200 ms            ${text}`;
const seenFirst = (text: string): string => `2026-01-01T00:00:00.200Z    +170 ms    ${text}`;
const syncFirst = synced.replace("    +30 ms          sync", "     +0 ms  sync");
const before = [event("e1"), decision("d1", ["e1"]), effect("f1", "d1", { triggerKind: "gitOps", key: "k1" })];
const manifests = `sha256:9f86d08${"0".repeat(57)}`;
const health = (state: string) => ({ change: "health", health: state }) as const;

const cases: { name: string; trace: Trace; lines: readonly string[] }[] = [
  {
    name: "an event, its decision and its effect stand below one another",
    trace: trace(event("e1"), [decision("d1", ["e1"]), effect("f1", "d1")]),
    lines: [head, fired, done],
  },
  {
    name: "asked for an effect, the tree begins with what caused it",
    trace: trace(effect("f1", "d1"), [], [event("e1"), decision("d1", ["e1"])]),
    lines: [head, fired, done, "nothing followed"],
  },
  {
    name: "an event that nothing followed says where to look",
    trace: trace(event("e1"), []),
    lines: [head, "nothing followed; `tiphys why e1` says why"],
  },
  {
    name: "attempts that failed stand beside the one that succeeded, each with its number",
    trace: trace(event("e1"), [
      decision("d1", ["e1"]),
      effect("f1", "d1", failing),
      effect("f2", "d1", { attempt: 2, startedAt: start + 12_000, at: start + 12_004 }),
    ]),
    lines: [
      head,
      fired,
      "2026-01-01T00:00:00.006Z      +6 ms      effect f1: http failed in 12 ms: 503",
      "2026-01-01T00:00:12.000Z    +12.0 s      effect f2: http succeeded in 4 ms, attempt 2: 200 OK",
    ],
  },
  {
    name: "a trigger that failed for good is dead",
    trace: trace(event("e1"), [decision("d1", ["e1"]), effect("f1", "d1", { outcome: "dead", attempt: 3 })]),
    lines: [head, fired, "2026-01-01T00:00:00.006Z      +6 ms      effect f1: http dead in 12 ms, attempt 3: 200 OK"],
  },
  {
    name: "a filter that could not be evaluated names its dependency and the reason",
    trace: trace(event("e1"), [
      record({
        ...{ kind: "decision", id: "d1", causes: ["e1"], at: start + 5, sensor, events: {} },
        ...{ verdict: "error", dependency: "push", reason: "filters.data[0]: no such path" },
      }),
    ]),
    lines: [
      head,
      "2026-01-01T00:00:00.005Z      +5 ms    decision d1: Sensor default/hello error dependency push: filters.data[0]: no such path",
    ],
  },
  {
    name: "a decision of two events stands once, below the first",
    trace: trace(
      decision("d1", ["e1", "e2"]),
      [effect("f1", "d1")],
      [event("e1"), event("e2", { time: "2026-01-01T00:00:00.001Z" })],
    ),
    lines: [
      head,
      fired,
      done,
      "2026-01-01T00:00:00.001Z      +1 ms  event e2: default/webhook example (webhook), stored +2 ms",
    ],
  },
  {
    name: "an effect whose decision is not in the trace is not lost",
    trace: trace(effect("f1", "gone"), []),
    lines: ["2026-01-01T00:00:00.006Z      +0 ms  effect f1: http succeeded in 12 ms: 200 OK", "nothing followed"],
  },
  {
    name: "an event without a time of its own counts from when it was stored",
    trace: trace(event("e1", { time: "" }), [decision("d1", ["e1"])]),
    lines: [
      "2026-01-01T00:00:00.003Z      +0 ms  event e1: default/webhook example (webhook), stored +0 ms",
      "2026-01-01T00:00:00.005Z      +2 ms    decision d1: Sensor default/hello fired deploy",
    ],
  },
  {
    name: "a live object stands below its sync, the Application's decision, the effect that asked, and the event",
    trace: trace(
      observation("o1", "s1", { health: "Healthy" }),
      [],
      [...before, reconcile("d2", ["drift/x", "k1", "e1"]), sync("s1", "d2")],
    ),
    lines: [head, fired, asked, reconciled, synced, seen("observation o1: v1/Pod/default/web-abc created, Healthy")],
  },
  {
    name: "a decision named by a key stands below the attempt that was the last",
    trace: trace(event("e1"), [
      decision("d1", ["e1"]),
      effect("f0", "d1", { ...failing, triggerKind: "gitOps", key: "k1" }),
      effect("f1", "d1", { triggerKind: "gitOps", key: "k1" }),
      reconcile("d2", ["k1"]),
    ]),
    lines: [
      head,
      fired,
      asked.replace("f1", "f0").replace("succeeded", "failed").replace("200 OK", "503"),
      asked,
      reconciled,
    ],
  },
  {
    name: "a key of another kind of effect is none",
    trace: trace(reconcile("d2", ["k"]), [], [effect("f1", "d1")]),
    lines: [
      "2026-01-01T00:00:00.006Z      +0 ms  effect f1: http succeeded in 12 ms: 200 OK",
      "2026-01-01T00:00:00.020Z     +14 ms  decision d2: Application shop/web fired reconcile",
      "nothing followed; `tiphys app why shop/web` says why",
    ],
  },
  {
    name: "the states of one object are one line, in their order; other objects have their own",
    trace: trace(sync("s1", "gone"), [
      observation("o1", "s1", { health: "Progressing" }),
      observation("o2", "s1", { object: "v1/ConfigMap/default/a", at: start + 200 }),
      observation("o3", "s1", { ...health("Degraded"), message: "CrashLoopBackOff" }),
      observation("o4", "s1", health("Healthy")),
      observation("o5", "s1", { change: "deleted" }),
    ]),
    lines: [
      syncFirst,
      seenFirst(
        "observation o1: v1/Pod/default/web-abc created, Progressing → Degraded: CrashLoopBackOff → Healthy → deleted",
      ),
      seenFirst("observation o2: v1/ConfigMap/default/a created"),
    ],
  },
  {
    name: "the same object after two syncs has a line below each",
    trace: trace(reconcile("d2", ["gone"]), [
      sync("s1", "d2"),
      sync("s2", "d2", { revisions: ["v1.2", "0".repeat(40)], retries: 2, objects: [], message: "", manifests }),
      observation("o1", "s1"),
      observation("o2", "s2", health("Healthy")),
    ]),
    lines: [
      "2026-01-01T00:00:00.020Z      +0 ms  decision d2: Application shop/web fired reconcile",
      "2026-01-01T00:00:00.030Z     +10 ms    sync s1: Application shop/web Succeeded at 1a2b3c4 in 120 ms: all applied; 3 objects",
      "2026-01-01T00:00:00.200Z    +180 ms      observation o1: v1/Pod/default/web-abc created",
      "2026-01-01T00:00:00.030Z     +10 ms    sync s2: Application shop/web Succeeded at v1.2, 0000000, manifests sha256:9f86d08 in 120 ms after 2 retries; 0 objects",
      "2026-01-01T00:00:00.200Z    +180 ms      observation o2: v1/Pod/default/web-abc Healthy",
    ],
  },
  {
    name: "an object that flaps shows its first states, how many there were between, and the last",
    trace: trace(sync("s1", "gone"), [
      observation("o0", "s1", { health: "Progressing" }),
      ...Array.from({ length: 8 }, (_, index) =>
        observation(`o${index + 1}`, "s1", health(index % 2 === 0 ? "Healthy" : "Degraded")),
      ),
      observation("o9", "s1", health("Missing")),
    ]),
    lines: [
      syncFirst,
      seenFirst(
        "observation o0: v1/Pod/default/web-abc created, Progressing → Healthy → Degraded → Healthy → Degraded → 4 more → Missing",
      ),
    ],
  },
  {
    name: "of many objects the first twenty are shown and the others counted",
    trace: trace(
      sync("s1", "gone"),
      Array.from({ length: 23 }, (_, index) => observation(`o${index}`, "s1", { object: `v1/Pod/default/p${index}` })),
    ),
    lines: [
      syncFirst,
      ...Array.from({ length: 20 }, (_, index) => seenFirst(`observation o${index}: v1/Pod/default/p${index} created`)),
      `${" ".repeat(39)}and 3 more`,
    ],
  },
  {
    name: "a sync that failed after one retry, with all the objects that are kept",
    trace: trace(
      sync("s1", "gone", {
        ...{ phase: "Failed", retries: 1, message: "1 of 200 failed", revisions: [] },
        objects: Array.from({ length: 100 }, (_, index) => ({ object: `v1/Pod/default/p${index}`, status: "Synced" })),
      }),
      [],
    ),
    lines: [
      "2026-01-01T00:00:00.030Z      +0 ms  sync s1: Application shop/web Failed in 120 ms after 1 retry: 1 of 200 failed; 100 objects or more",
      "nothing was observed after it",
    ],
  },
  {
    name: "a sync that somebody asked for, and how",
    trace: trace(sync("s1", "gone", { by: "anna", options: ["prune"], objects: [] }), [observation("o1", "s1")]),
    lines: [
      syncFirst.replace(": all applied; 3", ", by anna (prune): all applied; 0"),
      seenFirst("observation o1: v1/Pod/default/web-abc created"),
    ],
  },
  {
    name: "a kind of record that this version does not know is named",
    trace: trace(event("e1"), [
      record({ kind: "odd", id: "x1", at: start, causes: ["e1"] } as unknown as LedgerRecord),
    ]),
    lines: [head, "2026-01-01T00:00:00.000Z      +0 ms    odd x1"],
  },
  {
    name: "lost, missed and invalid messages are said",
    trace: trace(
      record({ kind: "lost", id: "l", at: start, causes: ["system:1-3"], bus: "system", sensors: [], from: 1, to: 3 }),
      [
        record({
          kind: "missed",
          id: "m",
          at: start,
          causes: ["l"],
          eventSource: { namespace: "shop", name: "kafka" },
          event: "orders",
          events: 2,
          message: "gone",
        }),
        record({
          kind: "invalid",
          id: "i",
          at: start,
          causes: ["l"],
          bus: "b",
          subject: "s",
          sequence: 4,
          message: "no JSON",
        }),
      ],
    ),
    lines: [
      "2026-01-01T00:00:00.000Z      +0 ms  lost: system 1 to 3",
      "2026-01-01T00:00:00.000Z      +0 ms    missed: EventSource shop/kafka orders, 2 events: gone",
      "2026-01-01T00:00:00.000Z      +0 ms    invalid: b 4: no JSON",
    ],
  },
];

for (const { name, trace, lines } of cases) {
  test(name, () => {
    assert.deepEqual(stripVTControlCharacters(traceText(trace)).split("\n"), lines);
  });
}

const dead = { outcome: "dead" } as const;
const held = { ...reconcile("d2", ["e1"]) } as HistoryEntry & { record: DecisionRecord };
const reasoned = (reason: string): HistoryEntry => record({ ...held.record, reason });
const remedies: readonly (readonly [name: string, trace: Trace, lines: readonly RegExp[]])[] = [
  ["what went well", trace(event("e1"), [decision("d1", ["e1"]), effect("f1", "d1")]), []],
  [
    "what was given up",
    trace(event("e1"), [decision("d1", ["e1"]), effect("f1", "d1", dead)]),
    [/`tiphys dead list --sensor default\/hello --trigger deploy`/],
  ],
  ["the same twice", trace(event("e1"), [effect("f1", "e1", dead), effect("f2", "e1", dead)]), [/--trigger deploy`/]],
  [
    "what could not be judged",
    trace(event("e1"), [decision("d1", ["e1"], { verdict: "error" })]),
    [/`tiphys dead list --sensor default\/hello`/],
  ],
  [
    "a sync that failed",
    trace(event("e1"), [reconcile("d2", ["e1"]), sync("s1", "d2", { phase: "Failed" })]),
    [/`tiphys app why shop\/web` says what sync s1 failed for/],
  ],
  [
    "a sync that is due",
    trace(event("e1"), [reasoned("push: x; a sync is due, but it is on hold")]),
    [/`tiphys app why shop\/web` says what decision d2 waits for/],
  ],
  ["nothing to do", trace(event("e1"), [reasoned("push: x; everything is as it should be")]), []],
];

for (const [name, trace, lines] of remedies) {
  test(`what to do about ${name}`, () => {
    const found = remediesOf(trace);
    assert.equal(found.length, lines.length, found.join("\n"));
    for (const [index, line] of lines.entries()) assert.match(found[index] ?? "", line);
  });
}

test("who asks why a decision had no effect is told to ask for its event, as a shell takes it", () => {
  const events = { push: eventHead("it's; reboot") };
  assert.equal(
    whereToAsk(decision("d1", ["x"], { events })),
    "; `tiphys why 'it'\\''s; reboot' --sensor default/hello` says why",
  );
});

test("an answer that is cut says so", () => {
  const many = Array.from({ length: 1_000 }, (_, index) => effect(`f${index}`, "d1"));
  assert.equal(
    traceText(trace(decision("d1", ["e1"]), many))
      .split("\n")
      .at(-1),
    "only the first 1000 that followed are shown",
  );
});
