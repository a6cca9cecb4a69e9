import { generateKeyPairSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AwsCredentials } from "../../src/base/aws-signature.ts";
import { azureQueueStorageSource } from "../../src/events/sources/azure-queue-storage.ts";
import { nsqSource } from "../../src/events/sources/nsq.ts";
import { pubSubSource } from "../../src/events/sources/pub-sub.ts";
import { defineSource } from "../../src/events/sources/registry.ts";
import { sqsSource } from "../../src/events/sources/sqs.ts";
import { startAzureQueue } from "../harness/azure-queue.ts";
import { fauxqsMissing, startFauxqs } from "../harness/fauxqs.ts";
import { createQueue, enforceUsers, motoMissing, purgeQueue, sendToQueue, startMoto } from "../harness/moto.ts";
import { nsqMissing, startNsq } from "../harness/nsq.ts";
import { startPubSub } from "../harness/pub-sub.ts";
import { startTcpProxy } from "../harness/tcp-proxy.ts";
import { type BrokerKind, bodyNumber, numberText, type SourcePlace, sending } from "./source-place.ts";

/** Queues that are asked for messages, and told which of them may go. */

async function nsqPlace(): Promise<SourcePlace> {
  const server = await startNsq({ syncEvery: 1_000 });
  await server.create("orders");
  return {
    server: {
      get pid() {
        return server.pid;
      },
      async kill() {
        await sleep(100); // until all is on disk
        await server.kill();
      },
      start: server.start,
    },
    spec: { hostAddress: server.lookup, topic: "orders", channel: "tiphys", jsonBody: true, metadata: { a: "b" } },
    secrets: {},
    password: "",
    ...sending((bodies) => server.publish("orders", bodies)),
    shape: { body: { n: 0 }, timestamp: "", nsqdAddress: server.address, metadata: { a: "b" } },
    made: { timestamp: /^\d{19}$/ },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

async function sqsPlace(): Promise<SourcePlace> {
  const server = await startMoto();
  await createQueue(server.url, "orders");
  const users = await enforceUsers(server.url);
  const secretsOf = ({ accessKey, secretKey }: AwsCredentials) => ({ "aws/a": accessKey, "aws/s": secretKey });
  const keys = { accessKey: { name: "aws", key: "a" }, secretKey: { name: "aws", key: "s" } };
  return {
    server,
    spec: { region: "us-east-1", queue: "orders", endpoint: server.url, waitTimeSeconds: 1, jsonBody: true, ...keys },
    secrets: secretsOf(users.keys),
    password: "aws/s",
    ...sending((bodies) => sendToQueue(server.url, "orders", bodies, users.admin)),
    async rotate() {
      const others = await users.createKeys();
      return { secrets: secretsOf(others), end: () => users.removeKeys(users.keys) };
    },
    forget: () => purgeQueue(server.url, "orders", users.admin),
    shape: { messageId: "", messageAttributes: null, body: { n: 0 } },
    made: { messageId: /^[0-9a-f-]{36}$/ },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

/** moto looks through all that it has for each message, several times: of 10,000 it would take hours. */
async function fauxqsPlace(): Promise<SourcePlace> {
  const server = await startFauxqs();
  await createQueue(server.url, "orders");
  const keys = { accessKey: { name: "aws", key: "a" }, secretKey: { name: "aws", key: "s" } };
  return {
    server,
    spec: { region: "us-east-1", queue: "orders", endpoint: server.url, waitTimeSeconds: 1, jsonBody: true, ...keys },
    secrets: { "aws/a": "a", "aws/s": "s" },
    password: "aws/s",
    ...sending((bodies) => sendToQueue(server.url, "orders", bodies)),
    shape: { messageId: "", messageAttributes: null, body: { n: 0 } },
    made: { messageId: /^[0-9a-f-]{36}$/ },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

async function pubSubPlace(): Promise<SourcePlace> {
  const [key, otherKey] = [privateKey(), privateKey()];
  const server = await startPubSub(key);
  const accountWith = (private_key: string): string =>
    JSON.stringify({ type: "service_account", project_id: "p", private_key, token_uri: `${server.url}/token` });
  const subscription = "projects/p/subscriptions/s";
  server.subscriptions.set(subscription, "projects/p/topics/orders");
  return {
    server,
    spec: {
      subscriptionID: "s",
      endpoint: server.url,
      credentialSecret: { name: "g", key: "k" },
      jsonBody: true,
      metadata: { a: "b" },
    },
    secrets: { "g/k": accountWith(key) },
    password: "g/k",
    wrong: accountWith(otherKey),
    async rotate() {
      server.rotate(otherKey);
      return { secrets: { "g/k": accountWith(otherKey) } };
    },
    forget: () => server.waiting.clear(),
    ...sending(async (bodies) => {
      for (const body of bodies) {
        const data = Buffer.from(body).toString("base64");
        server.publish({ data, messageId: `m${numberText(body)}`, publishTime: "2026-01-01T00:00:00Z" });
      }
    }),
    shape: {
      id: "m0",
      body: { n: 0 },
      attributes: null,
      publishTime: "2026-01-01 00:00:00 +0000 UTC",
      metadata: { a: "b" },
    },
    made: {},
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

async function azureQueuePlace(): Promise<SourcePlace> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startAzureQueue({ secondMs: 100 }));
  const proxy = stack.use(await startTcpProxy(server.port));
  const owned = stack.move();
  const secretNow = (): string => server.connectionString.replace(`:${server.port}/`, `:${proxy.port}/`);
  return {
    server: { kill: async () => proxy.cut(), start: async () => proxy.heal() },
    spec: {
      queueName: "orders",
      connectionString: { name: "a", key: "c" },
      waitTimeInSeconds: 1,
      jsonBody: true,
      metadata: { a: "b" },
    },
    secrets: { "a/c": secretNow() },
    password: "a/c",
    wrong: secretNow().replace(/AccountKey=[^;]*/, "AccountKey=d3Jvbmc="),
    async rotate() {
      server.rotate();
      return { secrets: { "a/c": secretNow() } };
    },
    forget: () => void server.messages.splice(0),
    ...sending(async (bodies) => {
      for (const body of bodies) server.put(body);
    }),
    shape: { body: { n: 0 }, messageID: "", insertionTime: "2026-01-01T00:00:00Z", metadata: { a: "b" } },
    made: { messageID: /^[0-9a-f-]{36}$/ },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function privateKey(): string {
  return generateKeyPairSync("rsa", { modulusLength: 2048 })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
}

const noticesLate = "it asks for more once what it has is stored";

export const queueKinds: readonly BrokerKind[] = [
  {
    name: "nsq",
    skip: nsqMissing(),
    kind: defineSource(nsqSource),
    numberOf: bodyNumber,
    hasNoLogin: "the kind's spec has no login",
    losesAtKill: "nsqd keeps what it sent and what is not finished in memory",
    hasNoOrder: "NSQ promises none",
    place: nsqPlace,
  },
  {
    name: "sqs",
    noticesLate,
    tellsLate: "it waits for the answer of a request, which has no heartbeat",
    skip: motoMissing,
    kind: defineSource(sqsSource),
    numberOf: bodyNumber,
    hasNoOrder: "SQS promises none",
    cannotRestart: "moto keeps its queues in memory",
    maxBody: 200_000,
    place: sqsPlace,
    many: { skip: fauxqsMissing, place: fauxqsPlace },
  },
  {
    name: "azureQueueStorage",
    noticesLate,
    skip: false,
    kind: defineSource(azureQueueStorageSource),
    numberOf: bodyNumber,
    hasNoOrder: "Azure promises none",
    maxBody: 64_000,
    place: azureQueuePlace,
  },
  {
    name: "pubSub",
    noticesLate,
    skip: false,
    kind: defineSource(pubSubSource),
    numberOf: bodyNumber,
    hasNoOrder: "Pub/Sub promises none",
    place: pubSubPlace,
  },
];
