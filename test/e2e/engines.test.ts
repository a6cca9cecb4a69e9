import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { partitionOf } from "../../src/events/sensor/partition.ts";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { type HttpSink, startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const skip = natsServerMissing();
const sensors = Array.from({ length: 8 }, (_, n) => `forward-${n}`);
/** How long it may take until another engine acts for one that was killed. */
const takeoverMs = 20_000;

function forward(name: string, sinkUrl: string): object {
  const payload = [{ src: { dependencyName: "push", dataKey: "body.n" }, dest: "n" }];
  return resource("Sensor", name, {
    dependencies: [{ name: "push", eventSourceName: "numbers", eventName: "push" }],
    triggers: [{ template: { name: "t", http: { url: `${sinkUrl}/${name}`, method: "POST", payload } } }],
  });
}

/** A Sensor whose state decides: a number and a tick, each in one pair at most. */
function pairs(sinkUrl: string): object {
  const payload = [{ src: { dependencyName: "push", dataKey: "body.n" }, dest: "n" }];
  return resource("Sensor", "pairs", {
    dependencies: [
      { name: "push", eventSourceName: "numbers", eventName: "push" },
      { name: "tick", eventSourceName: "clock", eventName: "tick" },
    ],
    triggers: [
      {
        template: { name: "t", conditions: "push && tick", http: { url: `${sinkUrl}/pairs`, method: "POST", payload } },
      },
    ],
  });
}

function ticks(sinkUrl: string): object {
  const payload = [{ src: { dependencyName: "tick", contextKey: "id" }, dest: "n" }];
  return resource("Sensor", "ticks", {
    dependencies: [{ name: "tick", eventSourceName: "clock", eventName: "tick" }],
    triggers: [{ template: { name: "t", http: { url: `${sinkUrl}/ticks`, method: "POST", payload } } }],
  });
}

interface Pair extends AsyncDisposable {
  readonly a: RunningEngine;
  readonly b: RunningEngine;
  readonly sink: HttpSink;
  /** Posts the next number to one of them; true when it was answered 200. */
  post(to: RunningEngine): Promise<boolean>;
  readonly answered: ReadonlySet<number>;
  /** A resource of the cluster that both work on. */
  get(plural: string, name: string): Promise<{ metadata: { resourceVersion: string }; status?: unknown }>;
}

/** Two engines on one bus and one cluster, each with a data directory of its own. */
async function startPair(): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const bus = stack.use(await startNatsServer());
  const cluster = stack.use(await openTestCluster());
  const folder = stack.use(await tempDir());
  const sink = stack.use(await startHttpSink());
  await cluster.open({ user: { token: "admin-token" } });
  const dir = await writeManifests(join(folder.path, "manifests"), [
    webhookSource("numbers", await freePort()),
    resource("EventSource", "clock", { calendar: { tick: { interval: "1s" } } }),
    ...sensors.map((name) => forward(name, sink.url)),
    ticks(sink.url),
    pairs(sink.url),
  ]);
  const args = ["--bus", bus.url, "--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes"];
  const a = stack.use(await startEngine({ dir, dataDir: join(folder.path, "a"), args }));
  const b = stack.use(await startEngine({ dataDir: join(folder.path, "b"), args }));
  const answered = new Set<number>();
  let n = 0;
  const owned = stack.move();
  return {
    a,
    b,
    sink,
    answered,
    async post(to) {
      n += 1;
      const number = n;
      const url = `${to.endpoints.ingress}/webhooks/default/numbers/push`;
      const response = await postJson(url, { n: number }).catch(() => undefined);
      await response?.body?.cancel();
      if (response?.status === 200) answered.add(number);
      return response?.status === 200;
    },
    async get(plural, name) {
      const path = `/apis/argoproj.io/v1alpha1/namespaces/default/${plural}/${name}`;
      return (await cluster.plane.call("GET", path)).body;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** By Sensor and what it was about: the keys that it came under, as often as it came. */
function actions(sink: HttpSink): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, body, headers } of sink.requests) {
    const about = `${path.slice(1)} ${(JSON.parse(body) as { n: unknown }).n}`;
    found.set(about, [...(found.get(about) ?? []), String(headers["idempotency-key"])]);
  }
  return found;
}

function missing({ sink, answered }: Pair): string[] {
  const found = actions(sink);
  const all = [...answered].flatMap((n) => sensors.map((name) => `${name} ${n}`));
  return all.filter((about) => !found.has(about));
}

function underTwoKeys({ sink }: Pair): [string, string[]][] {
  return [...actions(sink)].filter(([, keys]) => new Set(keys).size > 1 || keys.includes("undefined"));
}

/** How many of our actions an engine did. */
async function actedOn(engine: RunningEngine): Promise<number> {
  const response = await engine.api("/metrics");
  const counts = (await response.text()).matchAll(/^argo_events_action_triggered_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Both engines have Sensors: the second has taken its share, and has moved it in order. */
async function waitShared(pair: Pair): Promise<void> {
  await waitFor(
    "both engines to act",
    async () => {
      await pair.post(pair.a);
      return (await actedOn(pair.a)) > 0 && (await actedOn(pair.b)) > 0;
    },
    takeoverMs,
  );
}

test("the Sensors of these tests are in several partitions", () => {
  assert.ok(new Set(sensors.map((name) => partitionOf("default", name))).size >= 4);
});

// Two at a time: most of it is waiting for a lease to end.
describe("two engines", { concurrency: 2 }, () => {
  test("two engines share Sensors: each event is acted on once, and one writes each status", { skip }, async (t) => {
    await using pair = await startPair();
    const { a, b, sink, get } = pair;
    await waitShared(pair);
    for (let n = 0; n < 100; n++) assert.ok(await pair.post(n % 2 === 0 ? a : b));
    await waitFor("every number at every Sensor", () => missing(pair).length === 0);
    const before = sink.requests.length;
    const versions = () =>
      Promise.all(
        [["eventsources", "numbers"], ["eventsources", "clock"], ...sensors.map((name) => ["sensors", name])].map(
          async ([plural = "", name = ""]) => (await get(plural, name)).metadata.resourceVersion,
        ),
      );
    const quiet = await versions();
    await sleep(3_000);
    assert.deepEqual(await versions(), quiet, "no two engines overwrite each other's status");
    assert.ok(sink.requests.length > before, "the calendar ticks meanwhile");
    const twice = [...actions(sink)].filter(([, keys]) => keys.length > 1);
    assert.deepEqual(twice, [], "acted on twice");
    t.diagnostic(`a acted ${await actedOn(a)} times, b ${await actedOn(b)} times`);
    assert.deepEqual([await a.stop(), await b.stop()], [0, 0]);
  });

  for (const victim of ["a", "b"] as const) {
    test(`kill -9 of engine ${victim}: the other takes over within 20 s, nothing lost`, { skip }, async (t) => {
      await using pair = await startPair();
      const survivor = victim === "a" ? pair.b : pair.a;
      await waitShared(pair);
      let isDead = false;
      const posting = (async () => {
        for (let n = 0; !isDead; n++) await pair.post(n % 2 === 0 ? pair.a : pair.b);
      })();
      await sleep(500);
      await pair[victim].kill9();
      const killedAt = performance.now();
      isDead = true;
      await posting;
      for (let n = 0; n < 20; n++) assert.ok(await pair.post(survivor));
      await waitFor("everything answered to be acted on", () => missing(pair).length === 0, takeoverMs).catch(
        () => undefined,
      );
      const tookMs = performance.now() - killedAt;
      t.diagnostic(`${pair.answered.size} answered, all acted on ${Math.round(tookMs)} ms after the kill`);
      assert.deepEqual(missing(pair), [], "answered 200 and lost");
      assert.ok(tookMs > 5_000, "it was killed while it had Sensors");
      for (const path of ["/ticks", "/pairs"]) {
        const seen = () => pair.sink.requests.filter((request) => request.path === path).length;
        const before = seen();
        await waitFor(`more at ${path}`, async () => (await pair.post(survivor)) && seen() > before, takeoverMs);
      }
      await waitFor("everything answered to be acted on", () => missing(pair).length === 0);
      assert.deepEqual(underTwoKeys(pair), [], "under two keys, or none");
      assert.equal(await survivor.stop(), 0);
    });
  }

  test("an engine that is stopped for a while and goes on does not act beside its successor", { skip }, async (t) => {
    await using pair = await startPair();
    const { a, b } = pair;
    await waitShared(pair);
    process.kill(a.pid, "SIGSTOP");
    try {
      for (let n = 0; n < 20; n++) assert.ok(await pair.post(b));
      await waitFor("b to act for a", () => missing(pair).length === 0, takeoverMs);
    } finally {
      process.kill(a.pid, "SIGCONT");
    }
    for (let n = 0; n < 50; n++) assert.ok(await pair.post(n % 2 === 0 ? a : b));
    await waitFor("every number at every Sensor", () => missing(pair).length === 0, takeoverMs);
    await waitFor("a to have its share again", async () => {
      const before = await actedOn(a);
      await pair.post(b);
      await sleep(200);
      return (await actedOn(a)) > before;
    });
    assert.deepEqual(underTwoKeys(pair), []);
    const repeated = [...actions(pair.sink)].filter(([, keys]) => keys.length > 1);
    t.diagnostic(`${repeated.length} of ${pair.sink.requests.length} done twice under one key`);
    assert.ok(repeated.length <= sensors.length, "only what was under way when it was stopped may be done again");
    assert.deepEqual([await a.stop(), await b.stop()], [0, 0]);
  });
});
