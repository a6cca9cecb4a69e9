import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Agent, fetch as undiciFetch } from "undici";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import { trimLive } from "../../src/kube/trim-live.ts";
import { createWatchCache } from "../../src/kube/watch-cache.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { adminToken } from "../harness/control-plane.ts";
import { openServedPlane } from "../harness/served-plane.ts";
import { tempDir } from "../harness/temp-dir.ts";
import type { Bench, BenchRow } from "./bench.ts";

const kind = { apiVersion: "v1", kind: "ConfigMap" };
const callers = 64;
const watchers = 50;

function configMap(index: number): KubeObject {
  const data = { key: `value ${index}`, text: "x".repeat(200) };
  return { ...kind, metadata: { name: `map-${index}`, namespace: "default", labels: { app: "bench" } }, data };
}

/** The embedded API over HTTPS, and a client as one in another process would be. */
async function openRig() {
  await using stack = new AsyncDisposableStack();
  const plane = stack.use(await openServedPlane());
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false }, connections: 256 });
  stack.defer(() => dispatcher.destroy());
  const fetch = async (request: Request): Promise<Response> => {
    const { method, headers, signal } = request;
    const body = request.body === null ? undefined : await request.text();
    const init = {
      method,
      headers: Object.fromEntries(headers),
      signal,
      dispatcher,
      ...(body === undefined ? {} : { body }),
    };
    return (await undiciFetch(request.url, init)) as unknown as Response;
  };
  const client = createKubeClient({ fetch, baseUrl: plane.url, token: adminToken, log: silentLogger });
  const owned = stack.move();
  return { client, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function each(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: callers }, worker));
}

async function perSecond(count: number, work: () => Promise<unknown> | unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return Math.round((count * 1_000) / (performance.now() - startedAt));
}

/** Transactions of what as many callers would wait for, to the disk. */
async function bareInserts(texts: readonly string[]): Promise<number> {
  await using directory = await tempDir();
  using db = new DatabaseSync(`${directory.path}/bare.db`);
  db.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE o (k TEXT PRIMARY KEY, json TEXT) WITHOUT ROWID",
  );
  const insert = db.prepare("INSERT INTO o VALUES (?, ?)");
  return perSecond(texts.length, () => {
    for (let from = 0; from < texts.length; from += callers) {
      db.exec("BEGIN");
      for (const [at, text] of texts.slice(from, from + callers).entries()) insert.run(`${from + at}`, text);
      db.exec("COMMIT");
    }
  });
}

async function createAndList(client: KubeClient, count: number): Promise<readonly BenchRow[]> {
  const apply = { fieldManager: "bench", force: true };
  const made = await perSecond(count, () =>
    each(count, async (index) => {
      const { data, ...object } = configMap(index);
      const ref = { ...kind, name: `map-${index}`, namespace: "default" };
      await client.patch(ref, "application/apply-patch+yaml", { ...object, data } as never, apply);
    }),
  );
  const { items } = await client.list(kind, { namespace: "default" });
  const texts = items.map((item) => JSON.stringify(item));
  const bare = await bareInserts(texts);
  const listed = await perSecond(count, () => client.list(kind, { namespace: "default" }));
  const text = `[${texts.join(",")}]`;
  const parsed = await perSecond(count, () => JSON.parse(text) as unknown);
  return [
    row(`kube: create ${count} ConfigMaps by server-side apply, HTTPS`, made, "objects/s", bare),
    row(`kube: list ${count} in pages of 500, HTTPS`, listed, "objects/s", parsed),
  ];
}

function row(name: string, value: number, unit: string, limit: number): BenchRow {
  return { name, value, unit, limit, ratio: value / limit };
}

/** What 50 watches see of changes, against the changes alone. */
async function fanOut(client: KubeClient, count: number): Promise<readonly BenchRow[]> {
  const change = (index: number, value: string): Promise<unknown> => {
    const ref = { ...kind, name: `map-${index}`, namespace: "default" };
    return client.patch(ref, "application/merge-patch+json", { data: { key: value } });
  };
  const alone = await perSecond(count, () => each(count, (index) => change(index, "alone")));
  const stop = new AbortController();
  const { resourceVersion } = await client.list(kind, { namespace: "default" });
  let seen = 0;
  const watches = Array.from({ length: watchers }, async () => {
    for await (const { type } of client.watch(kind, resourceVersion, { namespace: "default" }, stop.signal)) {
      if (type === "MODIFIED" && ++seen === count * watchers) stop.abort();
    }
  });
  const ended = Promise.allSettled(watches);
  await sleep(500);
  const rate = await perSecond(count, async () => {
    await each(count, (index) => change(index, "watched"));
    await ended;
  });
  return [row(`kube: changes seen by ${watchers} watches, of each`, rate, "changes/s", alone)];
}

async function memory(client: KubeClient, count: number): Promise<readonly BenchRow[]> {
  const naive = await heapOf(
    async () => new Map((await client.list(kind)).items.map((item) => [item.metadata.name, item])),
  );
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const ours = await heapOf(async () => {
    const cache = createWatchCache({ client, kind, clock: systemClock, log: silentLogger, trim: trimLive });
    running = cache.run(stop.signal);
    await cache.synced;
    return cache;
  });
  stop.abort();
  await running;
  const scale = 10_000 / count / 1024 / 1024;
  return [row("kube: watch cache per 10,000 objects, trimmed", ours * scale, "MiB", naive * scale)];
}

/** What is on the heap for as long as the result is held. */
async function heapOf(build: () => Promise<unknown>): Promise<number> {
  await collect();
  const before = process.memoryUsage().heapUsed;
  const held = await build();
  await collect();
  const used = process.memoryUsage().heapUsed - before;
  return held === undefined ? 0 : used;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Several times: what streams and promises hold goes with a later turn. */
async function collect(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    collectGarbage();
    await sleep(20);
  }
}

async function run({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  const count = quick ? 1_000 : 10_000;
  await using rig = await openRig();
  const rows = await createAndList(rig.client, count);
  return [...rows, ...(await fanOut(rig.client, quick ? 100 : 500)), ...(await memory(rig.client, count))];
}

export const kubeBenches: readonly Bench[] = [{ name: "kube", run }];
