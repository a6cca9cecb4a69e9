import { once } from "node:events";
import { connect as connectNats } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { connectAsync } from "mqtt";
import type { JsonObject } from "../../src/base/json.ts";
import { emitterSource } from "../../src/events/sources/emitter.ts";
import { genericSource } from "../../src/events/sources/generic.ts";
import { minioSource } from "../../src/events/sources/minio.ts";
import { natsSource } from "../../src/events/sources/nats.ts";
import { redisSource } from "../../src/events/sources/redis.ts";
import { defineSource } from "../../src/events/sources/registry.ts";
import { startEventServer } from "../harness/grpc-events.ts";
import { startBucket } from "../harness/minio-bucket.ts";
import { mosquittoMissing, startMosquitto } from "../harness/mosquitto.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { redisMissing, startRedis } from "../harness/redis-server.ts";
import { startTcpProxy } from "../harness/tcp-proxy.ts";
import { waitFor } from "../harness/wait.ts";
import { type BrokerKind, bodyNumber, inBatches, password, type SourcePlace, sending, user } from "./source-place.ts";

/** Servers that push to whoever listens, and forget. */

async function natsPlace(): Promise<SourcePlace> {
  const configFor = (wanted: string): string => `authorization { user: ann, password: ${wanted} }`;
  let login = "sesame";
  const server = await startNatsServer({ config: configFor(login), jetstream: false });
  const open = () => connectNats({ servers: server.url, user: "ann", pass: login });
  return {
    server: { kill: server.kill, start: () => server.restart() },
    spec: {
      url: server.url,
      subject: "orders.*",
      auth: { basic: { username: user, password } },
      jsonBody: true,
      metadata: { a: "b" },
    },
    secrets: { "s/user": "ann", "s/password": "sesame" },
    password: "s/password",
    ...sending(async (bodies) => {
      const connection = await open();
      for (const body of bodies) connection.publish("orders.new", body);
      await connection.drain();
    }),
    async rotate() {
      login = "open";
      await server.reload(configFor(login)); // connections with another password end
      await waitFor("the new password", async () => (await open().catch(() => undefined))?.close().then(() => true));
      return { secrets: { "s/password": login } };
    },
    shape: { subject: "orders.new", body: { n: 0 }, metadata: { a: "b" } },
    made: {},
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

async function redisPlace(): Promise<SourcePlace> {
  const server = await startRedis("sesame");
  let login = "sesame";
  const client = async (work: (redis: Redis) => Promise<void>): Promise<void> => {
    const redis = new Redis(server.port, "127.0.0.1", { password: login });
    try {
      await work(redis);
    } finally {
      redis.disconnect();
    }
  };
  return {
    server,
    spec: { hostAddress: server.address, channels: ["orders"], password, namespace: "default", jsonBody: true },
    secrets: { "s/password": "sesame" },
    password: "s/password",
    ...sending((bodies) => client((redis) => inBatches(bodies, (body) => redis.publish("orders", body)))),
    async rotate() {
      login = "open";
      await server.changePassword(login);
      const end = () => client(async (redis) => void (await redis.call("CLIENT", "KILL", "TYPE", "pubsub")));
      return { secrets: { "s/password": login }, end };
    },
    shape: { channel: "orders", pattern: "", body: { n: 0 } },
    made: {},
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

async function emitterPlace(): Promise<SourcePlace> {
  const server = await startMosquitto({ user: "ann", password: "sesame" });
  const login = { username: "ann", password: "sesame" };
  return {
    server,
    spec: {
      broker: server.url,
      channelKey: "key",
      channelName: "orders",
      username: user,
      password,
      jsonBody: true,
      metadata: { a: "b" },
    },
    secrets: { "s/user": "ann", "s/password": "sesame" },
    password: "s/password",
    ...sending(async (bodies) => {
      const client = await connectAsync(server.url.replace("tcp:", "mqtt:"), login);
      await inBatches(bodies, (body) => client.publishAsync("key/orders/", body, { qos: 1 }));
      await client.endAsync();
    }),
    async rotate() {
      login.password = "open";
      await server.changePassword(login.password);
      return { secrets: { "s/password": login.password } };
    },
    shape: { topic: "key/orders/", body: { n: 0 }, metadata: { a: "b" } },
    made: {},
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

/** Behind a proxy, so that its connections can end and its port stays. */
async function genericPlace(): Promise<SourcePlace> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startEventServer());
  server.token = "sesame";
  const proxy = stack.use(await startTcpProxy(Number(server.url.split(":")[1])));
  const owned = stack.move();
  return {
    server: { kill: async () => proxy.cut(), start: async () => proxy.heal() },
    spec: {
      url: `127.0.0.1:${proxy.port}`,
      config: "key: value",
      insecure: true,
      authSecret: password,
      jsonBody: true,
      metadata: { a: "b" },
    },
    secrets: { "s/password": "sesame" },
    password: "s/password",
    ...sending(async (bodies) => {
      for (const body of bodies) {
        const call = server.calls.at(-1);
        if (!server.send(body) && call) await once(call, "drain");
      }
    }),
    async rotate() {
      server.token = "open";
      return { secrets: { "s/password": server.token }, end: proxy.cutOnce };
    },
    shape: { body: { n: 0 }, metadata: { a: "b" } },
    made: {},
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const recordOf = (n: number) => ({
  eventName: "s3:ObjectCreated:Put",
  s3: { bucket: { name: "input" }, object: { key: `n-${n}.csv`, sequencer: String(n) } },
});

/** A stand-in of what MinIO is asked for, which knows one access key. */
async function minioPlace(): Promise<SourcePlace> {
  await using stack = new AsyncDisposableStack();
  const bucket = stack.use(await startBucket());
  bucket.accessKey = "sesame";
  const proxy = stack.use(await startTcpProxy(Number(bucket.endpoint.split(":")[1])));
  const owned = stack.move();
  return {
    server: { kill: async () => proxy.cut(), start: async () => proxy.heal() },
    spec: {
      endpoint: `127.0.0.1:${proxy.port}`,
      insecure: true,
      bucket: { name: "input" },
      events: ["s3:ObjectCreated:Put"],
      accessKey: password,
      secretKey: user,
      metadata: { a: "b" },
    },
    secrets: { "s/password": "sesame", "s/user": "key" },
    password: "s/password",
    async publish(from, count) {
      for (let n = from; n < from + count; n++) {
        const response = bucket.calls.at(-1)?.response;
        if (bucket.write(`${JSON.stringify({ Records: [recordOf(n)] })}\n`) === false && response) {
          await once(response, "drain");
        }
      }
    },
    async rotate() {
      bucket.accessKey = "open";
      return { secrets: { "s/password": bucket.accessKey }, end: proxy.cutOnce };
    },
    shape: { notification: [recordOf(0)], metadata: { a: "b" } },
    made: {},
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function keyNumber({ notification }: JsonObject): number {
  const [record] = notification as unknown as readonly ReturnType<typeof recordOf>[];
  return Number(/^n-(\d+)/.exec(record?.s3.object.key ?? "")?.[1]);
}

const common = { numberOf: bodyNumber, hasNoIds: "messages have none" } as const;

export const pushKinds: readonly BrokerKind[] = [
  {
    ...common,
    name: "nats",
    skip: natsServerMissing() ?? false,
    kind: defineSource(natsSource),
    keepsNothing: "core NATS keeps nothing",
    place: natsPlace,
  },
  {
    ...common,
    name: "redis",
    skip: redisMissing,
    kind: defineSource(redisSource),
    keepsNothing: "channels of Redis keep nothing",
    place: redisPlace,
  },
  {
    ...common,
    name: "emitter",
    skip: mosquittoMissing,
    kind: defineSource(emitterSource),
    keepsNothing: "it is subscribed to without acknowledgements",
    place: emitterPlace,
  },
  {
    ...common,
    name: "generic",
    skip: false,
    kind: defineSource(genericSource),
    keepsNothing: "its contract has no acknowledgements",
    place: genericPlace,
  },
  {
    name: "minio",
    skip: false,
    kind: defineSource(minioSource),
    numberOf: keyNumber,
    keepsNothing: "MinIO has no memory of what it told",
    place: minioPlace,
  },
];
