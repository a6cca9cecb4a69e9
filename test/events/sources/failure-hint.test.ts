import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { describe, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { generate } from "selfsigned";
import type { JsonObject } from "../../../src/base/json.ts";
import { createOutgoingFetch } from "../../../src/engine/outgoing.ts";
import { type AnySourceKind, sourceKinds } from "../../../src/events/sources/registry.ts";
import type { SourceContext } from "../../../src/events/sources/source.ts";
import type { BrokerKind, SourcePlace } from "../../contract/source-place.ts";
import { startEngine } from "../../contract/sources.ts";
import { freePort } from "../../harness/free-port.ts";
import { waitFor } from "../../harness/wait.ts";
import { examples } from "./kind-examples.ts";

/** What users write wrong most: each is a condition within five seconds that says what is wrong, where, and what to do. */

type Secrets = Record<string, string>;

/** The first failure that the runner tells; fails after five seconds without one. */
async function firstFailure(kind: string, spec: JsonObject, secrets: Secrets) {
  await using stack = new AsyncDisposableStack();
  const parts: Partial<SourceContext> = { fetch: createOutgoingFetch({ allowLoopback: true }, stack) };
  const broker = { kind: sourceKinds[kind] as AnySourceKind } as BrokerKind;
  await using engine = startEngine(broker, { spec, secrets, parts } as unknown as SourcePlace);
  await waitFor(
    () => `${kind} to say it: ${JSON.stringify(spec)}`,
    () => engine.statuses.length > 0,
    5_000,
  );
  const [status] = engine.statuses;
  assert.ok(status?.state === "failed", `${kind} listens`);
  return status;
}

const login = { username: { name: "s", key: "user" }, password: { name: "s", key: "password" } };
const secrets: Secrets = { "s/user": "ann", "s/password": "sesame" };
const keys = { accessKey: login.username, secretKey: login.password };
const azure = (origin: string): string => `AccountName=a;AccountKey=c2VzYW1l;QueueEndpoint=${origin}/a;`;
const anyTls = { insecureSkipVerify: true };
const checkedTls = { enabled: true };
/** Undefined: without TLS. */
type Tls = JsonObject | undefined;

/** A spec that leads to `address`, with TLS or without. */
type Towards = (address: string, tls: Tls) => { readonly spec: JsonObject; readonly secrets?: Secrets };

const orders = { topic: "orders", jsonBody: true };
const web = (address: string, tls: Tls): string => `${tls ? "https" : "http"}://${address}`;
const tlsIf = (tls: Tls) => (tls ? { tls } : {});

const connecting: Readonly<Record<string, Towards>> = {
  amqp: (address, tls) => ({
    spec: {
      url: `${tls ? "amqps" : "amqp"}://${address}`,
      routingKey: "k",
      exchangeType: "topic",
      auth: login,
      ...tlsIf(tls),
    },
  }),
  azureQueueStorage: (address, tls) => ({
    spec: { queueName: "q", connectionString: { name: "a", key: "c" } },
    secrets: { "a/c": azure(web(address, tls)) },
  }),
  emitter: (address, tls) => ({
    spec: { broker: `${tls ? "ssl" : "tcp"}://${address}`, channelKey: "k", channelName: "n", ...tlsIf(tls) },
  }),
  generic: (address, tls) => ({ spec: { url: address, config: "c", insecure: !tls } }),
  jetstream: (address, tls) => ({ spec: { url: `nats://${address}`, stream: "S", ...tlsIf(tls) } }),
  kafka: (address, tls) => ({ spec: { url: address, ...orders, partition: "0", ...tlsIf(tls) } }),
  minio: (address, tls) => ({ spec: { endpoint: address, insecure: !tls, bucket: { name: "b" }, ...keys } }),
  mqtt: (address, tls) => ({
    spec: { url: `${tls ? "ssl" : "tcp"}://${address}`, ...orders, clientId: "c", ...tlsIf(tls) },
  }),
  nats: (address, tls) => ({ spec: { url: `nats://${address}`, subject: "s", ...tlsIf(tls) } }),
  nsq: (address, tls) => ({ spec: { hostAddress: web(address, tls), ...orders, channel: "c" } }),
  pubSub: (address, tls) => ({ spec: { projectID: "p", subscriptionID: "s", endpoint: web(address, tls) } }),
  redis: (address, tls) => ({ spec: { hostAddress: address, channels: ["c"], ...tlsIf(tls) } }),
  redisStream: (address, tls) => ({ spec: { hostAddress: address, streams: ["s"], ...tlsIf(tls) } }),
  sftp: (address) => ({
    spec: {
      eventType: "CREATE",
      watchPathConfig: { directory: "/d/", path: "x" },
      address: { name: "s", key: "address" },
      ...login,
    },
    secrets: { "s/address": address },
  }),
  sqs: (address, tls) => ({ spec: { region: "r", queue: "q", endpoint: web(address, tls), ...keys } }),
};

/** Those whose connection has no TLS, or whose server greets before it: what greets says what it takes. */
const greeted = ["sftp", "nats", "jetstream"];

async function createCertificate() {
  const options = { keyType: "ec", curve: "P-256", algorithm: "sha256" } as const;
  const { cert, private: key } = await generate([{ name: "commonName", value: "server" }], options);
  return { cert, key };
}

async function listening(server: Server) {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => void sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

/** Of each kind what it says, which must have all of it. */
async function tellsAll(kinds: readonly string[], address: string, tls: Tls, expected: RegExp): Promise<void> {
  const said = kinds.map(async (kind) => {
    const { spec, secrets: own } = connecting[kind]?.(address, tls) ?? { spec: {} };
    const { message, terminal } = await firstFailure(kind, spec, { ...secrets, ...own });
    const isWhole = expected.test(message) && message.includes(address) && !terminal;
    return isWhole && !/sesame|c2VzYW1l/.test(message) ? [] : [`${kind}: ${message}`];
  });
  const all = await Promise.all(said.map((one) => one.catch((error: unknown) => [String(error)])));
  assert.deepEqual(all.flat(), []);
}

const without = (others: readonly string[]): string[] =>
  Object.keys(connecting).filter((kind) => !others.includes(kind));

test("a port at which nothing listens is said", async () => {
  await tellsAll(without([]), `127.0.0.1:${await freePort()}`, undefined, /nothing listens there: check host and port/);
});

test("TLS towards a server that speaks none is said", async () => {
  await using server = await listening(createServer());
  await tellsAll(without(greeted), server.address, anyTls, /the server speaks no TLS there: check the port/);
});

test("a server that wants TLS and gets none is said", async () => {
  await using server = await listening(createTlsServer(await createCertificate()));
  await tellsAll(without(greeted), server.address, undefined, /ended the connection at once: does it want TLS/);
});

test("a certificate that no known authority made is said", async () => {
  await using server = await listening(createTlsServer(await createCertificate()));
  const expected = /no authority that is known made the certificate: name it in tls\.caCertSecret, where/;
  await tellsAll(without(greeted), server.address, checkedTls, expected);
  const { message } = await firstFailure("redis", { hostAddress: `rediss://${server.address}`, channels: ["c"] }, {});
  assert.match(message, expected);
});

describe("a server is written in another form", () => {
  for (const [kind, spec, message] of [
    [
      "mqtt",
      { url: "mqtt.example:1883" },
      /^spec\.mqtt\.e\.url: "mqtt\.example:1883" must look like tcp:\/\/host:1883/,
    ],
    ["mqtt", { url: "http://u:pw@m:1883" }, /^spec\.mqtt\.e\.url: "http:\/\/…@m:1883" must look like tcp:.*mqtts/],
    ["emitter", { broker: "amqp://m" }, /^spec\.emitter\.e\.broker: "amqp:\/\/m" must look like tcp:/],
    ["amqp", { url: "http://m" }, /^spec\.amqp\.e\.url: "http:\/\/m" must look like amqp:/],
    ["amqp", { url: "m:5672" }, /^spec\.amqp\.e\.url: "m:5672" must look like amqp:/],
    ["kafka", { url: "k:9092,kafka://k:9092" }, /^spec\.kafka\.e\.url: "kafka:\/\/k:9092" must look like host:9092$/],
    ["nats", { url: "http://n:4222" }, /^spec\.nats\.e\.url: "http:\/\/n:4222" must look like nats:/],
    ["jetstream", { url: "tcp://n:4222" }, /^spec\.jetstream\.e\.url: "tcp:\/\/n:4222" must look like nats:/],
    [
      "redis",
      { hostAddress: "http://r:6379" },
      /^spec\.redis\.e\.hostAddress: "http:\/\/r:6379" must look like host:6379/,
    ],
    [
      "redisStream",
      { hostAddress: "r: 6379" },
      /^spec\.redisStream\.e\.hostAddress: "r: 6379" must look like host:6379/,
    ],
    ["generic", { url: "http://g:1" }, /^spec\.generic\.e\.url: "http:\/\/g:1" must look like host:8080/],
    [
      "minio",
      { endpoint: "https://m:9000" },
      /^spec\.minio\.e\.endpoint: "https:\/\/m:9000" must look like host:9000$/,
    ],
    ["sqs", { endpoint: "localhost:4566" }, /^spec\.sqs\.e\.endpoint: "localhost:4566" must look like https:/],
    ["pubSub", { endpoint: "localhost:8085" }, /^spec\.pubSub\.e\.endpoint: "localhost:8085" must look like https:/],
  ] as const) {
    test(`${kind} ${Object.values(spec).join()}`, async () => {
      const towards = connecting[kind]?.("h:1", undefined);
      const whole = { ...towards?.spec, ...spec };
      const status = await firstFailure(kind, whole, { ...secrets, ...towards?.secrets });
      assert.match(status.message, message);
      assert.equal(status.terminal, true);
      const warnings = sourceKinds[kind]?.schema.check(whole, `spec.${kind}.e`) ?? [];
      assert.ok(
        warnings.some(
          ({ severity, path, message: said }) => severity === "warning" && message.test(`${path}: ${said}`),
        ),
      );
    });
  }
});

describe("what a Secret holds cannot be used, and may be mended", () => {
  const address = "127.0.0.1:1";
  for (const [kind, change, own, message] of [
    [
      "amqp",
      { url: undefined, urlSecret: { name: "s", key: "url" } },
      { "s/url": "hunter2" },
      /^spec\.amqp\.e\.urlSecret: .* must be a URL such as amqp:/,
    ],
    ["azureQueueStorage", {}, { "a/c": "hunter2" }, /^azureQueueStorage\.connectionString: must have AccountName/],
    [
      "pubSub",
      { credentialSecret: { name: "g", key: "k" } },
      { "g/k": "hunter2" },
      /^pubSub\.credentialSecret: g\/k holds no key of a service account/,
    ],
    ["sftp", {}, { "s/address": "sftp://hunter2" }, /^spec\.sftp\.e\.address: .* must be host:port/],
    [
      "sftp",
      { password: undefined, sshKeySecret: { name: "s", key: "key" } },
      { "s/key": "hunter2" },
      /^sftp\.sshKeySecret: the Secret holds no private key/,
    ],
  ] as const) {
    test(`${kind} ${Object.keys(own).join()}`, async () => {
      const towards = connecting[kind]?.(address, undefined);
      const all = Object.entries({ ...towards?.spec, ...change }).filter(([, value]) => value !== undefined);
      const status = await firstFailure(kind, Object.fromEntries(all), { ...secrets, ...towards?.secrets, ...own });
      assert.match(status.message, message);
      assert.equal(status.terminal, false, "another attempt reads it again");
      assert.doesNotMatch(status.message, /hunter2/);
    });
  }
});

/** Those that ask for nobody's Secret before somebody calls. */
const readLate = [
  "bitbucket",
  "bitbucketserver",
  "gerrit",
  "github",
  "gitlab",
  "slack",
  "sns",
  "storageGrid",
  "stripe",
  "webhook",
];

test("a Secret that is not there is said by its name", async () => {
  const named = without(readLate).filter((kind) =>
    JSON.stringify(connecting[kind]?.("127.0.0.1:1", undefined)).includes('"key":'),
  );
  assert.ok(named.length >= 5, named.join());
  await Promise.all(
    named.map(async (kind) => {
      const { message, terminal } = await firstFailure(
        kind,
        connecting[kind]?.("127.0.0.1:1", undefined).spec ?? {},
        {},
      );
      assert.match(message, /no Secret [sa] with key \w+/, `${kind}: ${message}`);
      assert.equal(terminal, false);
    }),
  );
});

test("a field that is empty is said by its path, of every kind", async () => {
  const fields = Object.entries(sourceKinds).flatMap(([kind, { schema }]) => {
    const [example = {}] = examples[kind] ?? [];
    const required = schema.json.required ?? [];
    return required.flatMap((field) =>
      typeof Reflect.get(example, field) === "string" ? [{ kind, field, example }] : [],
    );
  });
  assert.ok(fields.length > 30, `${fields.length} fields`);
  const said = fields.map(async ({ kind, field, example }) => {
    const { message, terminal } = await firstFailure(kind, { ...example, [field]: "" } as JsonObject, secrets);
    const isClear = new RegExp(`spec\\.k\\.e\\.${field}\\b.*(?:empty|missing|must)`).test(message);
    return isClear && terminal ? [] : [`${kind}.${field}: ${message}`];
  });
  assert.deepEqual((await Promise.all(said)).flat(), []);
});
