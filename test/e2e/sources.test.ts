import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Redis } from "ioredis";
import { startEngine } from "../harness/engine.ts";
import { failOnLeaks } from "../harness/leaks.ts";
import { readMetric } from "../harness/metrics.ts";
import { redisMissing, startRedis } from "../harness/redis-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeaks();

interface ToldEvent {
  readonly eventSource: string;
}

function manifests(redis: string, directory: string): string {
  const source = (name: string, spec: object): object => ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "EventSource",
    metadata: { name },
    spec,
  });
  return [
    { apiVersion: "v1", kind: "Secret", metadata: { name: "hooks" }, stringData: { secret: "swordfish" } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { a: "1" } },
    source("queue", { redisStream: { orders: { hostAddress: redis, streams: ["orders"] } } }),
    source("disk", {
      file: { inbox: { eventType: "CREATE", watchPathConfig: { directory: `${directory}/`, pathRegexp: "csv$" } } },
    }),
    source("cluster", {
      resource: {
        maps: { namespace: "default", version: "v1", resource: "configmaps", eventTypes: ["ADD", "UPDATE"] },
      },
    }),
    source("git", {
      github: {
        push: {
          webhook: { endpoint: "/push", port: "0", method: "POST" },
          repositories: [{ owner: "o", names: ["r"] }],
          webhookSecret: { name: "hooks", key: "secret" },
        },
      },
    }),
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

test("manifests of several kinds run, and a killed engine misses nothing", { skip: redisMissing }, async () => {
  await using folder = await tempDir();
  await using redisServer = await startRedis();
  const redis = new Redis(redisServer.port, "127.0.0.1");
  const inbox = join(folder.path, "inbox");
  const dir = join(folder.path, "manifests");
  const dataDir = join(folder.path, "data");
  try {
    for (const path of [inbox, dir, dataDir]) await mkdir(path);
    await redis.xgroup("CREATE", "orders", "argo-events-cg", "$", "MKSTREAM");
    await writeFile(join(dir, "all.yaml"), manifests(redisServer.address, inbox));
    const options = { dir, dataDir, args: ["--file-root", inbox] };
    const counted = async (engine: Awaited<ReturnType<typeof startEngine>>): Promise<Record<string, number>> => {
      const answer = await engine.api("/api/v1/tiphys/events?limit=100");
      const { events } = (await answer.json()) as { events: readonly ToldEvent[] };
      const counts: Record<string, number> = {};
      for (const { eventSource } of events) counts[eventSource] = (counts[eventSource] ?? 0) + 1;
      return counts;
    };
    const wanted = async (engine: Awaited<ReturnType<typeof startEngine>>, each: number): Promise<void> => {
      await waitFor(
        `${each} events of each`,
        async () => {
          const { queue = 0, disk = 0, git = 0, cluster = 0 } = await counted(engine);
          return queue === each && disk === each && git === each && cluster === 1;
        },
        30_000,
      ).catch(async (error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(await counted(engine))}\n${engine.output.slice(-3_000)}`);
      });
    };
    const push = async (ingress: string, delivery: string): Promise<number> => {
      const body = '{"ref":"refs/heads/main"}';
      const signature = `sha256=${createHmac("sha256", "swordfish").update(body).digest("hex")}`;
      const headers = {
        "content-type": "application/json",
        "x-hub-signature-256": signature,
        "x-github-event": "push",
        "x-github-delivery": delivery,
      };
      return (await fetch(`${ingress}/webhooks/default/git/push`, { method: "POST", body, headers })).status;
    };
    {
      await using engine = await startEngine(options);
      await redis.xadd("orders", "*", "n", "1");
      const running = { eventsource_name: "disk", namespace: "default" };
      await waitFor("the file source", async () => {
        return (await readMetric(engine, "argo_events_event_service_running_total", running)) === 1;
      });
      await writeFile(join(inbox, "1.csv"), "1");
      assert.equal(await push(engine.endpoints.ingress, "d1"), 200);
      assert.equal(await push(engine.endpoints.ingress, "d1"), 200, "a delivery that comes twice is one event");
      await wanted(engine, 1);
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // what was told is remembered within a second
      await engine.kill9();
    }
    await redis.xadd("orders", "*", "n", "2");
    await writeFile(join(inbox, "2.csv"), "1");
    await using again = await startEngine(options);
    assert.equal(await push(again.endpoints.ingress, "d2"), 200);
    await wanted(again, 2);
  } finally {
    redis.disconnect();
  }
});
