import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { TerminalError } from "../../../src/base/errors.ts";
import { compileSensor } from "../../../src/events/sensor/compile.ts";
import { reduce } from "../../../src/events/sensor/reducer.ts";
import { emptyState } from "../../../src/events/sensor/state.ts";
import { renderTrigger } from "../../../src/events/trial/rendered-trigger.ts";
import { compiled, dependency, received, sensorOf, trigger } from "./builders.ts";

test("a compiled Sensor listens to each pair once, and only to what a trigger names", () => {
  const sensor = compiled(
    [dependency("a"), dependency("a2", undefined, { eventName: "a" }), dependency("unused"), dependency("b")],
    [trigger("t", "b && a && a2")],
  );
  assert.deepEqual(sensor.inputs, [
    { eventSource: "source", event: "a" },
    { eventSource: "source", event: "b" },
  ]);
  assert.deepEqual(
    sensor.dependenciesOf("source", "a").map(({ name }) => name),
    ["a", "a2"],
  );
  assert.deepEqual(sensor.dependenciesOf("source", "unused"), []);
  assert.deepEqual(sensor.dependenciesOf("other", "a"), []);
  assert.deepEqual([...(sensor.triggers[0]?.dependencies ?? [])], ["b", "a", "a2"]);
  assert.equal(sensor.triggers[0]?.joins, true);
});

test("of dependencies with one name the last counts", () => {
  const sensor = compiled([dependency("a"), dependency("a", undefined, { eventName: "z" })], [trigger("t")]);
  assert.deepEqual(sensor.inputs, [{ eventSource: "source", event: "z" }]);
  assert.equal(sensor.triggers[0]?.joins, false);
});

test("the revision changes with the spec and with nothing else", () => {
  const sensor = sensorOf([dependency("a")], [trigger("t", "a", { log: { x: 1, y: 2 } })]);
  const turned = sensorOf([dependency("a")], [trigger("t", "a", { log: { y: 2, x: 1 } })]);
  const other = sensorOf([dependency("a")], [trigger("t", "a", { log: { x: 1, y: 3 } })]);
  const revision = compileSensor(sensor).head.revision;
  assert.match(revision, /^[0-9a-f]{16}$/);
  assert.equal(compileSensor(turned).head.revision, revision);
  assert.equal(compileSensor({ ...sensor, metadata: { ...sensor.metadata, generation: 7 } }).head.revision, revision);
  assert.notEqual(compileSensor(other).head.revision, revision);
});

test("dependencies that filter alike share the filter, and no others do", () => {
  const data = (value: string) => ({ data: [{ path: "body.x", type: "string" as const, value: [value] }] });
  const sensor = compiled(
    [dependency("a", data("1")), dependency("b", data("1")), dependency("c", data("2")), dependency("d")],
    [trigger("t", "a || b || c || d")],
  );
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => sensor.dependenciesOf("source", name)[0]?.filter);
  assert.ok(a !== undefined && a === b);
  assert.equal(new Set([a, c, d]).size, 3);
});

test("a trigger whose conditions cannot be read never fires, and the others do", () => {
  const sensor = compiled(
    ["a", "b"].map((name) => dependency(name)),
    [trigger("t", "a && nope"), trigger("u", "a &&"), trigger("v", "a || x || y"), trigger("w", "a || b")],
  );
  assert.deepEqual(
    sensor.triggers.map(({ name, fault }) => [name, fault]),
    [
      ["t", 'its conditions name "nope", and the dependencies are a, b'],
      [
        "u",
        'its conditions "a &&" has its end where a dependency is expected; conditions are names of dependencies, &&, || and parentheses',
      ],
      ["v", 'its conditions name "x", "y", and the dependencies are a, b'],
      ["w", undefined],
    ],
  );
  const { decisions } = reduce(sensor, emptyState, received("a1", "a"), instant(0));
  assert.deepEqual(
    decisions.map((decision) => decision.kind === "fire" && decision.trigger),
    ["w"],
  );
});

test("where no trigger could ever fire the Sensor does not run: its events wait until that is mended", () => {
  const sensor = sensorOf([dependency("a")], [trigger("t", "nope"), trigger("u", "a b")]);
  assert.throws(() => compileSensor(sensor), {
    code: "MANIFEST_INVALID",
    message:
      /spec\.triggers\[0\]\.template\.conditions: its conditions name "nope".*spec\.triggers\[1\]\.template\.conditions:/,
  });
});

test("a place that a parameter cannot be set at stops its firing, not the Sensor", () => {
  const parameters = [{ src: { dependencyName: "a", dataKey: "$.x[?(@.y)]", value: "v" }, dest: "x.99999999" }];
  const sensor = compiled([dependency("a")], [{ ...trigger("t", "a"), parameters }, trigger("u", "a")]);
  const { decisions } = reduce(sensor, emptyState, received("a1", "a"), instant(0));
  const [first, second] = decisions.map((one) => (one.kind === "fire" ? { ...one } : assert.fail(one.kind)));
  assert.throws(() => first && renderTrigger(sensor, first), {
    code: "PARAMETER_ERROR",
    message:
      'spec.triggers[0].parameters[0]: destination "x.99999999": index 99999999 is too far behind the end of the array',
  });
  assert.equal(second && renderTrigger(sensor, second)?.name, "u");
});

test("compileSensor names every problem with its field path", () => {
  const sensor = sensorOf(
    [
      dependency("a", { cel: "event." }),
      dependency("b"),
      dependency("c", { data: [{ path: "$.x[?(@.y)]", type: "string", value: ["x"] }] }),
    ],
    [trigger("v", "a", { conditionsReset: [{ byTime: { cron: "0 0 * *" } }] })],
  );
  assert.throws(
    () => compileSensor(sensor),
    (error) => {
      assert.ok(error instanceof TerminalError);
      assert.equal(error.code, "MANIFEST_INVALID");
      for (const part of [
        "spec.dependencies[0].filters.cel: Expected IDENTIFIER, got EOF",
        'spec.dependencies[2].filters.data[0].path: JSONPath "$.x[?(@.y)]": filters and scripts are refused',
        'spec.triggers[0].template.conditionsReset[0].byTime.cron: "0 0 * *" is not a cron schedule',
      ]) {
        assert.ok(error.message.includes(part), `${part} in ${error.message}`);
      }
      return true;
    },
  );
});
