import assert from "node:assert/strict";
import { test } from "node:test";
import { failOnLeaks } from "../harness/leaks.ts";
import { waitFor } from "../harness/wait.ts";
import { brokerKinds } from "./source-brokers.ts";
import type { BrokerKind, SourcePlace } from "./source-place.ts";
import { pushKinds } from "./source-pushes.ts";
import { watchKinds } from "./source-watches.ts";
import { type Engine, listening, startEngine } from "./sources.ts";

failOnLeaks();

/** Those whose servers start in a moment. */
const names = [
  "redisStream",
  "mqtt",
  "jetstream",
  "nats",
  "redis",
  "emitter",
  "generic",
  "file",
  "resource",
  "calendar",
];
const kinds = [...brokerKinds, ...pushKinds, ...watchKinds].filter(({ name }) => names.includes(name));
const skip = kinds.map((kind) => kind.skip).find((reason) => reason !== false) ?? false;
const ofEach = 20;

interface Placed {
  readonly kind: BrokerKind;
  readonly place: SourcePlace;
}

/** MQTT knows its clients by their ids. */
function startAll(placed: readonly Placed[]): Engine[] {
  return placed.flatMap(({ kind, place }) =>
    Array.from({ length: ofEach }, (_, index) => {
      const spec = kind.name === "mqtt" ? { ...place.spec, clientId: `c${index}` } : place.spec;
      return startEngine(kind, { ...place, spec });
    }),
  );
}

/** What keeps a process alive, by its sort. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const sort of process.getActiveResourcesInfo()) counts.set(sort, (counts.get(sort) ?? 0) + 1);
  return counts;
}

/** What there is more of than `before`. */
function moreThan(before: ReadonlyMap<string, number>): string[] {
  const more = [...resources()].filter(([sort, count]) => count > (before.get(sort) ?? 0));
  return more.map(([sort, count]) => `${sort} ${count}`);
}

test("200 EventSources of ten kinds start, reload and stop, and leave nothing", {
  skip,
  timeout: 120_000,
}, async (t) => {
  await using stack = new AsyncDisposableStack();
  const placed: Placed[] = [];
  for (const kind of kinds) placed.push({ kind, place: stack.use(await kind.place()) });
  assert.equal(placed.length, 10);
  const before = resources();
  for (let round = 0; round < 2; round++) {
    const startedAt = performance.now();
    const engines = startAll(placed);
    await Promise.all(engines.map((engine) => listening(engine, 30_000)));
    const listenedAt = performance.now();
    await Promise.all(engines.map((engine) => engine.stop()));
    const times = [listenedAt - startedAt, performance.now() - listenedAt].map(Math.round);
    t.diagnostic(`${times.join(" ms to start, ")} ms to stop`);
    const isEmpty = () => moreThan(before).length === 0;
    await waitFor("nothing left", isEmpty, 10_000).catch(() => assert.deepEqual(moreThan(before), []));
  }
});
