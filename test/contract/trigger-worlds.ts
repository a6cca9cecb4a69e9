import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats } from "@nats-io/transport-node";
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { connect as connectAmqp } from "amqplib";
import { type Logger, silentLogger } from "../../src/base/log.ts";
import { parseYaml } from "../../src/base/yaml.ts";
import { createGitOpsTarget } from "../../src/controllers/applications/gitops-target.ts";
import type { BusHandle } from "../../src/controllers/bus-directory.ts";
import { publishOwn } from "../../src/controllers/own-events.ts";
import type { TriggerContext } from "../../src/events/triggers/trigger.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { eventSubject } from "../../src/record/subject.ts";
import { adminToken, enforceRoles, openTestPlane, type TestPlane } from "../harness/control-plane.ts";
import { startTriggerServer } from "../harness/grpc-trigger.ts";
import { startAnswering, startHttpSink } from "../harness/http-sink.ts";
import { kafkaMissing, startKafka, tokenOf } from "../harness/kafka.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { rabbitMqMissing, startRabbitMq } from "../harness/rabbitmq.ts";
import { projectRoot } from "../harness/run.ts";
import { startSmtpServer } from "../harness/smtp-server.ts";
import { startTcpProxy } from "../harness/tcp-proxy.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { addWorkflowKinds } from "../harness/workflow-kinds.ts";

/** A trigger of one kind with what it acts on. */
export interface TriggerWorld {
  readonly spec: object;
  readonly context: Partial<TriggerContext>;
  readonly secrets?: Record<string, string>;
  /** Effects that can be told apart: what a receiver that knows our keys would act on. */
  effects(): Promise<number>;
  /** What it acts on goes away, and comes back. Absent: it cannot. */
  readonly down?: () => Promise<void> | void;
  readonly up?: () => Promise<void> | void;
  /** From now on it answers nobody, until `resume`. Absent: it cannot be slow. */
  readonly stall?: () => void;
  readonly resume?: () => void;
  /** What `effects` asks is slow then, too. */
  readonly isBlindWhileSlow?: boolean;
  /** The same as somebody who has no right to it. Absent: what it acts on has no rights that can be told apart. */
  readonly withoutRights?: WithoutRights;
}

export interface WithoutRights {
  readonly kube?: KubeClient;
  readonly spec?: object;
  readonly secrets?: Record<string, string>;
  readonly code: string;
  /** Names the right that is missing. */
  readonly message: RegExp;
}

export interface TriggerUnderTest {
  readonly kind: string;
  readonly skip: string | false;
  /** False: the target knows no key, so that after a crash there may be two. */
  readonly isOnceAfterCrash: boolean;
  /** Not undefined: why a repeat is not even once within one engine. */
  readonly repeats?: string;
  open(stack: AsyncDisposableStack): Promise<TriggerWorld>;
}

const payload = [{ src: { dependencyName: "dep", value: "7" }, dest: "id" }];

async function proxied(stack: AsyncDisposableStack, target: number) {
  const proxy = stack.use(await startTcpProxy(target));
  const { port, stall, resume } = proxy;
  const faults = { down: () => proxy.cut(), up: () => proxy.heal(), stall, resume };
  return { port, url: `http://127.0.0.1:${port}`, faults };
}

const portOf = (url: string): number => Number(new URL(url).port);

async function http(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const sink = stack.use(await startHttpSink());
  const { url, faults } = await proxied(stack, portOf(sink.url));
  const keys = () => new Set(sink.requests.map(({ headers }) => headers["idempotency-key"]));
  return { spec: { url, payload }, context: {}, effects: async () => keys().size, ...faults };
}

async function slack(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const answer = { status: 200, body: '{"ok":true,"channel":"C","ts":"1"}' };
  const sink = stack.use(await startAnswering(() => answer));
  const { url, faults } = await proxied(stack, portOf(sink.url));
  const spec = { slackToken: { name: "s", key: "t" }, channel: "c", message: "m", apiUrl: url };
  return { spec, context: {}, secrets: { "s/t": "t" }, effects: async () => sink.requests.length, ...faults };
}

async function openWhisk(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const sink = stack.use(await startHttpSink());
  const { url, faults } = await proxied(stack, portOf(sink.url));
  const keys = () => new Set(sink.requests.map(({ headers }) => headers["idempotency-key"]));
  const spec = { host: url, actionName: "pack/ship", authToken: { name: "w", key: "t" }, payload };
  return { spec, context: {}, secrets: { "w/t": "user:pass" }, effects: async () => keys().size, ...faults };
}

async function awsLambda(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const sink = stack.use(await startHttpSink());
  const { url, faults } = await proxied(stack, portOf(sink.url));
  const keys = { accessKey: { name: "aws", key: "a" }, secretKey: { name: "aws", key: "s" } };
  const spec = { functionName: "ship", region: "eu-central-1", endpoint: url, payload, ...keys };
  const secrets = { "aws/a": "AK", "aws/s": "SK" };
  return { spec, context: {}, secrets, effects: async () => sink.requests.length, ...faults };
}

async function custom(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const server = stack.use(await startTriggerServer());
  const { port, faults } = await proxied(stack, server.port);
  const executed = () => server.calls.filter(({ method }) => method === "Execute");
  const keys = () => new Set(executed().map(({ key }) => key));
  const spec = { serverURL: `127.0.0.1:${port}`, spec: { a: "1" }, payload };
  return { spec, context: {}, effects: async () => keys().size, ...faults };
}

async function email(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const server = stack.use(await startSmtpServer());
  const { port, faults } = await proxied(stack, server.port);
  const spec = { host: "127.0.0.1", port, from: "a@example.com", to: ["b@example.com"], subject: "s", body: "b" };
  const ids = () => new Set(server.mails.map(({ content }) => /^Message-ID: (.*)$/m.exec(content)?.[1]));
  return { spec, context: {}, effects: async () => ids().size, ...faults };
}

async function nats(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const server = stack.use(await startNatsServer());
  const { port, faults } = await proxied(stack, server.port);
  const reader = await connectNats({ servers: server.url });
  stack.defer(() => reader.close());
  const { streams } = await jetstreamManager(reader);
  await streams.add({ name: "orders", subjects: ["orders"] });
  const effects = async () => (await streams.info("orders")).state.messages;
  return { spec: { url: `nats://127.0.0.1:${port}`, subject: "orders", payload }, context: {}, effects, ...faults };
}

async function amqp(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const server = stack.use(await startRabbitMq());
  const { port, faults } = await proxied(stack, Number(server.address.split(":")[1]));
  const reader = await connectAmqp(server.url);
  stack.defer(() => reader.close());
  const channel = await reader.createChannel();
  await channel.assertQueue("orders");
  const ids = new Set<string>();
  const effects = async () => {
    for (;;) {
      const message = await channel.get("orders", { noAck: true });
      if (message === false) return ids.size;
      ids.add(String(message.properties.messageId));
    }
  };
  const spec = { url: `amqp://guest:guest@127.0.0.1:${port}`, routingKey: "orders", payload };
  await server.addReader("bob", "bob");
  const withoutRights = {
    spec: { ...spec, url: `amqp://bob:bob@127.0.0.1:${port}` },
    code: "TRIGGER_FORBIDDEN",
    message: /^amqp 127\.0\.0\.1:\d+: the user needs the permission to write to the exchange "amq\.default": .*bob/,
  };
  return { spec, context: {}, effects, withoutRights, ...faults };
}

/** Its advertised port is its own, so that no proxy stands before it. */
function paused(server: { readonly pid: number }) {
  return {
    stall: () => void process.kill(-server.pid, "SIGSTOP"),
    resume: () => void process.kill(-server.pid, "SIGCONT"),
    isBlindWhileSlow: true,
  };
}

async function kafka(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const server = stack.use(await startKafka({ user: "ann", password: "sesame" }));
  const options = {
    clientId: "t",
    groupId: "t",
    bootstrapBrokers: [server.address],
    deserializers: stringDeserializers,
    sasl: { mechanism: "PLAIN" as const, username: "ann", password: "sesame" },
  };
  const effects = async () => {
    const consumer = new Consumer({ ...options, autocreateTopics: true });
    try {
      const offsets = await consumer.listOffsets({ topics: ["orders"], timestamp: -1n });
      const end = Number(offsets.get("orders")?.[0] ?? 0n);
      if (end === 0) return 0;
      const keys = new Set<string>();
      const stream = await consumer.consume({ topics: ["orders"], mode: "earliest" });
      for await (const { headers, offset } of stream) {
        keys.add(String(headers.get("Idempotency-Key")));
        if (Number(offset) >= end - 1) break;
      }
      return keys.size;
    } finally {
      await consumer.close(true);
    }
  };
  const key = (name: string) => ({ name: "s", key: name });
  const sasl = { mechanism: "PLAIN", userSecret: key("user"), passwordSecret: key("password") };
  const spec = { url: server.address, topic: "orders", payload, sasl };
  const secrets = { "s/user": "ann", "s/password": "sesame" };
  await server.createClosedTopic("closed");
  const withoutRights = {
    spec: { ...spec, topic: "closed", sasl: { ...sasl, mechanism: "OAUTHBEARER" } },
    secrets: { "s/user": "bob", "s/password": tokenOf("bob") },
    code: "TRIGGER_FORBIDDEN",
    message: /^kafka closed at 127\.0\.0\.1:\d+: .*: the user needs an ACL that allows Write on the topic "closed"$/,
  };
  const faults = { down: () => server.kill(), up: () => server.start(), ...paused(server) };
  return { spec, context: {}, secrets, effects, withoutRights, ...faults };
}

async function emit(): Promise<TriggerWorld> {
  const bus = createMemoryBus();
  let open = (): void => undefined;
  const handle = { name: "system", bus, stream: "events", subjectOf: eventSubject } as unknown as BusHandle;
  return {
    spec: { eventSourceName: "own", eventName: "told", payload },
    context: { emit: (event) => publishOwn(handle, "team", event, createVirtualClock()) },
    effects: async () => bus.stored("events").length,
    down() {
      bus.failure = new Error("the bus is away");
    },
    up() {
      bus.failure = undefined;
    },
    stall() {
      const gate = Promise.withResolvers<void>();
      open = gate.resolve;
      bus.fault = (operation) => (operation === "publish" ? gate.promise : undefined);
    },
    resume: () => open(),
  };
}

/** The embedded API, which may be away, and of which somebody has no right. */
async function cluster(stack: AsyncDisposableStack) {
  const plane = stack.use(await openTestPlane());
  let isAway = false;
  let gate = Promise.resolve();
  let open = (): void => undefined;
  const common = { baseUrl: "http://kube.local", token: adminToken, log: silentLogger };
  const kube = createKubeClient({
    ...common,
    async fetch(request) {
      await gate;
      if (isAway) throw new Error("no route");
      return plane.plane.fetch(request);
    },
  });
  await enforceRoles(plane);
  await letRead(plane, "default", "team");
  const withoutRights = {
    kube: plane.client.as("system:serviceaccount:team:default"),
    code: "API_FORBIDDEN",
    message:
      /cannot (?:create|patch) resource "(?:configmaps|workflows|applications)" in API group "[a-z.]*" in the name/,
  };
  for (const name of ["team", "shop"]) {
    await plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  await addWorkflowKinds(plane.client);
  const down = (): void => {
    isAway = true;
  };
  const up = (): void => {
    isAway = false;
  };
  const stall = (): void => {
    ({ promise: gate, resolve: open } = Promise.withResolvers<void>());
  };
  return { client: plane.client, kube, withoutRights, down, up, stall, resume: () => open() };
}

/** Its service account may read everything, and write nothing. */
async function letRead({ client }: TestPlane, name: string, namespace: string): Promise<void> {
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["get", "list"] }];
  await client.create({ apiVersion, kind: "ClusterRole", metadata: { name: "read" }, rules });
  await client.create({
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name: "read" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "read" },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  });
}

async function k8s(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const { client, kube, ...rest } = await cluster(stack);
  const resource = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "made-" } };
  const effects = async () => {
    const { items } = await client.list({ apiVersion: "v1", kind: "ConfigMap" });
    return items.filter(({ metadata }) => metadata.name?.startsWith("made-")).length;
  };
  return { spec: { source: { resource } }, context: { kube }, effects, ...rest };
}

async function argoWorkflow(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const { client, kube, ...rest } = await cluster(stack);
  const workflow = { apiVersion: "argoproj.io/v1alpha1", kind: "Workflow" };
  const resource = { ...workflow, metadata: { generateName: "made-" }, spec: {} };
  const effects = async () => (await client.list(workflow)).items.length;
  return { spec: { source: { resource }, operation: "submit" }, context: { kube }, effects, ...rest };
}

async function gitOps(stack: AsyncDisposableStack): Promise<TriggerWorld> {
  const { client, kube, ...rest } = await cluster(stack);
  const definition = readFileSync(join(projectRoot, "crds/applications.argoproj.io.yaml"), "utf8");
  await client.create(parseYaml(definition)[0] as KubeObject);
  const metadata = { name: "shop", namespace: "argocd" };
  await client.create({ apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata, spec: {} });
  const asked = new Set<string>();
  const store = async (_: string, { event }: { readonly event: { readonly id: string } }) => void asked.add(event.id);
  const target = createGitOpsTarget({ requests: { store }, clock: createVirtualClock() });
  return { spec: { application: "shop" }, context: { kube, gitOps: target }, effects: async () => asked.size, ...rest };
}

async function log(): Promise<TriggerWorld> {
  let lines = 0;
  const counting: Logger = { ...silentLogger, info: () => void lines++, child: () => counting };
  return { spec: {}, context: { log: counting }, effects: async () => lines };
}

const once = { skip: false, isOnceAfterCrash: true } as const;

export const triggersUnderTest: readonly TriggerUnderTest[] = [
  { ...once, kind: "http", open: http },
  { ...once, kind: "k8s", open: k8s },
  { ...once, kind: "argoWorkflow", open: argoWorkflow },
  { ...once, kind: "gitOps", open: gitOps },
  { ...once, kind: "emit", open: emit },
  { ...once, kind: "openWhisk", open: openWhisk },
  { ...once, kind: "awsLambda", isOnceAfterCrash: false, open: awsLambda },
  { ...once, kind: "custom", open: custom },
  { ...once, kind: "email", open: email },
  { ...once, kind: "slack", isOnceAfterCrash: false, open: slack },
  { ...once, kind: "log", repeats: "a repeat is a line more", open: log },
  { ...once, kind: "nats", skip: natsServerMissing() ?? false, open: nats },
  { ...once, kind: "amqp", skip: rabbitMqMissing, open: amqp },
  { ...once, kind: "kafka", skip: kafkaMissing(), open: kafka },
];
