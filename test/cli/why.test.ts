import assert from "node:assert/strict";
import { test } from "node:test";
import { whyText } from "../../src/cli/why.ts";
import type { LedgerRecord } from "../../src/record/records.ts";
import type { SensorWhy } from "../../src/server/why.ts";
import { eventHead } from "../ledger/drafts.ts";

const event = eventHead("e1");
const sensor = { namespace: "default", name: "rel", uid: "uid", revision: "r" };
const common = { at: 0, sensor, events: { push: event } };
const fired = (
  id: string,
  trigger: string,
  causes: readonly string[] = ["e1"],
  verdict: "fired" | "redriven" = "fired",
) => ({ ...common, kind: "decision", id, causes, verdict, trigger }) satisfies LedgerRecord;
const noPath = {
  ...common,
  kind: "decision",
  id: "d1",
  causes: ["e1"],
  dependency: "push",
  verdict: "error",
  reason: "no path",
} satisfies LedgerRecord;
const effect = (
  id: string,
  cause: string,
  trigger: string,
  more: Partial<Extract<LedgerRecord, { kind: "effect" }>> = {},
) =>
  ({
    ...common,
    ...{ kind: "effect", id, causes: [cause], key: `uid/${trigger}/e1`, trigger, triggerKind: "http" },
    ...{ attempt: 1, startedAt: 0, outcome: "succeeded", message: `${trigger} answered 200` },
    ...more,
  }) as LedgerRecord;

const rows: [name: string, why: Partial<SensorWhy>, lines: readonly string[]][] = [
  [
    "each effect stands under its own trigger, whatever order they ended in",
    {
      records: [
        fired("d1", "deploy"),
        fired("d2", "notify"),
        effect("x1", "d2", "notify"),
        effect("x2", "d1", "deploy", { outcome: "failed", message: "refused" }),
        effect("x3", "d1", "deploy", { attempt: 2 }),
      ],
    },
    [
      "  trigger deploy fired",
      "    http failed (attempt 1): refused; tried again later",
      "    http succeeded (attempt 2): deploy answered 200",
      "  trigger notify fired",
      "    http succeeded (attempt 1): notify answered 200",
    ],
  ],
  [
    "a dlqTrigger is named, and what is redriven stands under that decision",
    {
      records: [
        fired("d1", "deploy"),
        effect("x1", "d1", "rescue", { dlqOf: "deploy", triggerKind: "log", message: "logged 1 event" }),
        effect("x2", "d1", "deploy", { outcome: "dead", message: "refused" }),
        fired("d2", "deploy", ["d1"], "redriven"),
        effect("x3", "d2", "deploy"),
      ],
    },
    [
      "  trigger deploy fired",
      "    dlqTrigger rescue: log succeeded (attempt 1): logged 1 event",
      "    http dead (attempt 1): refused; not tried again, kept on `dead`",
      "      to go on: `tiphys dead list --sensor default/rel --trigger deploy` shows what to redrive",
      "  trigger deploy redriven",
      "    http succeeded (attempt 1): deploy answered 200",
    ],
  ],
  [
    "what waits in a join does so until a newer event takes its place",
    {
      triggers: [
        {
          ...{ trigger: "deploy", present: { push: "e1", ok: "e0" }, missing: ["late"], isMet: false },
          condition: {
            kind: "and",
            isMet: false,
            parts: [
              { kind: "name", name: "push", isMet: true },
              { kind: "name", name: "ok", isMet: true },
              { kind: "name", name: "late", isMet: false },
            ],
          },
        },
      ],
    },
    [
      "  conditions of deploy not met: push (there) && ok (there) && late (missing); missing late; ok had come as event e0",
      "    from then on it waits for the rest, until a newer event of push takes its place",
    ],
  ],
  [
    "an effect whose decision the ledger has let go is shown all the same",
    { records: [effect("x1", "d0", "deploy")] },
    ["    http succeeded (attempt 1): deploy answered 200"],
  ],
  [
    "a trigger whose conditions cannot be read",
    {
      triggers: [
        {
          trigger: "deploy",
          present: {},
          missing: [],
          condition: { kind: "or", isMet: false, parts: [] },
          isMet: false,
          fault: 'its conditions name "x", and the dependencies are a',
        },
      ],
      records: [],
    },
    ['  trigger deploy never fires: its conditions name "x", and the dependencies are a'],
  ],
  [
    "an error says its reason once, and where the event is",
    {
      dependencies: [{ dependency: "push", verdict: "error", reason: "no path", filters: [] }],
      records: [noPath],
    },
    [
      "  dependency push error: no path",
      "  dependency push error; the event is kept on `dead`",
      "    to go on: `tiphys dead list --sensor default/rel` shows the event, which can be redriven",
    ],
  ],
  [
    "an error that the Sensor would not make any more keeps its reason",
    {
      dependencies: [{ dependency: "push", verdict: "passed", reason: "all filters pass", filters: [] }],
      records: [noPath],
    },
    [
      "  dependency push passed: all filters pass",
      "  dependency push error: no path; the event is kept on `dead`",
      "    to go on: `tiphys dead list --sensor default/rel` shows the event, which can be redriven",
    ],
  ],
];
for (const [name, why, lines] of rows) {
  test(`why: ${name}`, () => {
    const text = whyText({ event, sensors: [{ sensor, dependencies: [], triggers: [], records: [], ...why }] });
    assert.deepEqual(text.split("\n").slice(1), ["Sensor default/rel", ...lines]);
  });
}
