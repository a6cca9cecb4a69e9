import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import {
  blockedText,
  canSync,
  nextChange,
  type SyncWindow,
  type WindowSubject,
  windowsFor,
} from "../../../src/gitops/project/windows.ts";

const at = (text: string) => instant(Date.parse(text));
/** A Sunday. */
const noon = at("2026-11-29T12:00:00Z");
const berlin = { timeZone: "Europe/Berlin" };
const subject: WindowSubject = {
  application: "shop",
  server: "https://kubernetes.default.svc",
  clusterName: "in-cluster",
  namespace: "shop-prod",
};
const allow = (schedule: string, duration: string, more: object = {}): SyncWindow => ({
  kind: "allow",
  schedule,
  duration,
  applications: ["*"],
  ...more,
});
const deny = (schedule: string, duration: string, more: object = {}): SyncWindow => ({
  ...allow(schedule, duration, more),
  kind: "deny",
});

for (const [name, window, expected] of [
  ["no list at all", { applications: [] }, false],
  ["a name", { applications: ["shop"] }, true],
  ["a glob", { applications: ["sh*"] }, true],
  ["alternatives", { applications: ["{api,shop}"] }, true],
  ["another name", { applications: ["api"] }, false],
  ["the cluster's name", { applications: [], clusters: ["in-*"] }, true],
  ["the cluster's server: a glob crosses slashes", { applications: [], clusters: ["https://*"] }, true],
  ["the namespace", { applications: [], namespaces: ["*-prod"] }, true],
  ["one list of several", { applications: ["api"], namespaces: ["*-prod"] }, true],
  [
    "one list of several, where all must fit",
    { applications: ["api"], namespaces: ["*-prod"], andOperator: true },
    false,
  ],
  ["all lists, where all must fit", { applications: ["shop"], namespaces: ["*-prod"], andOperator: true }, true],
  ["empty lists do not count where all must fit", { applications: ["shop"], andOperator: true }, true],
] as const) {
  test(`a window selects by ${name}`, () => {
    const found = windowsFor([{ kind: "deny", schedule: "* * * * *", duration: "1h", ...window }], subject);
    assert.equal(found.length === 1, expected);
  });
}

const open = allow("0 11 * * *", "2h");
const shut = allow("0 20 * * *", "2h");
const denying = deny("0 11 * * *", "2h");
const idle = deny("0 20 * * *", "2h");
const manual = { manualSync: true };
const overrun = { syncOverrun: true };

for (const [name, windows, isManual, startedAt, expected] of [
  ["no window", [], false, undefined, true],
  ["an open allow window", [open], false, undefined, true],
  ["a shut allow window", [shut], false, undefined, false],
  ["a shut one beside an open one", [shut, open], false, undefined, true],
  ["an active deny window", [denying], false, undefined, false],
  ["an idle deny window", [idle], false, undefined, true],
  ["an idle deny window and a shut allow window", [idle, shut], false, undefined, false],
  ["deny beats allow", [open, denying], false, undefined, false],
  ["by hand against a deny window", [denying], true, undefined, false],
  ["by hand where the deny window permits it", [{ ...denying, ...manual }], true, undefined, true],
  ["by hand where one of two deny windows permits it", [{ ...denying, ...manual }, denying], true, undefined, false],
  ["by hand where the shut allow window permits it", [{ ...shut, ...manual }], true, undefined, true],
  ["by hand where one of two shut allow windows permits it", [{ ...shut, ...manual }, shut], true, undefined, false],
  ["by hand in an allow window, whatever a shut one says", [open, shut], true, undefined, true],
  ["by itself where only people may", [{ ...denying, ...manual }], false, undefined, false],
  ["begun before the deny window", [denying], false, "2026-11-29T10:00:00Z", false],
  ["begun before a deny window with overrun", [{ ...denying, ...overrun }], false, "2026-11-29T10:00:00Z", true],
  ["begun within a deny window with overrun", [{ ...denying, ...overrun }], false, "2026-11-29T11:30:00Z", false],
  ["one of two deny windows with overrun", [{ ...denying, ...overrun }, denying], false, "2026-11-29T10:00:00Z", false],
  ["begun in an allow window with overrun", [{ ...shut, ...overrun }], false, "2026-11-28T20:30:00Z", true],
  [
    "begun in one of two allow windows, of which one has overrun",
    [{ ...shut, ...overrun }, allow("0 15 * * *", "1h")],
    false,
    "2026-11-28T20:30:00Z",
    false,
  ],
  ["begun by hand where only that was allowed", [{ ...denying, ...manual }], true, "2026-11-29T11:30:00Z", true],
  [
    "begun before a deny window with overrun, within another one",
    [{ ...denying, ...overrun }, deny("0 9 * * *", "2h")],
    false,
    "2026-11-29T10:00:00Z",
    false,
  ],
  ["begun outside of it", [{ ...shut, ...overrun }], false, "2026-11-29T10:00:00Z", false],
] as const) {
  test(`windows: ${name}: ${expected ? "goes" : "waits"}`, () => {
    const started = startedAt === undefined ? {} : { startedAt: at(startedAt) };
    assert.equal(canSync(windows, { isManual, now: noon, ...started }).allowed, expected);
  });
}

for (const [window, now, expected] of [
  [allow("0 12 * * *", "1h"), "2026-11-29T12:00:00.000Z", false],
  [allow("0 12 * * *", "1h"), "2026-11-29T12:00:00.001Z", true],
  [allow("0 12 * * *", "1h"), "2026-11-29T12:59:59.999Z", true],
  [allow("0 12 * * *", "1h"), "2026-11-29T13:00:00.000Z", false],
  [allow("0 12 * * 0", "1h"), "2026-11-29T12:30:00Z", true],
  [allow("0 12 * * 1-5", "1h"), "2026-11-29T12:30:00Z", false],
  [allow("0 22 * * *", "8h"), "2026-11-29T02:00:00Z", true],
  [allow("0 12 * * *", "1h", { timeZone: "Europe/Berlin" }), "2026-11-29T11:30:00Z", true],
  [allow("0 12 * * *", "1h", { timeZone: "Europe/Berlin" }), "2026-11-29T12:30:00Z", false],
  [allow("0 12 * * *", "1h", { timeZone: "Europe/Berlin" }), "2026-07-29T10:30:00Z", true],
  [allow("0 12 * * *", "1h", { timeZone: "Nowhere/Land" }), "2026-11-29T12:30:00Z", true],
  // Clocks are set from 2 to 3 at 1:00 UTC: a window of the hour that is not there is open after it.
  [allow("30 2 * * *", "1h", berlin), "2026-03-29T00:59:59Z", false],
  [allow("30 2 * * *", "1h", berlin), "2026-03-29T01:15:00Z", true],
  [allow("30 2 * * *", "1h", berlin), "2026-03-29T01:30:00Z", false],
  [allow("0 1 * * *", "4h", berlin), "2026-03-29T02:59:00Z", true],
  [allow("0 1 * * *", "4h", berlin), "2026-03-29T03:00:00Z", false],
  // And from 3 to 2 at 1:00 UTC: a window of the hour that comes twice is open twice.
  [allow("0 2 * * *", "30m", berlin), "2026-10-25T00:15:00Z", true],
  [allow("0 2 * * *", "30m", berlin), "2026-10-25T00:45:00Z", false],
  [allow("0 2 * * *", "30m", berlin), "2026-10-25T01:15:00Z", true],
  [allow("0 2 * * *", "30m", berlin), "2026-10-25T01:45:00Z", false],
  [allow("0 0 29 2 *", "24h"), "2028-02-29T12:00:00Z", true],
  [allow("0 0 29 2 *", "24h"), "2028-03-01T00:00:00Z", false],
  [allow("0 0 29 2 *", "24h"), "2027-03-01T00:00:00Z", false],
] as const) {
  test(`${window.schedule} for ${window.duration} in ${window.timeZone ?? "UTC"} at ${now}: ${expected}`, () => {
    assert.equal(canSync([window], { isManual: false, now: at(now) }).allowed, expected);
  });
}

for (const [name, window] of [
  ["a descriptor", allow("@hourly", "1h")],
  ["six fields", allow("0 0 12 * * *", "1h")],
  ["no duration", allow("0 12 * * *", "soon")],
] as const) {
  test(`a window that cannot be read keeps everything back: ${name}`, () => {
    const verdict = canSync([window], { isManual: true, now: noon });
    assert.ok(!verdict.allowed && verdict.error);
    assert.match(blockedText(verdict), /^Sync operation blocked by sync window: .+/);
  });
}

test("when an operation began is told by the offset of now, as in the original", () => {
  const window = allow("0 9 * * *", "1h", { ...berlin, syncOverrun: true });
  const began = { isManual: false, startedAt: at("2026-03-28T08:30:00Z") };
  assert.equal(canSync([window], { ...began, now: at("2026-03-28T12:00:00Z") }).allowed, true);
  assert.equal(canSync([window], { ...began, now: at("2026-03-29T12:00:00Z") }).allowed, false);
});

test("what is kept back says so in the original's words, and why", () => {
  const verdict = canSync([denying], { isManual: false, now: noon });
  assert.ok(!verdict.allowed);
  assert.equal(blockedText(verdict), "Sync operation blocked by sync window");
  assert.equal(verdict.reason, 'the deny window "0 11 * * *" for 2h keeps it back');
});

for (const [name, windows, expected] of [
  ["the end of an open window", [denying], "2026-11-29T13:00:00.000Z"],
  ["the moment after the start of a shut one", [shut], "2026-11-29T20:00:00.001Z"],
  ["the first of several", [shut, denying], "2026-11-29T13:00:00.000Z"],
  ["none", [], undefined],
  ["none that can be read", [allow("@hourly", "1h")], undefined],
] as const) {
  test(`the next change is ${name}`, () => {
    const next = nextChange(windows, noon);
    assert.equal(next === undefined ? undefined : new Date(next).toISOString(), expected);
    if (next === undefined || windows.length !== 1) return;
    const verdictAt = (now: number) => canSync(windows, { isManual: false, now: instant(now) }).allowed;
    assert.notEqual(verdictAt(next), verdictAt(noon), "something changes then");
  });
}

for (const [name, window, now, expected] of [
  [
    "an opening after clocks are set forward",
    allow("0 9 * * *", "1h", berlin),
    "2026-03-28T12:00Z",
    "29T07:00:00.001Z",
  ],
  ["an opening after clocks are set back", allow("0 9 * * *", "1h", berlin), "2026-10-24T12:00Z", "25T08:00:00.001Z"],
  ["an end after clocks are set forward", allow("0 1 * * *", "4h", berlin), "2026-03-29T00:30Z", "29T03:00:00.000Z"],
  ["an opening that clocks jump over", allow("30 2 * * *", "1h", berlin), "2026-03-28T12:00Z", "29T01:00:00.000Z"],
  ["a leap day", allow("0 0 29 2 *", "24h"), "2027-03-01T00:00Z", "29T00:00:00.001Z"],
] as const) {
  test(`the next change of a window is right at ${name}`, () => {
    const next = nextChange([window], at(now));
    assert.equal(new Date(next ?? 0).toISOString().slice(8), expected);
    const verdictAt = (time: number) => canSync([window], { isManual: false, now: instant(time) }).allowed;
    assert.notEqual(verdictAt(next ?? 0), verdictAt((next ?? 0) - 1), "something changes then");
  });
}
