import { instant } from "../../src/base/clock.ts";
import type { JsonObject } from "../../src/base/json.ts";
import type { CompiledSensor } from "../../src/events/sensor/compile.ts";
import { reduce } from "../../src/events/sensor/reducer.ts";
import { emptyState, type ReceivedEvent, type SensorState } from "../../src/events/sensor/state.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { compiled, dependency, received, trigger } from "../events/sensor/builders.ts";
import type { Bench, BenchRow } from "./bench.ts";

interface Case {
  readonly name: string;
  readonly sensor: CompiledSensor;
  /** Names of the events, in turn. */
  readonly names: readonly string[];
  /** Of all events, how many make it fire. */
  readonly share: number;
  /** Of a thousand events; scripts take longer, and say as much with fewer. */
  readonly rounds: number;
}

const count = 1_200;
const main = "refs/heads/main";
const dataFilter = { data: [{ path: "body.ref", type: "string", value: [`^${main}$`] }] } as const;

const cases: readonly Case[] = [
  onPush("one data filter", 2_000, dependency("push", dataFilter)),
  onPush("a CEL filter", 200, dependency("push", { cel: `event.data.body.ref == "${main}"` })),
  onPush("a Lua filter", 40, dependency("push", { script: `return event.body.ref == "${main}"` })),
  onPush(
    "a jq transform and a data filter",
    100,
    dependency("push", dataFilter, { transform: { jq: ".body.seen = true | del(.header)" } }),
  ),
  onPush(
    "a Lua transform and a data filter",
    20,
    dependency("push", dataFilter, { transform: { script: "event.body.seen = true return event" } }),
  ),
  {
    name: "a join of three",
    sensor: compiled(
      ["a", "b", "c"].map((name) => dependency(name)),
      [trigger("deploy", "a && b && c")],
    ),
    names: ["a", "b", "c"],
    share: 1 / 3,
    rounds: 500,
  },
];

function onPush(name: string, rounds: number, push: ReturnType<typeof dependency>): Case {
  return { name, sensor: compiled([push], [trigger("deploy")]), names: ["push"], share: 1 / 2, rounds };
}

/** About 1 KiB each, as pushes are; half of them are to main. */
function events(names: readonly string[]): readonly ReceivedEvent[] {
  return Array.from({ length: count }, (_, index) =>
    received(`e${index}`, names[index % names.length] ?? "", {
      header: { "X-Github-Event": ["push"], "Content-Type": ["application/json"] },
      body: { ref: index % 2 === 0 ? main : "refs/heads/dev", message: "x".repeat(700) },
    } satisfies JsonObject),
  );
}

/** Runs of `step` in a second, after one round that warms up. */
function perSecond(rounds: number, step: (index: number) => void): number {
  for (let index = 0; index < count; index++) step(index);
  const start = performance.now();
  for (let round = 0; round < rounds; round++) for (let index = 0; index < count; index++) step(index);
  return Math.round((rounds * count * 1_000) / (performance.now() - start));
}

function rowOf({ name, sensor, names, share, rounds: all }: Case, quick: boolean): BenchRow {
  const rounds = Math.ceil(quick ? all / 10 : all);
  const list = events(names);
  const texts = list.map(({ event }) => Buffer.from(encodeEvent(event)).toString("utf8"));
  const now = instant(0);
  let fired = 0;
  let state: SensorState = emptyState;
  const value = perSecond(rounds, (index) => {
    const event = list[index];
    if (!event) return;
    const reduction = reduce(sensor, state, event, now);
    state = reduction.state;
    if (reduction.decisions[0]?.kind === "fire") fired += 1;
  });
  const wanted = Math.round((rounds + 1) * count * share);
  if (fired !== wanted) throw new Error(`${name}: ${fired} events fired, ${wanted} should have`);
  const limit = perSecond(Math.ceil(rounds / 10), (index) => JSON.parse(texts[index] ?? ""));
  return { name: `reduce, ${name}, one core`, value, unit: "events/s", limit, ratio: value / limit };
}

/** The limit is what any Sensor must do first: JSON.parse of the same event's text. */
export const sensorBenches: readonly Bench[] = [
  { name: "sensor", run: async ({ quick }) => cases.map((one) => rowOf(one, quick)) },
];
