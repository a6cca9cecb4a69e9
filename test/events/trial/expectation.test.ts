import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { dependency, given, pushMain, runOne, sensorOf, trigger } from "./builders.ts";

const payload = [{ src: { dependencyName: "push", dataKey: "n" }, dest: "a.b" }];
const compiled = sensorOf(
  [dependency("push"), dependency("main", { data: [pushMain] })],
  [
    trigger("say", { conditions: "push", log: {} }),
    trigger("post", { conditions: "push", http: { url: "http://x.example", headers: { a: "1", b: "2" }, payload } }),
    trigger("deploy", { conditions: "main", log: {} }),
    trigger("broken", { conditions: "psuh", log: {} }),
  ],
);
const push = given("push", { n: "5" });
const say = { trigger: "say" };
const post = { trigger: "post" };

const passing: readonly (readonly [string, JsonObject])[] = [
  ["exactly what fired", { given: [push], expect: [say, post] }],
  ["nothing fires", { given: [given("other")], expect: [] }],
  ["the time, however it is spelt", { given: [{ ...push, at: "60s" }], expect: [{ ...say, at: "1m" }, post] }],
  ["ids of events", { given: [push], expect: [{ ...say, events: { push: "e1" } }, post] }],
  [
    "a part of the template",
    { given: [push], expect: [say, { ...post, template: { http: { payload: { a: { b: "5" } } } } }] },
  ],
  ["a part of the plan", { given: [push], expect: [say, { ...post, plan: { method: "POST", headers: { b: "2" } } }] }],
  [
    "an error by a part of its text",
    { given: [given("push")], expect: [say, { ...post, error: '"n" does not exist' }] },
  ],
  ["an error by a regex", { given: [given("push")], expect: [say, { ...post, error: "/key .n. does/" }] }],
  ["a dead outcome stands for any error", { given: [given("push")], expect: [say, { ...post, outcome: "dead" }] }],
  [
    "verdicts alone",
    {
      given: [given("main", { body: { ref: "x" } })],
      decisions: [{ dependency: "main", verdict: "rejected", reason: '"x"' }],
    },
  ],
  ["an error of a filter that nobody asks for", { given: [given("main")], expect: [] }],
  [
    "a verdict of one event",
    {
      given: [push, push],
      expect: [say, post, say, post],
      decisions: [{ event: "e2", dependency: "push", verdict: "passed" }],
    },
  ],
];

for (const [name, one] of passing) {
  test(`a case passes: ${name}`, async () => assert.deepEqual((await runOne(compiled, one)).problems, []));
}

const failing: readonly (readonly [string, JsonObject, string, readonly string[] | undefined])[] = [
  ["something fires", { given: [push], expect: [] }, "expect: expected nothing to fire, say, post fired", undefined],
  [
    "nothing fires",
    { given: [], expect: [say] },
    "expect: expected say to fire, nothing fired",
    ["-- trigger: say", "+[]"],
  ],
  [
    "another order",
    { given: [push], expect: [post, say] },
    "expect: expected post, say to fire, say, post fired",
    ["-- trigger: post", " - trigger: say", "+- trigger: post"],
  ],
  [
    "another time",
    { given: [{ ...push, at: "60s" }], expect: [{ ...say, at: "2m" }, post] },
    "expect: say, post fired, not as expected",
    [" - trigger: say", "-  at: 2m", "+  at: 1m0s", " - trigger: post"],
  ],
  [
    "another payload",
    { given: [push], expect: [say, { ...post, template: { http: { payload: { a: { b: 5 } } } } }] },
    "expect: say, post fired, not as expected",
    [" …", "     http:", "       payload:", "         a:", "-          b: 5", "+          b: '5'"],
  ],
  [
    "an error that nobody expects",
    { given: [given("push")], expect: [say, post] },
    "expect: say, post fired, not as expected",
    undefined,
  ],
  [
    "a list that is longer",
    { given: [push], expect: [say, { ...post, plan: { secretHeaders: [{}] } }] },
    "expect: say, post fired, not as expected",
    undefined,
  ],
  [
    "a field that is not there",
    { given: [push], expect: [say, { ...post, plan: { none: 1 } }] },
    "expect: say, post fired, not as expected",
    undefined,
  ],
  [
    "another verdict",
    { given: [push], decisions: [{ dependency: "push", verdict: "rejected" }] },
    "decisions[0]: dependency push: another verdict",
    ["-rejected", "+passed: all filters pass (event e1)"],
  ],
  [
    "a verdict on nothing",
    { given: [push], decisions: [{ dependency: "main", verdict: "passed" }] },
    "decisions[0]: dependency main: saw no event",
    ["-passed"],
  ],
  ["no expectation", { given: [push] }, ": expects nothing: write what fires, or let --update write it", undefined],
  [
    "a trigger that there is not",
    { given: [], fails: { sya: 1 }, expect: [] },
    'fails.sya: "sya" is no trigger of the Sensor; did you mean "say"?',
    undefined,
  ],
  [
    "a trigger that never fires",
    { given: [push], expect: [{ trigger: "broken" }] },
    'expect[0].trigger: "broken" never fires: its conditions name "psuh", and the dependencies are push, main',
    undefined,
  ],
  [
    "a dependency that there is not",
    { given: [], decisions: [{ dependency: "zebra", verdict: "passed" }] },
    'decisions[0].dependency: "zebra" is no dependency of the Sensor; it has push, main',
    undefined,
  ],
];

for (const [name, one, line, diff] of failing) {
  test(`a case fails: ${name}`, async () => {
    const [problem] = (await runOne(compiled, one)).problems;
    assert.equal(`${problem?.path}: ${problem?.message}`, line);
    if (diff) assert.deepEqual(problem?.diff, diff);
  });
}
