import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { Trace } from "../../src/cli/source-of-history.ts";
import { traceText } from "../../src/cli/trace.ts";
import type { HistoryEntry } from "../../src/ledger/history.ts";
import type { DecisionRecord, EffectRecord, EventHead, LedgerRecord } from "../../src/record/records.ts";
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

const trace = (self: HistoryEntry, effects: readonly HistoryEntry[], causes: readonly HistoryEntry[] = []): Trace => ({
  self,
  causes,
  effects,
});

const head = "2026-01-01T00:00:00.000Z      +0 ms  event e1: default/webhook example (webhook), stored +3 ms";
const fired = "2026-01-01T00:00:00.005Z      +5 ms    decision d1: Sensor default/hello fired deploy";
const done = "2026-01-01T00:00:00.006Z      +6 ms      effect f1: http succeeded in 12 ms: 200 OK";
const failing: Partial<EffectRecord> = { outcome: "failed", message: "503" };

const cases: { name: string; trace: Trace; lines: readonly string[] }[] = [
  {
    name: "an event, its decision and its effect stand below one another",
    trace: trace(event("e1"), [decision("d1", ["e1"]), effect("f1", "d1")]),
    lines: [head, fired, done],
  },
  {
    name: "asked for an effect, the tree begins with what caused it",
    trace: trace(effect("f1", "d1"), [], [event("e1"), decision("d1", ["e1"])]),
    lines: [head, fired, done, "nothing followed; `tiphys why f1` says why"],
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
    lines: [
      "2026-01-01T00:00:00.006Z      +0 ms  effect f1: http succeeded in 12 ms: 200 OK",
      "nothing followed; `tiphys why f1` says why",
    ],
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
    name: "lost and invalid messages are said",
    trace: trace(
      record({ kind: "lost", id: "l", at: start, causes: ["system:1-3"], bus: "system", sensors: [], from: 1, to: 3 }),
      [
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
      "2026-01-01T00:00:00.000Z      +0 ms    invalid: b 4: no JSON",
    ],
  },
];

for (const { name, trace, lines } of cases) {
  test(name, () => {
    assert.deepEqual(stripVTControlCharacters(traceText(trace)).split("\n"), lines);
  });
}
