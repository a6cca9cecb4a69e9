import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dependency } from "../../../src/api/resources.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { compileProblems } from "../../../src/events/sensor/compile.ts";
import { compiled, dependency, sensorOf, trigger } from "./builders.ts";

const [a, b] = [dependency("a"), dependency("b")];
const t = "spec.triggers[0].template";

for (const [name, dependencies, template, conditions, expected] of [
  [
    "debounce and batch",
    [a],
    { debounce: { quiet: "5s" }, batch: { wait: "5s" } },
    "a",
    `${t}.batch: cannot be used together with debounce`,
  ],
  [
    "a debounce without quiet time",
    [a],
    { debounce: { key: "x" } },
    "a",
    `${t}.debounce.quiet: is missing: a duration such as "10s" or "1m30s"`,
  ],
  [
    "a duration that is none",
    [a],
    { debounce: { quiet: "5 s" } },
    "a",
    `${t}.debounce.quiet: "5 s" is not a duration such as "10s" or "1m30s"`,
  ],
  [
    "no time at all",
    [a],
    { debounce: { quiet: "0s" } },
    "a",
    `${t}.debounce.quiet: "0s" must be more than 0 and at most 8784h`,
  ],
  [
    "time for ever",
    [a],
    { batch: { wait: "9000h" } },
    "a",
    `${t}.batch.wait: "9000h" must be more than 0 and at most 8784h`,
  ],
  [
    "a batch that could wait for ever",
    [a],
    { batch: { size: 5 } },
    "a",
    `${t}.batch.wait: is missing: a duration such as "10s" or "1m30s"`,
  ],
  [
    "a batch of nothing",
    [a],
    { batch: { size: 0, wait: "1s" } },
    "a",
    `${t}.batch.size: 0 must be a whole number from 1 to 1000`,
  ],
  [
    "a batch too large",
    [a],
    { batch: { size: 1001, wait: "1s" } },
    "a",
    `${t}.batch.size: 1001 must be a whole number from 1 to 1000`,
  ],
  [
    "a dependency that hides a batch's list",
    [dependency("events")],
    { batch: { wait: "1s" } },
    "events",
    `${t}.batch: needs the name "events" for its list: give the dependency of that name another one`,
  ],
  [
    "a key where events are joined",
    [a, b],
    { debounce: { key: "x", quiet: "1s" } },
    "a && b",
    `${t}.debounce.key: cannot be used where events are joined: the key of the join counts, write correlate on the dependencies`,
  ],
  [
    "a key of the ordering beside a batch",
    [a],
    { batch: { wait: "1s" }, ordering: { key: "x" } },
    "a",
    `${t}.ordering.key: cannot be used together with debounce or batch: their key is the one that counts`,
  ],
  ["a key that does not parse", [a], { ordering: { key: "{{ .x" } }, "a", /template\.ordering\.key: /],
  [
    "half a correlation",
    [{ ...a, correlate: "x" }, b],
    {},
    "a && b",
    `spec.dependencies[1].correlate: is missing: "b" is joined with a`,
  ],
  [
    "a template that does not parse",
    [
      { ...a, correlate: "{{ .x" },
      { ...b, correlate: "x" },
    ],
    {},
    "a && b",
    /^spec\.dependencies\[0\]\.correlate: /,
  ],
  [
    "a window that is none",
    [{ ...a, within: "soon" }, b],
    {},
    "a && b",
    `spec.dependencies[0].within: "soon" is not a duration such as "10s" or "1m30s"`,
  ],
  [
    "a schedule that is none",
    [a, b],
    { conditionsReset: [{ byTime: { cron: "* *" } }] },
    "a && b",
    `${t}.conditionsReset[0].byTime.cron: "* *" is not a cron schedule: expected exactly 5 fields, found 2`,
  ],
  [
    "a time zone that is none",
    [a, b],
    { conditionsReset: [{ byTime: { cron: "* * * * *", timezone: "Mars" } }] },
    "a && b",
    /byTime\.timezone: .*Mars/,
  ],
] as readonly (readonly [string, readonly Dependency[], JsonObject, string, string | RegExp])[]) {
  test(`compileSensor refuses ${name}`, () => {
    const { problems } = compileProblems(sensorOf(dependencies, [trigger("t", conditions, template)]));
    const [only, ...more] = problems.map(({ path, message }) => `${path}: ${message}`);
    assert.deepEqual(more, []);
    if (typeof expected === "string") assert.equal(only, expected);
    else assert.match(only ?? "", expected);
  });
}

test("a trigger that says nothing about keys or time has no timing", () => {
  const [only] = compiled([{ ...a, correlate: "x", within: "5s" }, b], [trigger("t", "a || b")]).triggers;
  assert.equal(only?.timing, undefined);
});

for (const [name, resets, storedAt, expected] of [
  ["the first tick after it was stored", [["0 0 * * *"]], "2026-03-01T10:00:00Z", "2026-03-02T00:00:00Z"],
  [
    "not the tick of the same instant, which comes first",
    [["0 0 * * *"]],
    "2026-03-02T00:00:00Z",
    "2026-03-03T00:00:00Z",
  ],
  ["the earliest of several", [["0 0 * * *"], ["30 10 * * *"]], "2026-03-01T10:00:00Z", "2026-03-01T10:30:00Z"],
  ["in the zone", [["0 0 * * *", "Europe/Rome"]], "2026-03-01T10:00:00Z", "2026-03-01T23:00:00Z"],
  [
    "a zone in the text wins",
    [["TZ=Asia/Tokyo 0 0 * * *", "Europe/Rome"]],
    "2026-03-01T10:00:00Z",
    "2026-03-01T15:00:00Z",
  ],
  ["a schedule that never comes", [["0 0 30 2 *"]], "2026-03-01T10:00:00Z", undefined],
] as const) {
  test(`an event waits until a reset: ${name}`, () => {
    const conditionsReset = resets.map(([cron, timezone = ""]) => ({ byTime: { cron, timezone } }));
    const [only] = compiled([a, b], [trigger("t", "a && b", { conditionsReset })]).triggers;
    for (let again = 0; again < 2; again++) {
      const expiry = only?.timing?.expiryOf("a", Date.parse(storedAt));
      assert.equal(expiry && new Date(expiry.at).toISOString(), expected && new Date(expected).toISOString());
    }
  });
}

test("an event waits until the end of its window or a reset, whichever is first", () => {
  const conditionsReset = [{ byTime: { cron: "0 * * * *" } }];
  const given = [{ ...a, within: "10m" }, b];
  const [only] = compiled(given, [trigger("t", "a && b", { conditionsReset })]).triggers;
  const at = (text: string) => Date.parse(`2026-01-01T${text}Z`);
  const reasons = ["10:49:59", "10:50:00", "10:55:00"].map((time) => only?.timing?.expiryOf("a", at(time))?.reason);
  assert.deepEqual(reasons, ["window", "reset", "reset"]);
  assert.equal(only?.timing?.expiryOf("b", at("10:00:00"))?.at, at("11:00:00"));
});
