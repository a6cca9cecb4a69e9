import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dependency } from "../../../src/api/resources.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import type { CompiledSensor } from "../../../src/events/sensor/compile.ts";
import { nextTickAt, reduce, tick } from "../../../src/events/sensor/reducer.ts";
import { type Decision, emptyState, type ReceivedEvent } from "../../../src/events/sensor/state.ts";
import { compiled, dependency, received, trigger } from "./builders.ts";

/** `a1@5` is event a1 of dependency a with key `k`, stored at second 5; `a1/x@5` the same with key x; `@9` is a tick. */
type Step = string;

function eventOf(text: Step): ReceivedEvent | undefined {
  const [, id = "", key = "k", second = ""] = /^(\w*)(?:\/(\w*))?@(\d+)$/.exec(text) ?? [];
  if (id === "") return undefined;
  return received(id, id.charAt(0), key === "none" ? {} : { k: key }, Number(second) * 1_000);
}

function play(sensor: CompiledSensor, steps: readonly Step[]) {
  let state = emptyState;
  const decisions: Decision[] = [];
  for (const step of steps) {
    const event = eventOf(step);
    const now = instant(Number(step.split("@")[1]) * 1_000);
    const next = event ? reduce(sensor, state, event, now) : tick(sensor, state, now);
    state = next.state;
    decisions.push(...next.decisions);
  }
  assert.deepEqual(JSON.parse(JSON.stringify(state)), state, "plain JSON");
  return { state, decisions, shown: decisions.map(shown) };
}

function shown(decision: Decision): string {
  const named = (events: Readonly<Record<string, ReceivedEvent>>) =>
    Object.entries(events)
      .map(([name, { event }]) => `${name}=${event.id}`)
      .join(" ");
  switch (decision.kind) {
    case "fire": {
      const batch = decision.batch ? ` of ${decision.batch.map(({ event }) => event.id).join(",")}` : "";
      const merged = decision.merged ? ` after ${decision.merged.ids.join(",")}` : "";
      return `fire ${named(decision.events)}${batch}${merged}`;
    }
    case "expired":
      return `${decision.reason} ${named(decision.events)} @${decision.at / 1_000}`;
    default:
      return decision.kind;
  }
}

const plain = ["a", "b", "c"].map((name) => dependency(name));
const keyed: readonly Dependency[] = plain.map((one) => ({ ...one, correlate: "k" }));
const within = (text: string) => plain.map((one) => ({ ...one, within: text }));
const hourly = { conditionsReset: [{ byTime: { cron: "0 * * * *" } }] };

for (const [name, dependencies, conditions, template, steps, expected] of [
  // conditionsReset
  ["a reset drops what waits", plain, "a && b", hourly, ["a1@10", "@3600", "b1@3700"], ["reset a=a1 @3600"]],
  [
    "a reset drops all dependencies at once",
    plain,
    "a && b && c",
    hourly,
    ["a1@10", "b1@20", "@4000"],
    ["reset a=a1 b=b1 @3600"],
  ],
  [
    "an event after the tick notices a reset that nobody saw",
    plain,
    "a && b",
    hourly,
    ["a1@10", "b1@3700", "a2@3800"],
    ["reset a=a1 @3600", "fire a=a2 b=b1"],
  ],
  [
    "an event before the tick is joined, however late it is read",
    plain,
    "a && b",
    hourly,
    ["a1@10", "b1@3599", "@9000"],
    ["fire a=a1 b=b1"],
  ],
  [
    "the tick comes before an event of its instant",
    plain,
    "a && b",
    hourly,
    ["a1@10", "b1@3600", "a2@3601"],
    ["reset a=a1 @3600", "fire a=a2 b=b1"],
  ],
  [
    "several schedules each reset",
    plain,
    "a && b",
    { conditionsReset: [...hourly.conditionsReset, { byTime: { cron: "30 * * * *", timezone: "Asia/Kolkata" } }] },
    ["a1@10", "@1800", "a2@1900", "b1@3599"],
    ["fire a=a2 b=b1"],
  ],
  [
    "without anything that waits a tick says nothing",
    plain,
    "a && b",
    hourly,
    ["@3600", "a1@3700", "b1@3800", "@9000"],
    ["fire a=a1 b=b1"],
  ],
  // within
  ["an event waits for so long only", within("10s"), "a && b", {}, ["a1@1", "b1@12"], ["window a=a1 @11"]],
  ["to the last moment it joins", within("10s"), "a && b", {}, ["a1@1", "b1@10"], ["fire a=a1 b=b1"]],
  [
    "each event has its own time",
    within("10s"),
    "a && b && c",
    {},
    ["a1@1", "b1@8", "@11", "c1@17", "a2@17"],
    ["window a=a1 @11", "fire a=a2 b=b1 c=c1"],
  ],
  [
    "a newer event of the dependency begins anew",
    within("10s"),
    "a && b",
    {},
    ["a1@1", "a2@9", "b1@18"],
    ["fire a=a2 b=b1"],
  ],
  [
    "a dependency without it waits for ever",
    [within("10s")[0], plain[1]] as Dependency[],
    "a && b",
    {},
    ["b1@1", "a1@90000"],
    ["fire a=a1 b=b1"],
  ],
  // correlate
  [
    "only the same key is joined",
    keyed,
    "a && b",
    {},
    ["a1/x@1", "b1/y@2", "b2/x@3", "a2/y@4"],
    ["fire a=a1 b=b2", "fire a=a2 b=b1"],
  ],
  ["an event without a key is an error", keyed, "a && b", {}, ["a1/none@1", "b1/x@2"], ["error"]],
  [
    "a key with a window",
    keyed.map((one) => ({ ...one, within: "10s" })),
    "a && b",
    {},
    ["a1/x@1", "a2/y@5", "b1/x@12", "b2/y@14"],
    ["window a=a1 @11", "fire a=a2 b=b2"],
  ],
  [
    "a template is a key",
    plain.map((one) => ({ ...one, correlate: "{{ .Input.k }}!" })),
    "a && b",
    {},
    ["a1/x@1", "b1/y@2", "b2/x@3"],
    ["fire a=a1 b=b2"],
  ],
  // debounce
  [
    "debounce fires once, with the last",
    plain,
    "a",
    { debounce: { quiet: "5s" } },
    ["a1@1", "a2@3", "a3@7", "@12"],
    ["fire a=a3 after a1,a2"],
  ],
  [
    "debounce fires when it was due, though an event of later notices it",
    plain,
    "a",
    { debounce: { quiet: "5s" } },
    ["a1@1", "a2@6"],
    ["fire a=a1"],
  ],
  [
    "each key has its own quiet time",
    plain,
    "a || b",
    { debounce: { key: "k", quiet: "5s" } },
    ["a1/x@1", "b1/y@2", "a2/x@4", "@20"],
    ["fire b=b1", "fire a=a2 after a1"],
  ],
  [
    "debounce of a join goes by its key",
    keyed,
    "a && b",
    { debounce: { quiet: "5s" } },
    ["a1/x@1", "b1/x@2", "a2/x@3", "b2/x@4", "@20"],
    ["fire a=a2 b=b2 after a1,b1"],
  ],
  [
    "an event that comes twice changes nothing",
    plain,
    "a",
    { debounce: { quiet: "5s" } },
    ["a1@1", "a1@1", "@7"],
    ["fire a=a1"],
  ],
  [
    "debounce without a key is an error",
    plain,
    "a",
    { debounce: { key: "k", quiet: "5s" } },
    ["a1/none@1", "@9"],
    ["error"],
  ],
  // batch
  [
    "a batch fires when it is full",
    plain,
    "a",
    { batch: { size: 2, wait: "10s" } },
    ["a1@1", "a2@2", "a3@3", "@4"],
    ["fire a=a2 of a1,a2"],
  ],
  [
    "a batch fires when its first event has waited long enough",
    plain,
    "a",
    { batch: { size: 9, wait: "10s" } },
    ["a1@1", "a2@9", "@11", "@30"],
    ["fire a=a2 of a1,a2"],
  ],
  [
    "a batch has the newest of each dependency",
    plain,
    "a || b",
    { batch: { size: 3, wait: "10s" } },
    ["a1@1", "b1@2", "a2@3"],
    ["fire a=a2 b=b1 of a1,b1,a2"],
  ],
  [
    "a batch for each key",
    plain,
    "a",
    { batch: { key: "k", size: 2, wait: "10s" } },
    ["a1/x@1", "a2/y@2", "a3/x@3", "@20"],
    ["fire a=a3 of a1,a3", "fire a=a2 of a2"],
  ],
  [
    "a batch of joins",
    keyed,
    "a && b",
    { batch: { size: 2, wait: "10s" } },
    ["a1/x@1", "b1/x@2", "b2/x@3", "a2/x@4"],
    ["fire a=a2 b=b2 of a1,b1,a2,b2"],
  ],
  [
    "an event that comes twice is once in the batch",
    plain,
    "a",
    { batch: { size: 2, wait: "10s" } },
    ["a1@1", "a1@2", "a2@3"],
    ["fire a=a2 of a1,a2"],
  ],
] as readonly (readonly [string, readonly Dependency[], string, JsonObject, readonly Step[], readonly string[]])[]) {
  test(`reduce and tick: ${name}`, () => {
    const sensor = compiled(dependencies, [trigger("t", conditions, template)]);
    assert.deepEqual(play(sensor, steps).shown, expected);
  });
}

test("ordering: what fires has the lane of its key", () => {
  const lanes = (sensor: CompiledSensor, steps: readonly Step[]) =>
    play(sensor, steps).decisions.map((decision) => (decision.kind === "fire" ? decision.lane : decision.kind));
  const one = compiled(plain, [trigger("t", "a", { ordering: { key: "k" } })]);
  assert.deepEqual(lanes(one, ["a1/x@1", "a2/y@2", "a3/none@3"]), ["t/x", "t/y", "error"]);
  const joined = compiled(keyed, [trigger("t", "a && b", { ordering: {} })]);
  assert.deepEqual(lanes(joined, ["a1/x@1", "b1/x@2"]), ["t/x"]);
  const paced = compiled(plain, [trigger("t", "a", { ordering: {}, debounce: { key: "k", quiet: "1s" } })]);
  assert.deepEqual(lanes(paced, ["a1/x@1", "@9"]), ["t/x"]);
  const all = compiled(plain, [trigger("t", "a || b", { ordering: {} })]);
  assert.deepEqual(lanes(all, ["a1/x@1", "b1/y@2"]), ["t/", "t/"]);
});

test("a key says what is wrong with it", () => {
  const sensor = compiled(plain, [trigger("t", "a", { ordering: { key: "k" } })]);
  const message = (data: JsonValue) => {
    const [only] = reduce(sensor, emptyState, received("a1", "a", data), instant(0)).decisions;
    return only?.kind === "error" ? `${only.trigger}: ${only.message}` : only?.kind;
  };
  assert.equal(message({}), `t: ordering.key: path "k" does not exist in the event's data: the data is empty`);
  assert.equal(message({ k: null }), `t: ordering.key: path "k" does not exist in the event's data`);
  assert.equal(message({ k: "" }), 't: ordering.key: path "k" is an empty text');
  assert.equal(
    message({ k: [1] }),
    't: ordering.key: path "k" is a list, a key must be a string, a number or a boolean',
  );
  for (const k of [1, false, "\ud800", "x".repeat(5_000)]) assert.equal(message({ k }), "fire");
});

test("the effect's key of a batch is the same for the same events, and short", () => {
  const sensor = compiled(plain, [trigger("t", "a", { batch: { wait: "1s" } })]);
  const many = Array.from({ length: 1_000 }, (_, n) => `a${n}@1`);
  const [only, ...more] = play(sensor, many).decisions;
  assert.deepEqual(more, []);
  assert.match(only?.kind === "fire" ? only.key : "", /^uid\/t\/batch-1000-[0-9a-f]{32}$/);
  assert.deepEqual(
    play(sensor, [...many].reverse()).decisions.map((one) => one.kind === "fire" && one.key),
    [only?.kind === "fire" && only.key],
  );
});

test("the state of a Sensor where nothing waits is the empty one", () => {
  const sensor = compiled(keyed, [trigger("t", "a && b", hourly), trigger("u", "c", { batch: { wait: "1s" } })]);
  assert.deepEqual(play(sensor, ["a1/x@1", "c1@2", "b1/x@3", "@9"]).state, emptyState);
});

test("nextTickAt is when the first of all that waits is due", () => {
  const sensor = compiled(within("10s"), [trigger("t", "a && b"), trigger("u", "c", { batch: { wait: "3s" } })]);
  const next = (steps: readonly Step[]) => nextTickAt(sensor, play(sensor, steps).state);
  assert.equal(next([]), undefined);
  assert.equal(next(["a1@1"]), 11_000);
  assert.equal(next(["a1@1", "c1@2"]), 5_000);
  assert.equal(next(["a1@1", "c1@2", "@5"]), 11_000);
  assert.equal(next(["a1@1", "c1@2", "@11"]), undefined);
});

test("tick stops at so many decisions, and goes on where it stopped", () => {
  const sensor = compiled(plain, [trigger("t", "a", { debounce: { key: "k", quiet: "1s" } })]);
  let { state } = play(sensor, Array.from({ length: 10 }, (_, n) => `a${n}/k${n}@${n}`).slice(0, 1));
  for (let n = 0; n < 10; n++) {
    state = reduce(sensor, state, received(`b${n}`, "a", { k: n }, 5_000), instant(0)).state;
  }
  const first = tick(sensor, state, instant(99_000), 4);
  assert.equal(first.decisions.length, 4);
  const rest = tick(sensor, first.state, instant(99_000));
  assert.deepEqual([...first.decisions, ...rest.decisions], tick(sensor, state, instant(99_000)).decisions);
});

test("beyond 10,000 keys the oldest gives way: of a join with a record, of a batch by firing early", () => {
  const waiting = compiled(keyed, [trigger("t", "a && b")]);
  const held = compiled(plain, [trigger("t", "a", { batch: { key: "k", wait: "9000s" } })]);
  for (const [sensor, expected] of [
    [waiting, "bound a=a5 @9.999"],
    [held, "fire a=a5 of a5"],
  ] as const) {
    let state = emptyState;
    const found: Decision[] = [];
    for (let n = 0; n <= 10_000; n++) {
      const at = n === 5 ? 0 : Math.min(n + 1, 9_999);
      const { state: next, decisions } = reduce(sensor, state, received(`a${n}`, "a", { k: n }, at), instant(0));
      state = next;
      found.push(...decisions);
    }
    assert.deepEqual(found.map(shown), [expected]);
    const [only] = found;
    if (only?.kind === "fire") assert.equal(only.early, "fires early: more than 10000 events wait");
  }
});
