import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { type EventSourceRun, runEventSource, type SourceStatus } from "../../src/events/sources/runner.ts";
import type { CloudEvent } from "../../src/record/cloud-event.ts";
import { directFetch } from "../events/sources/direct-fetch.ts";
import { memoryState, recordedContext } from "../events/sources/source-context.ts";
import { waitFor } from "../harness/wait.ts";
import type { BrokerKind, SourcePlace } from "./source-place.ts";

export interface Engine extends AsyncDisposable {
  readonly published: CloudEvent[];
  readonly statuses: SourceStatus[];
  readonly warnings: string[];
  /** The number in each event, in order of its first arrival. */
  numbers(): number[];
  /** How many messages it counted that became no event. */
  failed(): Promise<number>;
  stop(): Promise<void>;
}

export interface EngineOptions {
  readonly publish?: (event: CloudEvent) => Promise<void>;
  readonly secrets?: Record<string, string>;
  readonly state?: ReturnType<typeof memoryState>;
  readonly whenLeased?: EventSourceRun["whenLeased"];
}

/** One at a time, as a lease has it. */
function createTurns(): EventSourceRun["whenLeased"] {
  let last: Promise<unknown> = Promise.resolve();
  return async (work, signal) => {
    const over = Promise.withResolvers<void>();
    const isMine = last;
    last = last.then(() => over.promise);
    const isStopped = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await Promise.race([isMine, isStopped]);
    if (!signal.aborted) await work(signal);
    over.resolve();
  };
}

/** One EventSource in an engine of its own, by the real runner. */
export function startEngine(broker: BrokerKind, place: SourcePlace, options: EngineOptions = {}): Engine {
  const published: CloudEvent[] = [];
  const statuses: SourceStatus[] = [];
  const warnings: string[] = [];
  const stop = new AbortController();
  const metrics = createMetrics();
  const { secret, http, fetch, fileRoot, kube, clock } = recordedContext(
    { fetch: directFetch, ...place.parts },
    options.secrets ?? place.secrets,
  );
  const metadata = {
    name: "es",
    namespace: "default",
    uid: "u",
    createdAt: "2026-01-01T00:00:00Z",
    generation: 1,
    labels: {},
    annotations: {},
  };
  const running = runEventSource(
    {
      eventSource: {
        metadata,
        eventBusName: "default",
        template: {},
        events: [{ kind: "k", name: "e", spec: place.spec }],
      },
      kinds: { k: broker.kind },
      publish: options.publish ?? (async (event) => void published.push(event)),
      mountFor: () => http,
      secret,
      fetch,
      fileRoot,
      kube,
      state: options.state ?? memoryState(),
      clock,
      log: silentLogger,
      metrics,
      whenLeased: options.whenLeased ?? ((work, signal) => work(signal)),
      onStatus: (_event, status) => void statuses.push(status),
      onWarning: (_event, message) => void warnings.push(message),
      onLost: () => undefined,
    },
    stop.signal,
  );
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return {
    published,
    statuses,
    warnings,
    numbers: () => [...new Set(published.map(({ data }) => broker.numberOf(data as JsonObject)))],
    async failed() {
      const text = await metrics.text();
      return Number(/^argo_events_events_processing_failed_total\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0);
    },
    stop: end,
    [Symbol.asyncDispose]: end,
  };
}

export async function listening({ statuses }: Engine, deadlineMs = 30_000): Promise<void> {
  const isRunning = () => statuses.at(-1)?.state === "running";
  await waitFor("the source to listen", isRunning, deadlineMs).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(statuses.at(-1))}`);
  });
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

function hasAll(engine: Engine, wanted: readonly number[]): boolean {
  const numbers = new Set(engine.numbers());
  return wanted.every((number) => numbers.has(number));
}

function idsOf(events: readonly CloudEvent[], { numberOf }: BrokerKind): Map<number, Set<string>> {
  const ids = new Map<number, Set<string>>();
  for (const { id, data } of events) {
    const number = numberOf(data as JsonObject);
    ids.set(number, (ids.get(number) ?? new Set()).add(id));
  }
  return ids;
}

/** The same message has one id, however often it came. */
function assertOneId(events: readonly CloudEvent[], broker: BrokerKind): void {
  if (broker.hasNoIds !== undefined) return;
  for (const [number, ids] of idsOf(events, broker))
    assert.equal(ids.size, 1, `message ${number}: ${[...ids].join(", ")}`);
}

/** A clause that makes no sense for a kind says why. */
function skipWhen(reason: string | undefined): { readonly skip: string | false } {
  return { skip: reason ?? false };
}

/** The secret of `place` is another one afterwards. */
async function useRotatedSecret(
  broker: BrokerKind,
  place: SourcePlace,
  start: (more: EngineOptions) => Engine,
): Promise<void> {
  const stored: CloudEvent[] = [];
  const holds = (broker.keepsNothing ?? broker.givesBackLate) === undefined;
  const wanted = holds ? range(800, 70) : range(850, 20);
  let isAway = holds;
  let tried = 0;
  const secrets = { ...place.secrets };
  await using engine = start({
    secrets,
    async publish(event) {
      tried++;
      if (isAway) throw new EngineError("BUS_UNAVAILABLE", "away");
      stored.push(event);
    },
  });
  await listening(engine);
  if (holds) {
    await place.publish(800, 50);
    await waitFor("an attempt", () => tried > 0, 20_000);
  }
  const known = engine.statuses.length;
  assert.ok(place.rotate, "its secret can be another one");
  const rotated = await place.rotate();
  Object.assign(place.secrets, rotated.secrets);
  if (broker.rotatesFirst !== undefined) Object.assign(secrets, rotated.secrets);
  await rotated.end?.();
  if (broker.noticesLate !== undefined) isAway = false;
  if (broker.rotatesFirst === undefined) {
    const refused = () => engine.statuses.slice(known).some(({ state }) => state === "failed");
    await waitFor("the failure", refused, 5_000);
    Object.assign(secrets, rotated.secrets);
  }
  isAway = false;
  await listening(engine);
  await place.publish(850, 20);
  const isThere = () => wanted.every((number) => idsOf(stored, broker).has(number));
  await waitFor("all messages", isThere, 20_000);
  // Stored, and not acknowledged with a secret that was refused: it came again with its id.
  if (place.forget) assertOneId(stored, broker);
  else assert.equal(stored.length, wanted.length);
  // A connection that was cut may be a failure; that the new secret is not used would be another.
  if (broker.rotatesFirst !== undefined) assert.doesNotMatch(JSON.stringify(engine.statuses.slice(known)), /authent/i);
  await place.forget?.();
}

/** What a source promises of the messages of a server. */
export function sourceContract(broker: BrokerKind): void {
  const options = { skip: broker.skip, timeout: 170_000 };
  test(`${broker.name} keeps the promises of a source`, options, async (t) => {
    await using place = await broker.place();
    /** Of all engines that run one after another: it is one EventSource. */
    const state = memoryState();
    const start = (more: EngineOptions = {}): Engine => startEngine(broker, place, { state, ...more });
    const isForgotten = broker.keepsNothing ?? broker.losesAtKill;
    const forgets = skipWhen(broker.cannotRestart ?? (isForgotten === undefined ? "it keeps them" : undefined));

    await t.test(
      "bad credentials are a status within five seconds, and mended ones are used",
      skipWhen(broker.hasNoLogin),
      async () => {
        const mend = await place.refuse?.();
        const secrets = { ...place.secrets, ...(mend ? {} : { [place.password]: place.wrong ?? "wrong" }) };
        await using engine = start({ secrets });
        await waitFor("the failure", () => engine.statuses.some(({ state }) => state === "failed"), 5_000);
        const [first] = engine.statuses;
        assert.ok(first?.state === "failed" && !first.terminal, JSON.stringify(first));
        assert.doesNotMatch(first.message, /sesame|wrong"/);
        Object.assign(secrets, place.secrets);
        await mend?.();
        await listening(engine);
      },
    );

    await t.test("data has the exact shape, and messages come in their order", async () => {
      const whenLeased = createTurns();
      await using engine = start({ whenLeased });
      await listening(engine);
      await using other = broker.kind.singleton ? start({ whenLeased }) : undefined;
      await place.publish(0, 20);
      await waitFor("all messages", () => engine.published.length === 20, 20_000);
      const numbers = engine.numbers();
      if (broker.hasNoOrder !== undefined) numbers.sort((a, b) => a - b);
      assert.deepEqual(numbers, range(0, 20));
      const first = engine.published.find(({ data }) => broker.numberOf(data as JsonObject) === 0);
      assert.equal(first?.extensions?.traceparent, place.traceparent, "it goes on in the sender's trace");
      const data = { ...(first?.data as JsonObject) };
      for (const [field, form] of Object.entries(place.made)) {
        const value = data[field];
        assert.match(typeof value === "object" ? JSON.stringify(value) : String(value), form);
        Object.assign(data, { [field]: place.shape[field] });
      }
      assert.equal(JSON.stringify(data), JSON.stringify(place.shape));
      assert.equal(new Set(engine.published.map(({ id }) => id)).size, 20);
      assert.deepEqual(other?.statuses ?? [], [], "one engine at a time has it");
    });

    await t.test(
      "a message as large as a bus takes arrives whole; what is no JSON, nested without end, or larger, is counted, and holds up nothing",
      skipWhen(place.send ? undefined : "messages have no bodies here"),
      async () => {
        const stored: CloudEvent[] = [];
        await using engine = start({
          async publish(event) {
            const isTooLarge = broker.numberOf(event.data as JsonObject) === 701;
            if (isTooLarge) throw new EngineError("BUS_MESSAGE_TOO_LARGE", "too large");
            stored.push(event);
          },
        });
        await listening(engine);
        const deep = `{"n":703,"list":${"[".repeat(20_000)}${"]".repeat(20_000)}}`; // no stack holds it
        const large = `{"n":700,"text":"${"x".repeat((broker.maxBody ?? 1_000_000) - 20)}"}`;
        await place.send?.([...(broker.takesAll ? [] : ["no json", deep]), large, '{"n":701}', '{"n":702}']);
        await waitFor("both", () => stored.length === 2, 20_000);
        const sorted = stored.toSorted((a, b) => JSON.stringify(b.data).length - JSON.stringify(a.data).length);
        assert.deepEqual(
          sorted.map(({ data }) => broker.numberOf(data as JsonObject)),
          [700, 702],
        );
        assert.ok(JSON.stringify(sorted[0]?.data).includes("x".repeat(large.length - 20)));
        await waitFor("the others to be counted", async () => (await engine.failed()) === (broker.takesAll ? 1 : 3));
      },
    );

    const hasNoSecret = place.refuse && "its right is its service account's";
    await t.test(
      "a secret that is rotated under load is used without a restart: nothing is lost, nothing has two ids",
      skipWhen(broker.hasNoLogin ?? hasNoSecret),
      () => useRotatedSecret(broker, place, start),
    );

    await t.test(
      "what came while no engine ran is there at the next start",
      skipWhen(broker.keepsNothing),
      async () => {
        await place.publish(100, 5);
        await using engine = start();
        const came = () => hasAll(engine, range(100, 5));
        await waitFor("what came meanwhile", came, 30_000);
        const numbers = engine.numbers().filter((number) => number >= 100);
        if (broker.hasNoOrder !== undefined) numbers.sort((a, b) => a - b);
        assert.deepEqual(numbers, range(100, 5));
      },
    );

    await t.test(
      "of two engines, what one had and did not store comes to the other, with the same id",
      skipWhen(broker.keepsNothing),
      async () => {
        const had: CloudEvent[] = [];
        const whenLeased = createTurns();
        const dying = start({
          whenLeased,
          publish(event) {
            had.push(event);
            return new Promise(() => undefined); // killed before the bus answers
          },
        });
        await listening(dying);
        await place.publish(200, 5);
        await waitFor("the first of them", () => had.length > 0, 20_000);
        await using other = start({ whenLeased });
        if (!broker.kind.singleton) await listening(other);
        await place.publish(205, 5);
        // What is on its way to one that stops is given out again, but late with some kinds.
        if (!broker.kind.singleton) await waitFor("the rest", () => had.length + other.published.length >= 10, 20_000);
        await dying.stop();
        await waitFor("all of them", () => other.numbers().length >= 10, 60_000);
        assert.deepEqual(
          other.numbers().toSorted((a, b) => a - b),
          range(200, 10),
        );
        assertOneId([...had, ...other.published], broker);
      },
    );

    await t.test("a bus that is away holds messages back, and then each is stored", async () => {
      const stored: CloudEvent[] = [];
      const tried: CloudEvent[] = [];
      let isAway = true;
      await using engine = start({
        async publish(event) {
          tried.push(event);
          if (isAway) throw new EngineError("BUS_UNAVAILABLE", "away");
          stored.push(event);
        },
      });
      await listening(engine);
      await place.publish(300, 50);
      await waitFor("an attempt", () => tried.length > 0, 20_000);
      isAway = false;
      await waitFor("all of them", () => idsOf(stored, broker).size >= 50, 30_000);
      assertOneId(tried, broker);
    });

    await t.test(
      "connections that are cut while the bus is away leave nothing behind: each message is stored once",
      skipWhen(place.cut ? undefined : "its connections are not cut here"),
      async () => {
        const stored: CloudEvent[] = [];
        let tried = 0;
        let isAway = true;
        await using engine = start({
          async publish(event) {
            tried++;
            if (isAway) throw new EngineError("BUS_UNAVAILABLE", "away");
            stored.push(event);
          },
        });
        await listening(engine);
        await place.publish(400, 20);
        for (let cuts = 0; cuts < 2; cuts++) {
          const before = tried;
          await waitFor("an attempt", () => tried > before, 20_000);
          const known = engine.statuses.length;
          place.cut?.();
          const hasFailed = () => engine.statuses.slice(known).some(({ state }) => state === "failed");
          await waitFor("the failure", hasFailed, 5_000);
          await listening(engine);
        }
        isAway = false;
        const since = engine.statuses.length;
        await waitFor("all of them", () => idsOf(stored, broker).size >= 20, 30_000);
        await place.publish(500, 1);
        await waitFor("the last one", () => idsOf(stored, broker).size >= 21, 20_000);
        assert.equal(new Set(stored.map(({ id }) => id)).size, 21);
        // On a machine that stands still the connection may end once more, and then what is not acknowledged comes again.
        const hasEnded = engine.statuses.slice(since).some(({ state }) => state === "failed");
        if (!hasEnded) assert.equal(stored.length, 21);
      },
    );

    const { pid } = place.server;
    await t.test(
      "a server that hangs is a status soon, and once it goes on what came meanwhile is there",
      skipWhen(broker.tellsLate ?? (pid === undefined ? "no process of its own" : undefined)),
      async () => {
        await using engine = start();
        await listening(engine);
        const known = engine.statuses.length;
        process.kill(-Number(pid), "SIGSTOP"); // connections stay, and new ones are taken
        try {
          const hasFailed = () => engine.statuses.slice(known).some(({ state }) => state === "failed");
          await waitFor("the failure", hasFailed, 15_000);
        } finally {
          process.kill(-Number(pid), "SIGCONT");
        }
        await listening(engine);
        await place.publish(600, 5);
        await waitFor("all messages", () => hasAll(engine, range(600, 5)), 20_000);
      },
    );

    await t.test(
      "a server that dies mid-stream loses nothing that it had",
      skipWhen(broker.cannotRestart ?? isForgotten),
      async () => {
        await using engine = start();
        await listening(engine);
        await place.publish(1_000, 200);
        await waitFor("some messages", () => engine.published.length > 50, 20_000);
        await place.server.kill();
        await waitFor("the failure", () => engine.statuses.at(-1)?.state === "failed", 60_000);
        await place.server.start();
        await listening(engine, 90_000);
        await place.publish(2_000, 50);
        const wanted = [...range(1_000, 200), ...range(2_000, 50)];
        // Azure's queue hides for a while what was on its way when the connection ended.
        await waitFor("all messages", () => hasAll(engine, wanted), 60_000);
        assertOneId(engine.published, broker);
      },
    );

    await t.test("of a server that forgets, what comes after its restart is there", forgets, async () => {
      await using engine = start();
      await listening(engine);
      await place.publish(1_000, 20);
      await waitFor("all messages", () => engine.numbers().length === 20, 20_000);
      await place.server.kill();
      await waitFor("the failure", () => engine.statuses.at(-1)?.state === "failed", 20_000);
      await place.server.start();
      await listening(engine, 60_000);
      await place.publish(2_000, 20);
      await waitFor("the others", () => engine.numbers().length === 40, 20_000);
      assert.equal(new Set(engine.published.map(({ id }) => id)).size, 40, "each message is one event");
    });

    const withMany = { skip: broker.many?.skip ?? false };
    await t.test("of many messages only some are in memory while the bus stands still", withMany, async () => {
      let inFlight = 0;
      let most = 0;
      let grewAt = Number.POSITIVE_INFINITY;
      const standing = Promise.withResolvers<void>();
      const stored = new Set<number>();
      await using own = await broker.many?.place();
      const from = own ?? place;
      await using engine = startEngine(broker, from, {
        state,
        async publish({ data }) {
          inFlight++;
          if (inFlight > most) grewAt = performance.now();
          most = Math.max(most, inFlight);
          await standing.promise;
          await new Promise((resolve) => setImmediate(resolve));
          inFlight--;
          const number = broker.numberOf(data as JsonObject);
          if (number >= 10_000) stored.add(number);
        },
      });
      await listening(engine);
      const many = 10_000;
      const published = from.publish(10_000, many);
      // A publisher that waits for an answer, too.
      await waitFor("no more in memory", () => performance.now() - grewAt > 500, 60_000);
      standing.resolve();
      await published;
      await waitFor("all of them", () => stored.size === many, 100_000);
      assert.ok(most <= 256, `${most} at once`);
    });
  });
}
