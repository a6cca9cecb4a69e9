import assert from "node:assert/strict";
import { test } from "node:test";
import type { Filters } from "../../../src/api/resources.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { createExplainer, type ExplainedCondition } from "../../../src/events/sensor/explain.ts";
import { reduce } from "../../../src/events/sensor/reducer.ts";
import { emptyState } from "../../../src/events/sensor/state.ts";
import { compiled, dependency, received, trigger } from "./builders.ts";

const data = (path: string, value: string, comparator?: ">"): JsonObject => ({
  path,
  type: comparator ? "number" : "string",
  value: [value],
  ...(comparator ? { comparator } : {}),
});

const rows: readonly (readonly [string, JsonObject, readonly (readonly string[])[]])[] = [
  ["no filters", {}, []],
  [
    "every data filter, not only the first that says no",
    { data: [data("ref", "^x"), data("n", "4", ">")] },
    [
      ["filters.data[0]", 'ref = "^x"', "rejected", '"main"'],
      ["filters.data[1]", 'n > "4"', "passed", "5"],
    ],
  ],
  ["a path that is not there", { data: [data("none", "x")] }, [["filters.data[0]", 'none = "x"', "error", "nothing"]]],
  [
    "a credential as a hash",
    { data: [data("header.Authorization.0", "^Bearer x$")] },
    [["filters.data[0]", "header.Authorization.0 = (not shown)", "rejected", "sha256:e7de65bca7a8a0ec"]],
  ],
  [
    "an expression with its values",
    { exprs: [{ expr: "a > 4", fields: [{ name: "a", path: "n" }] }] },
    [["filters.exprs[0]", "a > 4", "passed", "a = 5"]],
  ],
  [
    "each attribute of the context",
    { context: { type: "webhook", source: "else" } },
    [
      ["filters.context.type", 'type = "webhook"', "passed", '"webhook"'],
      ["filters.context.source", 'source = "else"', "rejected", '"source"'],
    ],
  ],
  [
    "hours of the day",
    { time: { start: "01:00:00", stop: "02:00:00" } },
    [["filters.time", "01:00:00 to 02:00:00", "rejected", "2026-01-01T00:00:00.123Z"]],
  ],
];

for (const [name, filters, wanted] of rows) {
  test(`filters are explained one by one: ${name}`, () => {
    const explainer = createExplainer(compiled([dependency("push", filters as Filters)], [trigger("t")]));
    const { dependencies } = explainer.explain(
      received("e1", "push", { ref: "main", n: 5, header: { Authorization: ["Bearer y"] } }),
      emptyState,
    );
    const seen = dependencies[0]?.filters.map(({ filter, expression, verdict, seen: value = "" }) => [
      filter,
      expression,
      verdict,
      value,
    ]);
    assert.deepEqual(seen, wanted);
  });
}

test("long values are cut", () => {
  const explainer = createExplainer(
    compiled([dependency("push", { data: [data("ref", "x")] } as unknown as Filters)], [trigger("t")]),
  );
  const [part] = explainer.filtersOf("push", received("e1", "push", { ref: "é".repeat(1_000) }).event);
  assert.ok(Buffer.byteLength(part?.seen ?? "") <= 260);
});

/** `(a+ & (b- | c+))` */
function shown(condition: ExplainedCondition): string {
  if (condition.kind === "name") return `${condition.name}${condition.isMet ? "+" : "-"}`;
  return `(${condition.parts.map(shown).join(condition.kind === "and" ? " & " : " | ")})`;
}

const sensor = compiled(
  ["a", "b", "c"].map((name) => dependency(name)),
  [trigger("t", "a && (b || c)"), trigger("any", "a || b"), trigger("only", "c")],
);

for (const [name, waiting, event, wanted] of [
  ["nothing waited", [], "a", { t: ["(a+ & (b- | c-))", false, "b,c"], any: ["(a+ | b-)", true, "b"] }],
  ["one waited", ["c"], "a", { t: ["(a+ & (b- | c+))", true, "b"], any: ["(a+ | b-)", true, "b"] }],
  ["the rest waits", ["b"], "c", { t: ["(a- & (b+ | c+))", false, "a"], only: ["c+", true, ""] }],
] as const) {
  test(`conditions are explained: ${name}`, () => {
    const events = Object.fromEntries(waiting.map((one) => [one, received(`old-${one}`, one)]));
    const before = waiting.length === 0 ? emptyState : { joins: { t: events } };
    const { triggers } = createExplainer(sensor).explain(received("new", event), before);
    const seen = triggers.map(({ trigger: key, condition, isMet, missing }) => [
      key,
      [shown(condition), isMet, missing.join()],
    ]);
    assert.deepEqual(Object.fromEntries(seen), wanted);
    for (const one of waiting) assert.equal(triggers[0]?.present[one], `old-${one}`);
    assert.equal(triggers[0]?.present[event], "new");
  });
}

test("a trigger that never fires is told of with each event", () => {
  const broken = compiled([dependency("a")], [trigger("t", "a &"), trigger("u", "a")]);
  const { triggers } = createExplainer(broken).explain(received("e", "a"), emptyState);
  assert.deepEqual(
    triggers.map(({ trigger: name, isMet, fault }) => [name, isMet, fault?.slice(0, 20)]),
    [
      ["u", true, undefined],
      ["t", false, 'its conditions "a &"'],
    ],
  );
});

test("an event that no filter lets pass meets no condition", () => {
  const rejecting = compiled([dependency("a", { context: { type: "x" } } as unknown as Filters)], [trigger("t", "a")]);
  const { triggers } = createExplainer(rejecting).explain(received("e", "a"), emptyState);
  assert.deepEqual(
    triggers.map(({ isMet, missing }) => [isMet, missing]),
    [[false, ["a"]]],
  );
});

test("filters are asked about the event as the transform gives it; one that cannot be changed has none", () => {
  const filters = { data: [data("a", "^2$")] } as unknown as Filters;
  const sensor = compiled([dependency("d", filters, { transform: { jq: "{a: .n | tostring}" } })], [trigger("t")]);
  const explained = (value: number | null) =>
    createExplainer(sensor)
      .explain(received("e", "d", { n: value }), emptyState)
      .dependencies.map(({ verdict, filters: asked }) => [verdict, asked.map(({ seen }) => seen)]);
  assert.deepEqual(explained(2), [["passed", ['"2"']]]);
  const failing = compiled([dependency("d", filters, { transform: { jq: "error" } })], [trigger("t")]);
  const [failed] = createExplainer(failing).explain(received("e", "d", {}), emptyState).dependencies;
  assert.deepEqual([failed?.verdict, failed?.filters], ["error", []]);
});

test("of a join by key only what waits under the event's key is there, unless its time is over", () => {
  const keyed = (name: string) => dependency(name, undefined, { correlate: "id", within: "5m" });
  const sensor = compiled([keyed("a"), keyed("b")], [trigger("t", "a && b")]);
  const at = (id: string, name: string, key: string, ms: number) => {
    const one = received(id, name, { id: key });
    return { ...one, head: { ...one.head, storedAt: ms } };
  };
  const { state } = reduce(sensor, emptyState, at("first", "a", "x", 0), instant(0));
  const present = (key: string, ms: number) =>
    createExplainer(sensor)
      .explain(at("second", "b", key, ms), state)
      .triggers.map((one) => [one.isMet, one.present]);
  assert.deepEqual(present("x", 1_000), [[true, { a: "first", b: "second" }]]);
  assert.deepEqual(present("y", 1_000), [[false, { b: "second" }]]);
  assert.deepEqual(present("x", 300_001), [[false, { b: "second" }]]);
});
