import { instant } from "../../src/base/clock.ts";
import { reduce } from "../../src/events/sensor/reducer.ts";
import { emptyState, type ReceivedEvent } from "../../src/events/sensor/state.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { compiled, dependency, received, trigger } from "../events/sensor/builders.ts";
import type { Bench, BenchRow } from "./bench.ts";

const sensor = compiled(
  [dependency("push", { data: [{ path: "body.ref", type: "string", value: ["^refs/heads/main$"] }] })],
  [trigger("deploy")],
);

/** Half of them pass; about 1 KiB each, as pushes are. */
function events(count: number): readonly ReceivedEvent[] {
  return Array.from({ length: count }, (_, index) =>
    received(`e${index}`, "push", {
      header: { "X-Github-Event": ["push"], "Content-Type": ["application/json"] },
      body: { ref: index % 2 === 0 ? "refs/heads/main" : "refs/heads/dev", message: "x".repeat(700) },
    }),
  );
}

/** Runs of `step` in a second, after one round that warms up. */
function perSecond(rounds: number, count: number, step: (index: number) => void): number {
  for (let index = 0; index < count; index++) step(index);
  const start = performance.now();
  for (let round = 0; round < rounds; round++) for (let index = 0; index < count; index++) step(index);
  return Math.round((rounds * count * 1_000) / (performance.now() - start));
}

async function run({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  const count = 1_000;
  const rounds = quick ? 200 : 2_000;
  const list = events(count);
  const texts = list.map(({ event }) => Buffer.from(encodeEvent(event)).toString("utf8"));
  const now = instant(0);
  let fired = 0;
  const value = perSecond(rounds, count, (index) => {
    const event = list[index];
    if (event) fired += reduce(sensor, emptyState, event, now).decisions[0]?.kind === "fire" ? 1 : 0;
  });
  if (fired !== ((rounds + 1) * count) / 2) throw new Error(`${fired} events fired, half of them should have`);
  const limit = perSecond(rounds / 10, count, (index) => JSON.parse(texts[index] ?? ""));
  return [{ name: "reduce, one data filter, one core", value, unit: "events/s", limit, ratio: value / limit }];
}

/** The limit is what any Sensor must do first: JSON.parse of the same event's text. */
export const sensorBenches: readonly Bench[] = [{ name: "sensor", run }];
