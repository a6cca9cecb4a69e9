import { once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { Consumer, Producer } from "@platformatic/kafka";
import { connect as connectAmqp } from "amqplib";
import autocannon from "autocannon";
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
import type { Bench, BenchRow } from "./bench.ts";

// Events per second that a source takes in and acknowledges, with a bus that keeps at once, against the bare client that
// takes and acknowledges as well. Both take from what is there already.

const body = '{"ref":"refs/heads/main","commit":"0123456789abcdef0123456789abcdef01234567"}';

interface Broker extends AsyncDisposable {
  readonly kind: AnySourceKind;
  readonly spec: JsonObject;
  fill(count: number): Promise<void>;
  /** The bare client. Calls back for each message. */
  drain(count: number): Promise<void>;
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
        const value = await sourceRate(broker, count);
        const limit = await bareRate(broker, count);
        return [{ name: `${name} in`, value, unit: "events/s", limit, ratio: value / limit, leastRatio: 0.5 }];
      },
    }),
  ),
];

async function sourceRate({ kind, spec, fill }: Broker, count: number): Promise<number> {
  await fill(count);
  let taken = 0;
  const done = Promise.withResolvers<void>();
  const context = recordedContext({
    emit: async () => {
      if (++taken === count) done.resolve();
    },
  });
  const stop = new AbortController();
  const started = performance.now();
  const running = kind.run(spec, "spec", context, stop.signal);
  await Promise.race([done.promise, running]);
  const rate = (count / (performance.now() - started)) * 1_000;
  stop.abort();
  await running;
  return rate;
}

async function bareRate({ fill, drain }: Broker, count: number): Promise<number> {
  await fill(count);
  const started = performance.now();
  await drain(count);
  return (count / (performance.now() - started)) * 1_000;
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
    async drain(count) {
      const read = ["GROUP", "bare", "c", "COUNT", 100, "STREAMS", "orders", ">"];
      await redis.xgroup("SETID", "orders", "bare", "0");
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
    async drain(count) {
      const done = Promise.withResolvers<void>();
      let taken = 0;
      const own = await connection.createChannel();
      await own.prefetch(256);
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
    async drain(count) {
      const done = Promise.withResolvers<void>();
      let taken = 0;
      const own = await join("bare", () => {
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
    async drain(count) {
      const consumer = new Consumer({ clientId: "bare", groupId: "bare", bootstrapBrokers, autocommit: 500 });
      const stream = await consumer.consume({ topics: ["orders"], mode: "committed", fallbackMode: "earliest" });
      let taken = 0;
      for await (const _message of stream) if (++taken === count) break;
      await consumer.close(true);
    },
    async [Symbol.asyncDispose]() {
      await producer.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

interface Posted {
  readonly rate: number;
  readonly p99: number;
}

async function post(
  url: string,
  headers: Record<string, string>,
  amount: number,
  overallRate?: number,
): Promise<Posted> {
  const started = performance.now();
  const result = await autocannon({
    url,
    amount,
    connections: 64,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
    ...(overallRate !== undefined && { overallRate }),
  });
  if (result["2xx"] !== amount) throw new Error(`${result["2xx"]} of ${amount} were answered 2xx`);
  return { rate: (amount / (performance.now() - started)) * 1_000, p99: result.latency.p99 };
}

async function webhookRows({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  const { createHmac } = await import("node:crypto");
  const amount = quick ? 2_000 : 20_000;
  const bare = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      JSON.parse(bytes.toString());
      response.end("success");
    });
  });
  bare.listen(0, "127.0.0.1");
  await once(bare, "listening");
  const address = bare.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const verify = { hmac: { header: "X-Signature", secrets: [{ name: "s", key: "k" }] } };
  const signature = createHmac("sha256", "swordfish").update(body).digest("hex");
  const rows: BenchRow[] = [];
  for (const [name, more] of [
    ["webhook in", {}],
    ["webhook in, HMAC", { verify }],
  ] as const) {
    const spec = { endpoint: "/e", port: "0", method: "POST", ...more };
    await using source = await serveSource(
      webhookSource,
      spec,
      { "s/k": "swordfish" },
      { emit: async () => undefined },
    );
    await waitFor("the listener", () => source.context.isReady.value);
    await post(source.url, { "x-signature": signature }, amount / 10);
    const { rate: value } = await post(source.url, { "x-signature": signature }, amount);
    await post(`http://127.0.0.1:${port}/`, {}, amount / 10);
    const { rate: limit } = await post(`http://127.0.0.1:${port}/`, {}, amount);
    rows.push({ name, value, unit: "events/s", limit, ratio: value / limit, leastRatio: 0.5 });
    const half = await post(source.url, { "x-signature": signature }, amount / 4, Math.round(value / 2));
    rows.push({
      name: `${name}, p99 at half load`,
      value: half.p99,
      unit: "ms",
      limit: 20,
      ratio: half.p99 / 20,
      budget: 20,
    });
  }
  bare.close();
  bare.closeAllConnections();
  return rows;
}
