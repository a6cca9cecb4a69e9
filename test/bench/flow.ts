import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { resource, webhookSource, writeManifests } from "../e2e/scenario.ts";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { triggered } from "../harness/metrics.ts";
import { startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import type { Bench, BenchRow } from "./bench.ts";
import { postMany } from "./load.ts";

const connections = 64;

/** A webhook, a Sensor with one data filter, a `log` trigger, ledger on; against a bare handler that keeps and reads. */
export const flowBenches: readonly Bench[] = [
  {
    name: "flow embedded",
    async run({ quick }) {
      await using folder = await tempDir();
      const amount = quick ? 2_000 : 60_000;
      const value = await engineRate(folder.path, [], amount);
      const limit = await bareRate("sqlite", join(folder.path, "bare.db"), amount, async () => 0);
      return [rowOf("webhook to log trigger, embedded bus", value, limit)];
    },
  },
  {
    name: "flow nats",
    async run({ quick }) {
      await using folder = await tempDir();
      await using server = await startNatsServer();
      const amount = quick ? 2_000 : 60_000;
      const value = await engineRate(folder.path, ["--bus", server.url], amount);
      const limit = await bareNatsRate(server.url, amount);
      return [rowOf("webhook to log trigger, nats-server", value, limit)];
    },
  },
];

function rowOf(name: string, value: number, limit: number): BenchRow {
  return { name, value, unit: "events/s", limit, ratio: value / limit };
}

/** Events per second from the first request to the last trigger, after a warm-up. */
async function engineRate(folder: string, args: readonly string[], amount: number): Promise<number> {
  const port = await freePort();
  const dir = await writeManifests(join(folder, "manifests"), [
    webhookSource("in", port),
    resource("Sensor", "say", {
      dependencies: [
        {
          name: "push",
          eventSourceName: "in",
          eventName: "push",
          filters: { data: [{ path: "body.ref", type: "string", value: ["^refs/heads/main$"] }] },
        },
      ],
      triggers: [{ template: { name: "say", log: {} } }],
    }),
  ]);
  await using engine = await startEngine({ dir, dataDir: join(folder, "data"), args });
  const url = `http://127.0.0.1:${port}/push`;
  const warmUp = warmUpOf(amount);
  await postMany({ url, amount: warmUp, connections });
  await waitFor("the warm-up", async () => (await triggered(engine, "say")) >= warmUp, 60_000);
  const started = performance.now();
  const everyTrigger = waitFor(
    "every trigger",
    async () => (await triggered(engine, "say")) >= warmUp + amount && performance.now(),
    120_000,
  );
  return rate(amount, started, await Promise.all([postMany({ url, amount, connections }), everyTrigger]));
}

/** What V8 compiles meanwhile counts for neither side: the rate is that of a long run. */
function warmUpOf(amount: number): number {
  return Math.ceil(amount / 3);
}

function rate(amount: number, started: number, endedAt: readonly number[]): number {
  return (amount / (Math.max(...endedAt) - started)) * 1000;
}

async function bareNatsRate(url: string, amount: number): Promise<number> {
  const client = await connect({ servers: url });
  try {
    const manager = await jetstreamManager(client);
    await manager.streams.add({ name: "bare", subjects: ["bare.>"], storage: "file" });
    const consumer = await jetstream(client).consumers.get("bare");
    const messages = await consumer.consume({ max_messages: 1000 });
    const iterator = messages[Symbol.asyncIterator]();
    const readAll = async (count: number): Promise<number> => {
      for (let read = 0; read < count; read++) await iterator.next();
      return performance.now();
    };
    try {
      return await bareRate("nats", url, amount, readAll);
    } finally {
      messages.stop(); // Its heartbeat would keep the process up.
    }
  } finally {
    await client.close();
  }
}

/** The bare handler under the same load; `read` takes the messages on the other side, while it runs, and gives when it ended. */
async function bareRate(
  kind: "nats" | "sqlite",
  target: string,
  amount: number,
  read: (count: number) => Promise<number>,
): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "bare-intake.ts"), kind, target], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const url = await firstLine(child);
    const warmUp = warmUpOf(amount);
    await Promise.all([postMany({ url, amount: warmUp, connections }), read(warmUp)]);
    const started = performance.now();
    return rate(amount, started, await Promise.all([postMany({ url, amount, connections }), read(amount)]));
  } finally {
    const ended = once(child, "exit");
    child.kill();
    await ended;
    child.stdin.destroy();
    child.stdout.destroy();
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no standard output");
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return line;
}
