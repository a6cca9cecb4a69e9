import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instant } from "../../../src/base/clock.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import type { CompiledSensor } from "../../../src/events/sensor/compile.ts";
import { explain, reduce } from "../../../src/events/sensor/reducer.ts";
import { type Decision, emptyState, type ReceivedEvent, type SensorState } from "../../../src/events/sensor/state.ts";
import { cloudEvent, compiled, dependency, received, trigger } from "./builders.ts";

const now = instant(0);

/** Runs events one after another; each firing as `trigger(dependency=event, …)`. */
function run(sensor: CompiledSensor, events: readonly ReceivedEvent[], from: SensorState = emptyState) {
  let state = from;
  const decisions: Decision[] = [];
  for (const event of events) {
    const reduction = reduce(sensor, state, event, now);
    state = reduction.state;
    decisions.push(...reduction.decisions);
  }
  return { state, decisions, fired: decisions.flatMap(shown) };
}

function shown(decision: Decision): string[] {
  if (decision.kind !== "fire") return [];
  const events = Object.entries(decision.events).map(([name, { event }]) => `${name}=${event.id}`);
  return [`${decision.trigger}(${events.join(", ")})`];
}

const abc = [dependency("a"), dependency("b"), dependency("c")];

for (const [name, conditions, events, fired, waiting] of [
  ["without && each event fires alone", "a || b", ["a1", "b1"], ["t(a=a1)", "t(b=b1)"], undefined],
  ["with && the first event waits", "a && b", ["a1"], [], { a: "a1" }],
  ["with && the last event fires with those that wait", "a && b", ["b1", "a1"], ["t(a=a1, b=b1)"], undefined],
  ["the newest event of a dependency wins", "a && b", ["a1", "a2", "b1"], ["t(a=a2, b=b1)"], undefined],
  ["firing clears what waited", "a && b", ["a1", "b1", "b2"], ["t(a=a1, b=b1)"], { b: "b2" }],
  [
    "an or-side fires with what waits and clears it",
    "(a && b) || c",
    ["a1", "c1", "b1"],
    ["t(a=a1, c=c1)"],
    { b: "b1" },
  ],
  ["an or-side alone fires alone", "(a && b) || c", ["c1", "c2"], ["t(c=c1)", "t(c=c2)"], undefined],
  ["three-way joins fire once", "a && b && c", ["c1", "a1", "b1"], ["t(a=a1, b=b1, c=c1)"], undefined],
  ["no conditions: all dependencies", "", ["a1", "b1", "c1"], ["t(a=a1, b=b1, c=c1)"], undefined],
  ["events of dependencies that no trigger names are not looked at", "a", ["b1", "a1"], ["t(a=a1)"], undefined],
] as const) {
  test(`reduce: ${name}`, () => {
    const sensor = compiled(abc, [trigger("t", conditions)]);
    const result = run(
      sensor,
      events.map((id) => received(id, id.charAt(0))),
    );
    assert.deepEqual(result.fired, fired);
    const saved = Object.entries(result.state.joins.t ?? {}).map(([key, value]) => [key, value.event.id]);
    assert.deepEqual(result.state.joins.t && Object.fromEntries(saved), waiting);
  });
}

test("reduce: the state is plain JSON and is the same object when unchanged", () => {
  const sensor = compiled(abc, [trigger("t", "a && b"), trigger("u", "c")]);
  const { state } = run(sensor, [received("a1", "a")]);
  assert.deepEqual(JSON.parse(JSON.stringify(state)), state);
  assert.equal(reduce(sensor, state, received("c1", "c"), now).state, state);
  assert.equal(reduce(sensor, state, received("x1", "unknown"), now).state, state);
  assert.deepEqual(run(sensor, [received("b1", "b")], JSON.parse(JSON.stringify(state))).fired, ["t(a=a1, b=b1)"]);
});

test("reduce: keys are the Sensor's uid, the trigger and the sorted ids", () => {
  const sensor = compiled(abc, [trigger("t", "a && b"), trigger("u", "a || b")]);
  const { decisions } = run(sensor, [received("z", "a"), received("y", "b")]);
  const keys = decisions.map((decision) => decision.kind === "fire" && [decision.key, decision.joined]);
  assert.deepEqual(keys, [
    ["uid/u/z", false],
    ["uid/t/y,z", true],
    ["uid/u/y", false],
  ]);
});

test("reduce: joined says that saved events took part", () => {
  const sensor = compiled(abc, [trigger("t", "(a && b) || c")]);
  const joined = (events: readonly ReceivedEvent[]) =>
    run(sensor, events).decisions.map((decision) => decision.kind === "fire" && decision.joined);
  assert.deepEqual(joined([received("c1", "c")]), [false]);
  assert.deepEqual(joined([received("a1", "a"), received("c1", "c")]), [true]);
});

test("reduce: one event may feed two dependencies, of a join in one step", () => {
  const twice = [dependency("a"), dependency("a2", undefined, { eventName: "a" })];
  const both = reduce(compiled(twice, [trigger("t")]), emptyState, received("e", "a"), now);
  assert.deepEqual(both.decisions.flatMap(shown), ["t(a=e, a2=e)"]);
  assert.equal(both.state, emptyState);
  assert.deepEqual(run(compiled(twice, [trigger("t", "a2 || a")]), [received("e", "a")]).fired, ["t(a2=e)", "t(a=e)"]);
});

for (const [name, conditions, keys] of [
  ["without joins", "a || a2 || a3", ["uid/t/e", "uid/t/e,e", "uid/t/e,e,e"]],
  ["with joins", "(a && a2) || a3", ["uid/t/e,e", "uid/t/e"]],
  ["with two joins", "(a && a2) || (a3 && a4)", ["uid/t/e,e", "uid/t/e,e,e"]],
] as const) {
  test(`reduce: one event that fires a trigger several times does so under keys of their own, ${name}`, () => {
    const fed = ["a", "a2", "a3", "a4"].map((dependent) => dependency(dependent, undefined, { eventName: "a" }));
    const { decisions } = run(compiled(fed, [trigger("t", conditions)]), [received("e", "a")]);
    assert.deepEqual(
      decisions.map((decision) => decision.kind === "fire" && decision.key),
      keys,
    );
  });
}

test("reduce: rejections and errors are decisions, and the event does not count", () => {
  const filters = { data: [{ path: "n", type: "number", value: ["1"] }] };
  const sensor = compiled([dependency("a", filters), dependency("b")], [trigger("t")]);
  const no = reduce(sensor, emptyState, received("e1", "a", { n: 2 }), now);
  assert.deepEqual(
    no.decisions.map(({ kind }) => kind),
    ["rejected"],
  );
  assert.equal(no.decisions[0]?.kind === "rejected" && no.decisions[0].reason, 'filters.data[0]: n is 2, wanted "1"');
  assert.equal(no.state, emptyState);
  const event = received("e2", "a", {});
  const failed = reduce(sensor, emptyState, event, now);
  assert.deepEqual(failed.decisions, [
    {
      kind: "error",
      dependency: "a",
      message: "data filter error (filters.data[0]: path 'n' does not exist: the data is empty)",
      event,
    },
  ]);
});

test("reduce: names of Object's prototype are names like others", () => {
  const sensor = compiled(
    [dependency("constructor"), dependency("toString")],
    [trigger("valueOf"), trigger("__proto__")],
  );
  const { fired, state } = run(sensor, [received("1", "constructor"), received("2", "toString")]);
  assert.deepEqual(fired, ["valueOf(constructor=1, toString=2)", "__proto__(constructor=1, toString=2)"]);
  assert.deepEqual(state, emptyState);
});

test("reduce: saved events of dependencies that the conditions no longer name are left out", () => {
  const old = run(compiled(abc, [trigger("t")]), [received("a1", "a"), received("b1", "b")]).state;
  assert.deepEqual(run(compiled(abc, [trigger("t", "b && c")]), [received("c1", "c")], old).fired, ["t(b=b1, c=c1)"]);
});

test("explain says for each dependency whether it takes the event, and why not", () => {
  const main = { data: [{ path: "body.ref", type: "string", value: ["refs/heads/main"] }] };
  const sensor = compiled(
    [dependency("push"), dependency("main", main, { eventName: "push" }), dependency("other")],
    [trigger("t", "push || main || other")],
  );
  assert.deepEqual(explain(sensor, cloudEvent({ data: { body: { ref: "refs/heads/dev" } } })), [
    { dependency: "push", verdict: "passed", reason: "all filters pass" },
    {
      dependency: "main",
      verdict: "rejected",
      reason: 'filters.data[0]: body.ref is "refs/heads/dev", wanted "refs/heads/main"',
      filter: "filters.data[0]",
    },
  ]);
  assert.equal(explain(sensor, cloudEvent({ data: {} }))[1]?.verdict, "error");
});

const filtered = compiled(
  [
    dependency("a", {
      data: [
        { path: "n.*.0", type: "number", comparator: ">", value: ["1"] },
        { path: "s", type: "string", value: ["^x"] },
      ],
      dataLogicalOperator: "or",
      context: { type: "webhook" },
    }),
    dependency("b", { data: [{ path: "#.ok", type: "bool", value: ["true"] }] }, { filtersLogicalOperator: "or" }),
    dependency("c"),
  ],
  [trigger("all"), trigger("some", "(a && b) || c"), trigger("any", "a || b")],
);

test("reduce never throws, for any event and any earlier state, and does not change its input", () => {
  const event = fc.record({ name: fc.constantFrom("a", "b", "c", "d"), id: fc.string(), data: fc.jsonValue() });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      let state = emptyState;
      for (const { name, id, data } of events) {
        const before = JSON.stringify(state);
        const next = reduce(filtered, state, received(id, name, data as JsonValue), now);
        assert.equal(JSON.stringify(state), before);
        assert.deepEqual(reduce(filtered, state, received(id, name, data as JsonValue), now).state, next.state);
        for (const decision of next.decisions) {
          if (decision.kind === "rejected") assert.notEqual(decision.reason, "");
        }
        state = next.state;
      }
    }),
  );
});

test("reduce: without joins, order and duplicates change no key", () => {
  const sensor = compiled(abc, [trigger("t", "a || b"), trigger("u", "c")]);
  const keys = (events: readonly ReceivedEvent[]) =>
    new Set(run(sensor, events).decisions.map((decision) => decision.kind === "fire" && decision.key));
  const ids = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(20)), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      ids.chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
      ),
      ([once, again]) => {
        const events = (list: typeof once) => list.map(([name, id]) => received(`${name}${id}`, name));
        assert.deepEqual([...keys(events(once))].sort(), [...keys(events(again))].sort());
      },
    ),
  );
});

test("reduce: an event that comes again while its join waits changes nothing", () => {
  const sensor = compiled(abc, [trigger("t", "a && b && c")]);
  const order = fc.shuffledSubarray(["a1", "b1", "c1"], { minLength: 3 });
  fc.assert(
    fc.property(order, fc.nat(2), (ids, extra) => {
      const events = ids.map((id) => received(id, id.charAt(0)));
      const doubled = events.flatMap((event, index) => (index < extra ? [event, event] : [event]));
      assert.deepEqual(run(sensor, doubled).fired, ["t(a=a1, b=b1, c=c1)"]);
    }),
  );
});
