import assert from "node:assert/strict";
import { test } from "node:test";
import { replayText } from "../../src/cli/replay-text.ts";
import type { ReplayReport } from "../../src/events/trial/replay.ts";

const none = { count: 0, first: [] };
const report: ReplayReport = {
  ...{ sensor: { namespace: "shop", name: "rel" }, since: "then", until: "now", bus: "system", listensTo: [] },
  ...{ events: 0, invalid: 0, fires: { deploy: 0 }, rejected: 0, errors: none, waiting: [], beyond: 0, lost: 0 },
  compared: { same: 0, added: none, removed: none, isExact: true },
};
const lastOf = (more: Partial<ReplayReport>) =>
  replayText({ ...report, ...more }, 20)
    .split("\n")
    .at(-1);

const rows: [name: string, more: Partial<ReplayReport>, line: string][] = [
  [
    "nothing of what it listens to was stored, which a misspelt name looks like",
    { listensTo: ["hub/push", "hub/tag"] },
    "nothing that it listens to was stored in that time: hub/push, hub/tag; `tiphys event list` shows what was",
  ],
  [
    "the EventSources that were asked for are none of its own",
    {},
    "it listens to no event of the EventSources that were asked for",
  ],
  ["events that fire nothing", { events: 2 }, "Against the ledger: 0 the same, 0 new, 0 gone"],
  ["what the bus holds no more", { events: 2, heldSince: "then" }, "the bus holds no events from before then"],
  [
    "a trigger that never fires",
    { events: 2, faults: { deploy: "its conditions end" } },
    "trigger deploy never fires: its conditions end",
  ],
  ["events that the bus dropped", { events: 2, lost: 3 }, "the bus has dropped 3 messages of that time"],
];
for (const [name, more, line] of rows) {
  test(`replay tells of ${name}`, () => assert.equal(lastOf(more), line));
}
