import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createMetrics } from "../../../src/base/metrics.ts";
import { createSchema } from "../../../src/base/schema.ts";
import { type AnySourceKind, defineSource, sourceKinds } from "../../../src/events/sources/registry.ts";
import { type EventSourceRun, runEventSource, type SourceStatus } from "../../../src/events/sources/runner.ts";
import { filterSchema } from "../../../src/events/sources/schemas.ts";
import type { SourceContext } from "../../../src/events/sources/source.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { CloudEvent } from "../../../src/record/cloud-event.ts";
import { createVirtualClock, type VirtualClock } from "../../harness/virtual-clock.ts";
import { memoryState, recordedContext } from "./source-context.ts";

type Run = (context: SourceContext, signal: AbortSignal) => Promise<void>;

const kindOf = (run: Run): AnySourceKind =>
  defineSource({
    eventType: "storagegrid",
    singleton: false,
    schema: createSchema<object>({ type: "object", properties: { filter: filterSchema } }),
    run: (_spec, context, signal) => run(context, signal),
  });

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

interface Started extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly published: CloudEvent[];
  readonly statuses: (readonly [string, SourceStatus])[];
  readonly warnings: (readonly [string, string])[];
  readonly lost: (readonly [string, number, string])[];
  readonly run: EventSourceRun;
}

/** Runs an EventSource whose events are `specs`, each of the kind of the same name. */
function start(
  kinds: Record<string, Run>,
  parts: Partial<EventSourceRun> = {},
  specs: Record<string, unknown> = {},
): Started {
  const clock = createVirtualClock();
  const published: CloudEvent[] = [];
  const statuses: (readonly [string, SourceStatus])[] = [];
  const warnings: (readonly [string, string])[] = [];
  const lost: (readonly [string, number, string])[] = [];
  const { secret, http, fetch, fileRoot } = recordedContext();
  const run: EventSourceRun = {
    eventSource: {
      metadata: {
        name: "es",
        namespace: "default",
        uid: "u",
        createdAt: "2026-01-01T00:00:00Z",
        generation: 1,
        labels: {},
        annotations: {},
      },
      eventBusName: "default",
      template: {},
      events: [...new Set([...Object.keys(kinds), ...Object.keys(specs)])].map((name) => ({
        kind: name,
        name: `${name}-event`,
        spec: specs[name] ?? {},
      })),
    },
    kinds: Object.fromEntries(Object.entries(kinds).map(([name, body]) => [name, kindOf(body)])),
    publish: async (event) => void published.push(event),
    mountFor: () => http,
    secret,
    fetch,
    fileRoot,
    kube: {} as KubeClient,
    state: memoryState(),
    clock,
    log: silentLogger,
    metrics: createMetrics(),
    whenLeased: (work, signal) => work(signal),
    onStatus: (event, status) => statuses.push([event, status]),
    onWarning: (event, message) => warnings.push([event, message]),
    onLost: (event, events, message) => lost.push([event, events, message]),
    ...parts,
  };
  const stop = new AbortController();
  const running = runEventSource(run, stop.signal);
  return {
    clock,
    published,
    statuses,
    warnings,
    lost,
    run,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

test("an event becomes a CloudEvent under the kind's type and the resource's names", async () => {
  await using started = start({
    storageGrid: async ({ emit, ready }, signal) => {
      ready();
      await emit({ data: { a: 1 } });
      await emit({ id: "own", data: null });
      await untilAborted(signal);
    },
  });
  await started.clock.advance(0);
  const [first, second] = started.published;
  assert.match(first?.id ?? "", /^[0-9a-f]{32}$/);
  assert.deepEqual(first && { ...first, id: "" }, {
    id: "",
    source: "es",
    type: "storagegrid",
    subject: "storageGrid-event",
    time: "2026-01-01T00:00:00.000Z",
    datacontenttype: "application/json",
    data: { a: 1 },
  });
  assert.equal(second?.id, "own");
  assert.deepEqual(started.statuses, [["storageGrid-event", { state: "running" }]]);
  const metrics = await started.run.metrics.text();
  assert.match(
    metrics,
    /argo_events_events_sent_total\{namespace="default",eventsource_name="es",event_name="storageGrid-event"\} 2/,
  );
  assert.match(metrics, /argo_events_event_service_running_total\{namespace="default",eventsource_name="es"\} 1/);
});

test("a source that fails or ends is started again with growing delays, and its status tells", async () => {
  let runs = 0;
  await using started = start({
    a: async ({ ready }, signal) => {
      runs++;
      if (runs === 1) throw new EngineError("SOURCE_FAILED", "no server");
      if (runs === 2) return;
      ready();
      await untilAborted(signal);
    },
  });
  await started.clock.advance(0);
  assert.equal(runs, 1);
  await started.clock.advance(2_000);
  assert.equal(runs, 3);
  assert.deepEqual(started.statuses, [
    ["a-event", { state: "failed", message: "no server", terminal: false }],
    ["a-event", { state: "failed", message: "the source ended by itself", terminal: false }],
    ["a-event", { state: "running" }],
  ]);
});

const pauses: readonly (readonly [what: string, backoff: unknown, afterMs: number, runs: number])[] = [
  ["as long as it says", { duration: "10s", factor: 2, jitter: 0 }, 9_999, 1],
  ["and then again", { duration: "10s", factor: 2, jitter: 0 }, 10_000, 2],
  ["longer each time", { duration: "10s", factor: 2, jitter: 0 }, 69_999, 3],
  ["and not for ever longer", { duration: "10s", factor: 2, jitter: 0 }, 70_000 + 60_000 * 3, 7],
  ["in nanoseconds", { duration: 5_000_000_000, jitter: 0 }, 10_000, 3],
  ["whatever steps says", { duration: "1s", steps: 2, jitter: 0 }, 10_000, 11],
  ["as it likes, where it cannot be read", { duration: "soon" }, 400, 2],
];
for (const [what, connectionBackoff, afterMs, runs] of pauses) {
  test(`a source with connectionBackoff waits ${what}`, async () => {
    let count = 0;
    const fail = async (): Promise<void> => {
      count++;
      throw new EngineError("SOURCE_FAILED", "no server");
    };
    await using started = start({ a: fail }, {}, { a: { connectionBackoff } });
    await started.clock.advance(afterMs);
    assert.equal(count, runs);
  });
}

test("what retrying cannot mend is not tried again, and does not hold up the other events", async () => {
  let runs = 0;
  await using started = start({
    bad: async () => {
      runs++;
      throw new TerminalError("MANIFEST_INVALID", "wrong");
    },
    good: async ({ ready }, signal) => {
      ready();
      await untilAborted(signal);
    },
  });
  await started.clock.advance(600_000);
  assert.equal(runs, 1);
  assert.deepEqual(started.statuses, [
    ["good-event", { state: "running" }],
    ["bad-event", { state: "failed", message: "wrong", terminal: true }],
  ]);
});

test("events go out when the filter's expression is true; false and failing ones are counted apart", async () => {
  const metrics = createMetrics();
  await using started = start(
    {
      a: async ({ emit }, signal) => {
        for (const body of [1, 2, "x"]) await emit({ data: { body } });
        await untilAborted(signal);
      },
    },
    { metrics },
    { a: { filter: { expression: "body > 1" } } },
  );
  await started.clock.advance(0);
  assert.deepEqual(
    started.published.map(({ data }) => data),
    [{ body: 2 }],
  );
  const text = await metrics.text();
  assert.match(text, /tiphys_events_filtered_total\{.*event_name="a-event".*\} 1\n/);
  assert.match(text, /argo_events_events_processing_failed_total\{.*event_name="a-event".*\} 1\n/);
});

test("every kind of the registry is asked by filter.expression", async () => {
  const names = Object.keys(sourceKinds);
  const emits: Run = async ({ emit }, signal) => {
    for (const a of [1, 2]) await emit({ data: { body: { a } } });
    await untilAborted(signal);
  };
  const own = names.map((name) => [name, { ...kindOf(emits), schema: sourceKinds[name]?.schema }] as const);
  const kinds = Object.fromEntries(own) as Record<string, AnySourceKind>;
  const spec = { filter: { expression: "body.a == 1" } };
  await using started = start({}, { kinds }, Object.fromEntries(names.map((name) => [name, spec])));
  await started.clock.advance(0);
  assert.deepEqual(
    started.published.map(({ subject, data }) => [subject, data]).sort(),
    names.map((name) => [`${name}-event`, { body: { a: 1 } }]).sort(),
  );
});

test("kinds without an adapter, and filters that do not parse, are failures that say so", async () => {
  await using started = start(
    { known: (_context, signal) => untilAborted(signal) },
    {},
    { kafka: {}, known: { filter: { expression: "a ==" } } },
  );
  await started.clock.advance(0);
  const messages = started.statuses.map(([event, status]) => [
    event,
    status.state === "failed" && status.terminal && status.message,
  ]);
  assert.deepEqual(Object.fromEntries(messages), {
    "kafka-event": 'spec.kafka.kafka-event: the kind "kafka" is not supported yet',
    "known-event": 'spec.known.known-event.filter.expression: expression "a ==" at 4: unexpected its end',
  });
});

test("a bus that refuses is counted and told to the source; what upstream dropped is a warning and counted", async () => {
  const seen: unknown[] = [];
  await using started = start(
    {
      a: async ({ emit, countFailed, lost }, signal) => {
        await emit({ data: 1 }).catch((error: unknown) => seen.push(error));
        countFailed(2);
        lost(3, "offsets 4 to 6 are gone");
        await untilAborted(signal);
      },
    },
    { publish: () => Promise.reject(new EngineError("BUS_UNAVAILABLE", "away")) },
  );
  await started.clock.advance(0);
  assert.equal((seen[0] as EngineError).code, "BUS_UNAVAILABLE");
  const metrics = await started.run.metrics.text();
  assert.match(metrics, /events_sent_failed_total\{[^}]*\} 1/);
  assert.match(metrics, /events_processing_failed_total\{[^}]*\} 2/);
  assert.match(metrics, /tiphys_source_events_lost_total\{[^}]*event_name="a-event"[^}]*\} 3/);
  assert.deepEqual(started.warnings, [["a-event", "offsets 4 to 6 are gone"]]);
  assert.deepEqual(started.lost, [["a-event", 3, "offsets 4 to 6 are gone"]]);
});

test("each event has a state of its own", async () => {
  const keys: unknown[] = [];
  const useState: Run = async ({ state, event }, signal) => {
    await state.put("k", Buffer.from(event));
    keys.push((await state.entries("")).map(({ key, value }) => [key, Buffer.from(value).toString()]));
    await untilAborted(signal);
  };
  const state = memoryState();
  await using started = start({ a: useState, b: useState }, { state });
  await started.clock.advance(0);
  assert.deepEqual(keys, [[["k", "a-event"]], [["k", "b-event"]]]);
  assert.deepEqual((await state.entries("")).map(({ key }) => key).sort(), [
    "default/es/a-event/k",
    "default/es/b-event/k",
  ]);
});

test("singleton kinds run while this engine is the one to, others always; waiting and losing it are no failures", async () => {
  const started: string[] = [];
  const body: Run = async ({ event, ready }, signal) => {
    ready();
    started.push(event);
    await untilAborted(signal);
  };
  const lost = new AbortController();
  let turns = 0;
  const whenLeased: EventSourceRun["whenLeased"] = async (work, signal) => {
    turns += 1;
    if (turns === 1) await work(AbortSignal.any([signal, lost.signal]));
    await untilAborted(signal);
  };
  const kinds = { single: { ...kindOf(body), singleton: true }, shared: kindOf(body) };
  await using running = start({ single: body, shared: body }, { whenLeased, kinds });
  await running.clock.advance(0);
  assert.deepEqual([turns, started.sort()], [1, ["shared-event", "single-event"]]);
  lost.abort();
  await running.clock.advance(60_000);
  assert.equal(started.length, 2);
  assert.deepEqual(
    running.statuses.map(([, { state }]) => state),
    ["running", "running"],
  );
});

test("a source that says that it fails goes on, and its status says so until it is ready again", async () => {
  await using started = start({
    webhook: async (context, signal) => {
      context.ready();
      context.failing("the hook is not registered");
      context.failing("still not");
      context.ready();
      await untilAborted(signal);
    },
  });
  await started.clock.advance(0);
  assert.deepEqual(
    started.statuses.map(([, status]) => (status.state === "failed" ? status.message : status.state)),
    ["running", "the hook is not registered", "still not", "running"],
  );
});
