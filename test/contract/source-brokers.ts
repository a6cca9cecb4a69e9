import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats, headers as natsHeaders } from "@nats-io/transport-node";
import { Producer, stringSerializers } from "@platformatic/kafka";
import { connect as connectAmqp } from "amqplib";
import { Redis } from "ioredis";
import { connectAsync } from "mqtt";
import type { JsonObject } from "../../src/base/json.ts";
import { amqpSource } from "../../src/events/sources/amqp.ts";
import { jetstreamSource } from "../../src/events/sources/jetstream.ts";
import { kafkaSource } from "../../src/events/sources/kafka.ts";
import { mqttSource } from "../../src/events/sources/mqtt.ts";
import { redisStreamSource } from "../../src/events/sources/redis-stream.ts";
import { defineSource } from "../../src/events/sources/registry.ts";
import { kafkaMissing, startKafka } from "../harness/kafka.ts";
import { mosquittoMissing, startMosquitto } from "../harness/mosquitto.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { rabbitMqMissing, startRabbitMq } from "../harness/rabbitmq.ts";
import { redisMissing, startRedis } from "../harness/redis-server.ts";
import { startTcpProxy } from "../harness/tcp-proxy.ts";
import { waitFor } from "../harness/wait.ts";
import {
  type BrokerKind,
  bodyNumber,
  inBatches,
  numberText,
  password,
  type SourcePlace,
  sending,
  user,
} from "./source-place.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** A server, and a way to it that can be cut. */
async function behindProxy<Server extends AsyncDisposable>(
  starting: Promise<Server>,
  portOf: (server: Server) => number,
) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await starting);
  const proxy = stack.use(await startTcpProxy(portOf(server)));
  const owned = stack.move();
  return {
    server,
    address: `127.0.0.1:${proxy.port}`,
    cut: proxy.cutOnce,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const portIn = (address: string): number => Number(address.split(":").at(-1));

async function redisPlace(): Promise<SourcePlace> {
  const { server, address, cut, ...end } = await behindProxy(startRedis("sesame"), (redis) => portIn(redis.address));
  let login = "sesame";
  const client = async <T>(work: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(Number(server.address.split(":")[1]), "127.0.0.1", { password: login });
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  };
  await client((redis) => redis.xgroup("CREATE", "orders", "cg", "$", "MKSTREAM"));
  return {
    server,
    cut,
    spec: {
      hostAddress: address,
      streams: ["orders"],
      password,
      consumerGroup: "cg",
      metadata: { b: "c", a: "b" },
    },
    secrets: { "s/password": "sesame" },
    password: "s/password",
    ...sending((bodies) =>
      client(async (redis) => {
        const fieldsOf = (body: string): string[] => (body.length < 100 ? ["B", "1"] : ["text", body]);
        await Promise.all(bodies.map((body) => redis.xadd("orders", "*", "n", numberText(body), ...fieldsOf(body))));
      }),
    ),
    async rotate() {
      login = "open";
      await server.changePassword(login);
      const end = () => client(async (redis) => void (await redis.call("CLIENT", "KILL", "TYPE", "normal")));
      return { secrets: { "s/password": login }, end };
    },
    shape: { stream: "orders", message_id: "", values: { B: "1", n: "0" }, metadata: { a: "b", b: "c" } },
    made: { message_id: /^\d+-\d+$/ },
    ...end,
  };
}

async function amqpPlace(): Promise<SourcePlace> {
  const { server, address, cut, ...end } = await behindProxy(startRabbitMq(), (rabbit) => portIn(rabbit.address));
  let { url } = server;
  return {
    server,
    cut,
    spec: {
      url: `amqp://${address}`,
      auth: { username: user, password },
      exchangeName: "shop",
      exchangeType: "topic",
      routingKey: "orders.*",
      exchangeDeclare: { durable: true },
      queueDeclare: { name: "orders", durable: true },
      consume: { autoAck: true },
      jsonBody: true,
    },
    secrets: { "s/user": "guest", "s/password": "guest" },
    password: "s/password",
    traceparent,
    ...sending(async (bodies) => {
      const connection = await connectAmqp(url);
      const channel = await connection.createConfirmChannel();
      for (const body of bodies) {
        channel.publish("shop", "orders.new", Buffer.from(body), {
          persistent: true,
          messageId: `m${numberText(body)}`,
          contentType: "application/json",
          timestamp: 1_767_225_600,
          headers: { traceparent },
        });
      }
      await channel.waitForConfirms();
      await connection.close();
    }),
    async rotate() {
      await server.changePassword("guest", "open");
      url = url.replace(":guest@", ":open@");
      return { secrets: { "s/password": "open" }, end: cut };
    },
    shape: {
      contentType: "application/json",
      contentEncoding: "",
      deliveryMode: 2,
      priority: 0,
      correlationId: "",
      replyTo: "",
      expiration: "",
      messageId: "m0",
      timestamp: "2026-01-01 00:00:00 +0000 UTC",
      type: "",
      appId: "",
      exchange: "shop",
      routingKey: "orders.new",
      body: { n: 0 },
    },
    made: {},
    ...end,
  };
}

async function mqttPlace(): Promise<SourcePlace> {
  const starting = startMosquitto({ user: "ann", password: "sesame" });
  const { server, address, cut, ...end } = await behindProxy(starting, (broker) => portIn(broker.url));
  const login = { username: "ann", password: "sesame" };
  return {
    cut,
    server: {
      kill: async () => {
        await server.save();
        await server.kill();
      },
      start: server.start,
    },
    spec: {
      url: `tcp://${address}`,
      topic: "orders/+",
      clientId: "tiphys",
      auth: { username: user, password },
      jsonBody: true,
    },
    secrets: { "s/user": "ann", "s/password": "sesame" },
    password: "s/password",
    ...sending(async (bodies) => {
      const client = await connectAsync(server.url.replace("tcp:", "mqtt:"), login);
      await inBatches(bodies, (body) => client.publishAsync("orders/new", body, { qos: 1 }));
      await client.endAsync();
    }),
    async rotate() {
      login.password = "open";
      await server.changePassword(login.password);
      return { secrets: { "s/password": login.password } };
    },
    shape: { topic: "orders/new", messageId: 0, body: { n: 0 } },
    made: { messageId: /^\d+$/ },
    ...end,
  };
}

async function kafkaPlace(): Promise<SourcePlace> {
  const server = await startKafka({ user: "ann", password: "sesame" });
  await server.setScramPassword("sesame");
  const open = () =>
    new Producer({
      clientId: "test",
      bootstrapBrokers: [server.address],
      serializers: stringSerializers,
      autocreateTopics: true,
      sasl: { mechanism: "PLAIN", username: "ann", password: "sesame" },
    });
  const topic = sending(async (bodies) => {
    const producer = open();
    const messages = bodies.map((value) => ({
      topic: "orders",
      key: `k${numberText(value)}`,
      value,
      headers: { b: "2", a: "1", traceparent },
    }));
    await producer.send({ messages, acks: -1 });
    await producer.close();
  });
  await topic.publish(-1, 1);
  return {
    server,
    spec: {
      url: server.address,
      topic: "orders",
      consumerGroup: { groupName: "g" },
      sasl: { mechanism: "SCRAM-SHA-256", userSecret: user, passwordSecret: password },
      jsonBody: true,
    },
    secrets: { "s/user": "ann", "s/password": "sesame" },
    password: "s/password",
    traceparent,
    ...topic,
    async rotate() {
      await server.setScramPassword("open");
      return { secrets: { "s/password": "open" }, end: server.cut };
    },
    shape: {
      topic: "orders",
      key: "k0",
      partition: 0,
      body: { n: 0 },
      timestamp: "",
      headers: { a: "1", b: "2", traceparent },
    },
    made: { timestamp: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC$/ },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

async function jetstreamPlace(): Promise<SourcePlace> {
  const configFor = (wanted: string): string => `authorization { user: ann, password: ${wanted} }`;
  let login = "sesame";
  const server = await startNatsServer({ config: configFor(login) });
  const open = () => connectNats({ servers: server.url, user: "ann", pass: login });
  const first = await open();
  await (await jetstreamManager(first)).streams.add({ name: "ORDERS", subjects: ["orders.>"] });
  await first.close();
  return {
    server: { kill: server.kill, start: () => server.restart() },
    spec: {
      url: server.url,
      stream: "ORDERS",
      subjects: ["orders.*"],
      durable: "tiphys",
      auth: { basic: { username: user, password } },
      jsonBody: true,
    },
    secrets: { "s/user": "ann", "s/password": "sesame" },
    password: "s/password",
    ...sending(async (bodies) => {
      const connection = await open();
      const js = jetstream(connection);
      const headers = natsHeaders();
      headers.set("traceparent", traceparent);
      await inBatches(bodies, (body) => js.publish("orders.new", body, { headers }));
      await connection.close();
    }),
    async rotate() {
      login = "open";
      await server.reload(configFor(login)); // connections with another password end
      await waitFor("the new password", async () => (await open().catch(() => undefined))?.close().then(() => true));
      return { secrets: { "s/password": login } };
    },
    traceparent,
    shape: {
      subject: "orders.new",
      stream: "ORDERS",
      sequence: 1,
      body: { n: 0 },
      header: { traceparent: [traceparent] },
    },
    made: {},
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

export const brokerKinds: readonly BrokerKind[] = [
  {
    name: "redisStream",
    skip: redisMissing,
    kind: defineSource(redisStreamSource),
    numberOf: ({ values }) => Number((values as JsonObject).n),
    takesAll: "values are texts",
    place: redisPlace,
  },
  {
    name: "amqp",
    skip: rabbitMqMissing,
    kind: defineSource(amqpSource),
    numberOf: bodyNumber,
    tellsLate: "three heartbeats of AMQP are twelve seconds",
    place: amqpPlace,
  },
  {
    name: "mqtt",
    skip: mosquittoMissing,
    kind: defineSource(mqttSource),
    numberOf: bodyNumber,
    place: mqttPlace,
  },
  {
    name: "kafka",
    skip: kafkaMissing(),
    kind: defineSource(kafkaSource),
    numberOf: bodyNumber,
    rotatesFirst: "a group waits ten seconds for one that could not take its leave",
    place: kafkaPlace,
  },
  {
    name: "jetstream",
    givesBackLate: "half a minute, as the consumer has it",
    skip: natsServerMissing() ?? false,
    kind: defineSource(jetstreamSource),
    numberOf: bodyNumber,
    place: jetstreamPlace,
  },
];
