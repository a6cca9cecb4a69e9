import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { Consumer, Producer } from "@platformatic/kafka";
import { connect as connectAmqp } from "amqplib";
import { Redis } from "ioredis";
import { connectAsync, type MqttClient } from "mqtt";
import type { JsonObject } from "../../src/base/json.ts";
import { amqpSource } from "../../src/events/sources/amqp.ts";
import { kafkaSource } from "../../src/events/sources/kafka.ts";
import { mqttSource } from "../../src/events/sources/mqtt.ts";
import { redisStreamSource } from "../../src/events/sources/redis-stream.ts";
import { type AnySourceKind, defineSource } from "../../src/events/sources/registry.ts";
import { webhookSource } from "../../src/events/sources/webhook.ts";
import { serveSource } from "../events/sources/served-source.ts";
import { recordedContext } from "../events/sources/source-context.ts";
import { startKafka } from "../harness/kafka.ts";
import { startMosquitto } from "../harness/mosquitto.ts";
import { startRabbitMq } from "../harness/rabbitmq.ts";
import { startRedis } from "../harness/redis-server.ts";
import { waitFor } from "../harness/wait.ts";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";
import { body, postMany } from "./load.ts";
import { processorWaitMs } from "./processor-wait.ts";

// Events per second that a source takes in and acknowledges, with a bus that keeps at once, against the bare client that
// takes and acknowledges as well. Both take from what is there already.

interface Broker extends AsyncDisposable {
  readonly kind: AnySourceKind;
  readonly spec: JsonObject;
  fill(count: number): Promise<void>;
  /** The bare client takes and acknowledges `count` messages; `onReady` is called once it listens. */
  drain(count: number, onReady: () => void): Promise<void>;
}

export const adaptersBenches: readonly Bench[] = [
  { name: "webhook", run: webhookRows },
  ...Object.entries({ redisStream, amqp, mqtt, kafka }).map(
    ([name, open]): Bench => ({
      name,
      async run({ quick }) {
        await using broker = await open();
        const count = quick ? 2_000 : 20_000;
        await sourceRate(broker, count / 10);
        // One that takes 100,000 in a second is measured for 0.2 s: a single round tells little.
        return await inRounds(quick ? 1 : 5, async () => {
          const value = await sourceRate(broker, count);
          const limit = await bareRate(broker, count);
          return [{ name: `${name} in`, value, unit: "events/s", limit, ratio: value / limit, leastRatio: 0.5 }];
        });
      },
    }),
  ),
];

async function sourceRate({ kind, spec, fill }: Broker, count: number): Promise<number> {
  await fill(count);
  let taken = 0;
  const done = Promise.withResolvers<void>();
  const watch = startWatch();
  const context = recordedContext({
    ready: watch.begin,
    emit: async () => {
      watch.begin();
      if (++taken === count) done.resolve();
    },
  });
  const stop = new AbortController();
  const running = kind.run(spec, "spec", context, stop.signal);
  await Promise.race([done.promise, running]);
  const rate = watch.rate(count);
  stop.abort();
  await running;
  return rate;
}

async function bareRate({ fill, drain }: Broker, count: number): Promise<number> {
  await fill(count);
  const watch = startWatch();
  await drain(count, watch.begin);
  return watch.rate(count);
}

/** Begins where messages can come: connecting is no part of a rate. */
function startWatch() {
  let started: number | undefined;
  return {
    begin(): void {
      started ??= performance.now();
    },
    rate: (count: number): number => (count / (performance.now() - (started ?? Number.NaN))) * 1_000,
  };
}

async function redisStream(): Promise<Broker> {
  const server = await startRedis();
  const redis = new Redis(server.port, "127.0.0.1", { protocol: 2 });
  await redis.xgroup("CREATE", "orders", "cg", "$", "MKSTREAM");
  await redis.xgroup("CREATE", "orders", "bare", "$");
  return {
    kind: defineSource(redisStreamSource),
    spec: { hostAddress: server.address, streams: ["orders"], consumerGroup: "cg", maxMsgCountPerRead: 100 },
    async fill(count) {
      await Promise.all(Array.from({ length: count }, () => redis.xadd("orders", "*", "body", body)));
    },
    async drain(count, onReady) {
      const read = ["GROUP", "bare", "c", "COUNT", 100, "STREAMS", "orders", ">"];
      await redis.xgroup("SETID", "orders", "bare", "0");
      onReady();
      for (let taken = 0; taken < count; ) {
        const [[, entries = []] = []] = (await redis.call("XREADGROUP", ...read)) as [string, [string, string[]][]][];
        await redis.xack("orders", "bare", ...entries.map(([id]) => id));
        taken += entries.length;
      }
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function amqp(): Promise<Broker> {
  const server = await startRabbitMq();
  const connection = await connectAmqp(server.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue("orders", { durable: true });
  return {
    kind: defineSource(amqpSource),
    spec: {
      url: server.url,
      exchangeType: "direct",
      routingKey: "orders",
      queueDeclare: { name: "orders", durable: true },
      jsonBody: true,
    },
    async fill(count) {
      for (let n = 0; n < count; n++) channel.sendToQueue("orders", Buffer.from(body), { persistent: true });
      await channel.waitForConfirms();
    },
    async drain(count, onReady) {
      const done = Promise.withResolvers<void>();
      let taken = 0;
      const own = await connection.createChannel();
      await own.prefetch(256);
      onReady();
      await own.consume("orders", (message) => {
        if (!message) return;
        own.ack(message);
        if (++taken === count) done.resolve();
      });
      await done.promise;
      await own.close();
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function mqtt(): Promise<Broker> {
  const server = await startMosquitto();
  const url = server.url.replace("tcp:", "mqtt:");
  const sender = await connectAsync(url);
  const join = (clientId: string, onMessage?: () => void): Promise<MqttClient> => {
    const client = connectAsync(url, { clientId, clean: false });
    return client.then(async (joined) => {
      if (onMessage) joined.on("message", onMessage);
      await joined.subscribeAsync("orders", { qos: 1 });
      return joined;
    });
  };
  for (const id of ["tiphys", "bare"]) await (await join(id)).endAsync();
  return {
    kind: defineSource(mqttSource),
    spec: { url: server.url, topic: "orders", clientId: "tiphys", jsonBody: true },
    async fill(count) {
      for (let first = 0; first < count; first += 200) {
        const size = Math.min(200, count - first);
        await Promise.all(Array.from({ length: size }, () => sender.publishAsync("orders", body, { qos: 1 })));
      }
    },
    async drain(count, onReady) {
      const done = Promise.withResolvers<void>();
      let taken = 0;
      const own = await join("bare", () => {
        onReady();
        if (++taken >= count) done.resolve();
      });
      await done.promise;
      await own.endAsync(true);
    },
    async [Symbol.asyncDispose]() {
      await sender.endAsync(true);
      await server[Symbol.asyncDispose]();
    },
  };
}

async function kafka(): Promise<Broker> {
  const server = await startKafka();
  const bootstrapBrokers = [server.address];
  const producer = new Producer({ clientId: "bench", bootstrapBrokers, autocreateTopics: true });
  const message = { topic: "orders", value: Buffer.from(body) };
  await producer.send({ messages: [message], acks: -1 });
  return {
    kind: defineSource(kafkaSource),
    spec: {
      url: server.address,
      topic: "orders",
      consumerGroup: { groupName: "tiphys", oldest: true },
      jsonBody: true,
    },
    async fill(count) {
      for (let sent = 0; sent < count; sent += 1_000) {
        const size = Math.min(1_000, count - sent);
        await producer.send({ messages: Array.from({ length: size }, () => message), acks: -1 });
      }
    },
    async drain(count, onReady) {
      const consumer = new Consumer({ clientId: "bare", groupId: "bare", bootstrapBrokers, autocommit: 500 });
      const stream = await consumer.consume({ topics: ["orders"], mode: "committed", fallbackMode: "earliest" });
      let taken = 0;
      onReady();
      for await (const _message of stream) if (++taken === count) break;
      await consumer.close(true);
    },
    async [Symbol.asyncDispose]() {
      await producer.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Requests per second, as many as 64 connections give. */
async function postRate(url: string, headers: Record<string, string>, amount: number): Promise<number> {
  const started = performance.now();
  const endedAt = await postMany({ url, amount, connections: 64, headers });
  return (amount / (endedAt - started)) * 1_000;
}

const run = promisify(execFile);

interface Paced {
  /** Milliseconds at a steady rate, from when a request was due to its answer. */
  readonly p99: number;
  /** How late requests left: above that it is the server that is measured. */
  readonly ownP99: number;
  /** How long the server and who asks it waited for a processor, of all the time: such waits are in both times above. */
  readonly waited: number;
}

async function paced(url: string, rate: number, seconds: number, headers: Record<string, string>): Promise<Paced> {
  const pacer = join(import.meta.dirname, "pacer.ts");
  const args = [pacer, url, String(rate), String(seconds), JSON.stringify(headers), body];
  const before = processorWaitMs();
  const startedAt = performance.now();
  const { stdout } = await run(process.execPath, args);
  const { sent, failed, ...times } = JSON.parse(stdout) as Paced & { readonly sent: number; readonly failed: number };
  const waited = (times.waited + processorWaitMs() - before) / (performance.now() - startedAt);
  if (failed > 0) throw new Error(`${failed} of ${sent} were not answered 200`);
  return { ...times, waited: 100 * waited };
}

/** A bare handler that reads and parses. */
async function startBare(): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      JSON.parse(bytes.toString());
      response.end("success");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const verify = { hmac: { header: "X-Signature", secrets: [{ name: "s", key: "k" }] } };

async function webhookRows({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  await using bare = await startBare();
  const rows: BenchRow[] = [];
  for (const [name, more] of [
    ["webhook in", {}],
    ["webhook in, HMAC", { verify }],
  ] as const) {
    const spec = { endpoint: "/e", port: "0", method: "POST", ...more };
    const parts = { emit: async () => undefined };
    await using source = await serveSource(webhookSource, spec, { "s/k": "swordfish" }, parts);
    await waitFor("the listener", () => source.context.isReady.value);
    await postRate(source.url, signed, 2_000);
    rows.push(...(await inRounds(quick ? 1 : 3, () => webhookRound(name, source.url, bare.url, quick))));
  }
  return rows;
}

const signed = { "x-signature": createHmac("sha256", "swordfish").update(body).digest("hex") };

async function webhookRound(name: string, url: string, bare: string, quick: boolean): Promise<readonly BenchRow[]> {
  const amount = quick ? 2_000 : 20_000;
  const seconds = quick ? 2 : 10;
  const value = await postRate(url, signed, amount);
  const limit = await postRate(bare, signed, amount);
  const half = Math.round(value / 2);
  const ours = await paced(url, half, seconds, signed);
  const theirs = await paced(bare, half, seconds, signed);
  const budget = { unit: "ms", budget: 20 };
  return [
    { name, value, unit: "events/s", limit, ratio: value / limit, leastRatio: 0.5 },
    { name: `${name}, p99 at half load`, value: ours.p99, limit: theirs.p99, ratio: ours.p99 / theirs.p99, ...budget },
    {
      name: `${name}, p99 of how late requests left`,
      value: ours.ownP99,
      limit: theirs.ownP99,
      ratio: ours.ownP99 / theirs.ownP99,
      ...budget,
    },
    {
      name: `${name}, time that a processor was waited for`,
      value: ours.waited,
      limit: theirs.waited,
      unit: "%",
      ratio: ours.waited / theirs.waited,
    },
  ];
}
