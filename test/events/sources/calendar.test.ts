import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { type CalendarSpec, calendarSource, planCalendar } from "../../../src/events/sources/calendar.ts";
import type { EventDraft, SourceContext } from "../../../src/events/sources/source.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { memoryState, recordedContext } from "./source-context.ts";

const minute = 60_000;

const parse = (spec: JsonObject): CalendarSpec => calendarSource.schema.parse(spec, "spec.calendar.e");

/** Runs `spec` for `ms` of virtual time and returns what it emitted. */
async function runFor(
  ms: number,
  spec: JsonObject,
  parts: Partial<SourceContext> = {},
  start = "2026-01-01T00:00:30Z",
): Promise<EventDraft[]> {
  const clock = createVirtualClock(start);
  const context = recordedContext({ clock, ...parts });
  const stop = new AbortController();
  const running = calendarSource.run(parse(spec), context, stop.signal);
  await clock.advance(ms);
  stop.abort();
  await running;
  return context.emitted;
}

const timesOf = (drafts: readonly EventDraft[]): unknown[] =>
  drafts.map(({ data }) => (data as { eventTime: string }).eventTime);

test("a schedule ticks at its minutes, each tick with an id of its own", async () => {
  const emitted = await runFor(2 * minute, { schedule: "* * * * *", metadata: { a: "b" } });
  assert.deepEqual(emitted, [
    {
      id: "default/es/e@2026-01-01T00:01:00.000Z",
      data: { eventTime: "2026-01-01 00:01:00 +0000 UTC", metadata: { a: "b" } },
    },
    {
      id: "default/es/e@2026-01-01T00:02:00.000Z",
      data: { eventTime: "2026-01-01 00:02:00 +0000 UTC", metadata: { a: "b" } },
    },
  ]);
});

test("an interval ticks at whole seconds after the start", async () => {
  const emitted = await runFor(25_000, { interval: "10s" }, {}, "2026-01-01T00:00:00.700Z");
  assert.deepEqual(timesOf(emitted), ["2026-01-01 00:00:10 +0000 UTC", "2026-01-01 00:00:20 +0000 UTC"]);
});

test("a schedule is read on the clock of its time zone, and wins over an interval", async () => {
  const emitted = await runFor(24 * 60 * minute, {
    schedule: "0 9 * * *",
    interval: "1h",
    timezone: "America/New_York",
  });
  assert.deepEqual(
    emitted.map(({ id }) => id),
    ["default/es/e@2026-01-01T14:00:00.000Z"],
  );
});

test("days that are excluded have no ticks", async () => {
  const emitted = await runFor(3 * 24 * 60 * minute, {
    schedule: "0 12 * * *",
    exclusionDates: ["EXDATE:20260102T000000Z,20260105T000000Z", "note"],
  });
  assert.deepEqual(timesOf(emitted), ["2026-01-01 12:00:00 +0000 UTC", "2026-01-03 12:00:00 +0000 UTC"]);
});

const catchup = { catchup: { enabled: true, maxDuration: "3m" } };
const restarts: readonly [string, JsonObject, readonly string[]][] = [
  ["goes on with the next tick", { schedule: "* * * * *" }, ["00:11"]],
  [
    "catches up what was missed, as far back as is allowed",
    { schedule: "* * * * *", persistence: catchup },
    ["00:08", "00:09", "00:10", "00:11"],
  ],
  [
    "catches up all without a limit",
    { schedule: "*/2 * * * *", persistence: { catchup: { enabled: true } } },
    ["00:04", "00:06", "00:08", "00:10"],
  ],
];

for (const [what, spec, expected] of restarts) {
  test(`after a restart it ${what}`, async () => {
    const state = memoryState();
    await runFor(2 * minute, { ...spec, schedule: spec.schedule ?? "" }, { state });
    const emitted = await runFor(minute, spec, { state }, "2026-01-01T00:10:30Z");
    assert.deepEqual(
      emitted.map(({ id }) => id?.slice(-13, -8)),
      expected,
    );
  });
}

test("ticks that are caught up carry the schedule's zone, as in the original", async () => {
  const state = memoryState();
  const spec = { schedule: "* * * * *", timezone: "Asia/Tokyo", persistence: catchup };
  await runFor(minute, spec, { state });
  const emitted = await runFor(minute, spec, { state }, "2026-01-01T00:02:30Z");
  assert.deepEqual(timesOf(emitted), ["2026-01-01 09:02:00 +0900 JST", "2026-01-01 00:03:00 +0000 UTC"]);
});

test("a tick that the bus does not take is tried again with its id; later ones follow in order", async () => {
  const ids: (string | undefined)[] = [];
  let refusals = 12;
  const emit = async ({ id }: EventDraft): Promise<void> => {
    if (refusals-- > 0) throw new EngineError("BUS_UNAVAILABLE", "away");
    ids.push(id?.slice(-13, -8));
  };
  await runFor(10 * minute, { schedule: "* * * * *" }, { emit });
  assert.deepEqual(ids, ["00:01", "00:02", "00:03", "00:04", "00:05", "00:06", "00:07", "00:08", "00:09", "00:10"]);
});

test("an event that is too large ends the source, which the runner reports", async () => {
  const emit = (): Promise<void> => Promise.reject(new EngineError("BUS_MESSAGE_TOO_LARGE", "big"));
  const clock = createVirtualClock();
  const running = calendarSource.run(
    parse({ interval: "1s" }),
    recordedContext({ emit, clock }),
    new AbortController().signal,
  );
  const rejected = assert.rejects(running, { code: "BUS_MESSAGE_TOO_LARGE" });
  await clock.advance(1_000);
  await rejected;
});

const refused: readonly [Partial<CalendarSpec>, RegExp][] = [
  [{}, /spec\.calendar\.e: must have either schedule or interval/],
  [{ interval: "500ms" }, /spec\.calendar\.e\.interval: "500ms" must be at least 1s/],
  [{ interval: "soon" }, /"soon" is not a duration/],
  [{ schedule: "@hourly" }, /spec\.calendar\.e\.schedule/],
  [{ schedule: "* * * * *", timezone: "Mars/Base" }, /spec\.calendar\.e\.timezone: "Mars\/Base"/],
  [{ schedule: "* * * * *", exclusionDates: ["EXDATE:tomorrow"] }, /exclusionDates\[0\]: "tomorrow"/],
];

for (const [spec, problem] of refused) {
  test(`refuses ${JSON.stringify(spec)}`, () => {
    assert.throws(() => planCalendar({ timezone: "UTC", ...spec }, "spec.calendar.e"), problem);
  });
}

test("a schedule that never comes is an error, not a wait for ever", async () => {
  const running = calendarSource.run(
    parse({ schedule: "0 0 30 2 *" }),
    recordedContext(),
    new AbortController().signal,
  );
  await assert.rejects(running, /spec\.calendar\.e\.schedule: "0 0 30 2 \*" never comes/);
});

test("planning an interval cuts to whole seconds", () => {
  assert.equal(planCalendar(parse({ interval: "1.5s" }), "p").next(instant(1_000)), 2_000);
});
