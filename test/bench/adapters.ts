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
import { recordedContext } from "../events/sources/source-context.ts";
import { startKafka } from "../harness/kafka.ts";
import { startMosquitto } from "../harness/mosquitto.ts";
import { startRabbitMq } from "../harness/rabbitmq.ts";
import { startRedis } from "../harness/redis-server.ts";
import { type Bench, inRounds } from "./bench.ts";
import { body } from "./load.ts";

// Events per second that a source takes in and acknowledges, with a bus that keeps at once, against the bare client that
// takes and acknowledges as well. Both take from what is there already.

interface Broker extends AsyncDisposable {
  readonly kind: AnySourceKind;
  readonly spec: JsonObject;
  fill(count: number): Promise<void>;
  /** The bare client takes and acknowledges `count` messages; `onReady` is called once it listens. */
  drain(count: number, onReady: () => void): Promise<void>;
}

export const adaptersBenches: readonly Bench[] = Object.entries({ redisStream, amqp, mqtt, kafka }).map(
  ([name, open]) => ({
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
);

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
