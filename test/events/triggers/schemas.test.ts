import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "../../../src/base/schema.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";

const secret = { name: "s", key: "k" };
const parameter = { src: { dependencyName: "d", dataKey: "body.a", useRawData: true }, dest: "a", operation: "append" };
const tls = { caCertSecret: secret, clientCertSecret: secret, clientKeySecret: secret, insecureSkipVerify: false };
const common = { payload: [parameter], parameters: [parameter] };
const pod = { apiVersion: "v1", kind: "Pod", metadata: { generateName: "p-" } };
const secureHeaders = [
  { name: "X-A", valueFrom: { secretKeyRef: secret } },
  { name: "X-B", valueFrom: { configMapKeyRef: secret } },
];

/** Each field of each kind, as users write it. */
const complete: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  amqp: {
    url: "amqp://h:5672",
    urlSecret: secret,
    exchangeName: "e",
    routingKey: "k",
    headers: { a: "b" },
    contentType: "text/plain",
    persistent: false,
    mandatory: false,
    auth: { username: secret, password: secret },
    tls,
    ...common,
  },
  argoWorkflow: {
    source: { resource: { ...pod, kind: "Workflow" } },
    operation: "submit",
    parameters: [parameter],
    args: ["-p", "a=b"],
    server: { url: "https://argo-server:2746", token: secret, caCertSecret: secret, insecureSkipVerify: false },
  },
  awsLambda: {
    functionName: "f",
    region: "eu-west-1",
    accessKey: secret,
    secretKey: secret,
    invocationType: "Event",
    endpoint: "http://127.0.0.1:9001",
    ...common,
  },
  azureEventHubs: { fqdn: "n", hubName: "h", sharedAccessKeyName: secret, sharedAccessKey: secret, ...common },
  azureServiceBus: { connectionString: secret, queueName: "q", tls, ...common },
  custom: {
    serverURL: "h:9000",
    secure: true,
    certSecret: secret,
    serverNameOverride: "h",
    spec: { url: "u" },
    ...common,
  },
  email: {
    host: "smtp.example.net",
    port: 587,
    username: "u",
    smtpPassword: secret,
    from: "a@example.net",
    to: ["b@example.net"],
    subject: "s",
    body: "b",
    parameters: [parameter],
  },
  emit: { eventSourceName: "e", eventName: "n", type: "t", ...common },
  gitOps: {
    operation: "sync",
    application: "web",
    namespace: "argocd",
    revision: "main",
    prune: true,
    dryRun: true,
    syncOptions: ["ServerSideApply=true"],
    source: {
      position: 1,
      targetRevision: "v2",
      helm: { parameters: [{ name: "a.b", value: "c", forceString: true }], values: "a: 1", valuesObject: { a: 1 } },
      kustomize: { images: ["app=registry/app:2"] },
    },
    wait: { until: "synced", timeout: "5m" },
    parameters: [parameter],
  },
  http: {
    url: "https://example.net",
    method: "PUT",
    timeout: 5,
    headers: { "X-A": "b" },
    dynamicHeaders: [parameter],
    secureHeaders,
    basicAuth: { username: secret, password: secret },
    tls,
    host: "h",
    ...common,
  },
  k8s: {
    source: { resource: pod },
    operation: "patch",
    patchStrategy: "application/strategic-merge-patch+json",
    parameters: [{ ...parameter, dest: "metadata.name" }],
    liveObject: false,
  },
  kafka: {
    url: "b:9092",
    topic: "t",
    partitioningKey: "k",
    requiredAcks: 1,
    compress: true,
    version: "2.5.0",
    schemaRegistry: { url: "http://r", schemaId: 1, auth: { username: secret, password: secret } },
    headers: { a: "b" },
    secureHeaders,
    sasl: { mechanism: "SCRAM-SHA-512", userSecret: secret, passwordSecret: secret },
    tls,
    ...common,
  },
  log: {},
  nats: { url: "nats://n:4222", subject: "a.b", tls, auth: { token: secret }, ...common },
  openWhisk: { host: "https://w", actionName: "a", namespace: "n", version: "v1", authToken: secret, ...common },
  pulsar: {
    url: "pulsar://p:6650",
    topic: "t",
    authTokenSecret: secret,
    authAthenzParams: { a: "b" },
    authAthenzSecret: secret,
    tls,
    tlsTrustCertsSecret: secret,
    tlsAllowInsecureConnection: false,
    tlsValidateHostname: true,
    connectionBackoff: { duration: "1s", factor: 2, jitter: 0.1, steps: 3 },
    ...common,
  },
  slack: {
    slackToken: secret,
    channel: "#general",
    message: "m",
    attachments: "[]",
    blocks: '[{"type":"divider"}]',
    thread: { messageAggregationKey: "k", broadcastMessageToChannel: true },
    sender: { username: "u", icon: ":robot:" },
    apiUrl: "https://slack-gov.com/api",
    parameters: [parameter],
  },
};

/** Fields that have no effect beside others, or never, or are not supported yet. */
const notInExamples: Readonly<Record<string, readonly string[]>> = {
  awsLambda: ["roleARN"],
  azureServiceBus: ["topicName", "subscriptionName"],
  gitOps: ["branch", "historyId", "selector"],
  k8s: ["patch"],
  kafka: ["partition", "flushFrequency"],
  log: ["intervalSeconds"],
};

const schemas = triggerSchemas();
const check = (kind: string, spec: unknown): Problem[] => schemas[kind]?.check(spec, kind) ?? [];
const lines = (problems: readonly Problem[]) => problems.map((p) => `${p.severity} ${p.path}: ${p.message}`);

for (const [kind, schema] of Object.entries(schemas)) {
  const spec = complete[kind] ?? {};

  test(`${kind}: a full example passes without a word, and has every field`, () => {
    assert.deepEqual(check(kind, spec), []);
    const fields = [...Object.keys(spec), ...(notInExamples[kind] ?? [])];
    assert.deepEqual(fields.sort(), Object.keys(schema.json.properties ?? {}).sort());
  });

  test(`${kind}: what passes can be run`, () => {
    assert.doesNotThrow(() => schema.parse(spec, kind));
  });

  test(`${kind}: each field of a wrong type is an error`, () => {
    for (const [field, { type }] of Object.entries(schema.json.properties ?? {})) {
      const errors = check(kind, { ...spec, [field]: type === "object" ? 5 : { wrong: true } });
      assert.ok(
        errors.some(({ severity, path }) => severity === "error" && path === `${kind}.${field}`),
        field,
      );
    }
  });
}

for (const [kind, without, expected] of [
  ["argoWorkflow", "source", "error argoWorkflow.source: argoWorkflow trigger does not contain an absolute action"],
  ["argoWorkflow", "operation", "error argoWorkflow.operation: unknown operation type "],
  ["awsLambda", "functionName", "error awsLambda.functionName: function name is not specified"],
  ["awsLambda", "region", "error awsLambda.region: region in not specified"],
  ["awsLambda", "payload", "error awsLambda.payload: payload parameters are not specified"],
  ["azureEventHubs", "hubName", "warning azureEventHubs.hubName: is missing: the trigger fails with each event"],
  ["azureServiceBus", "queueName", /^warning azureServiceBus.queueName: is missing, as is topicName/],
  ["custom", "serverURL", "error custom.serverURL: custom trigger gRPC server url is not defined"],
  ["custom", "spec", "error custom.spec: trigger body can't be empty"],
  ["custom", "certSecret", /^error custom.certSecret: certSecret can't be nil when/],
  ["email", "host", "error email.host: host can't be empty"],
  ["email", "subject", "warning email.subject: is missing: the trigger fails with each event"],
  ["emit", "eventName", "error emit.eventName: is required"],
  ["gitOps", "application", "error gitOps.application: is required"],
  ["http", "url", "error http.url: server URL is not specified"],
  ["k8s", "source", "error k8s.source: k8s trigger does not contain an absolute action"],
  ["kafka", "url", "error kafka.url: broker url must not be empty"],
  ["kafka", "topic", "error kafka.topic: topic must not be empty"],
  ["kafka", "payload", "error kafka.payload: payload must not be empty"],
  ["nats", "url", "error nats.url: nats server url can't be empty"],
  ["nats", "subject", "error nats.subject: nats subject can't be empty"],
  ["nats", "payload", "error nats.payload: payload can't be nil"],
  ["openWhisk", "actionName", "error openWhisk.actionName: action name is not specified"],
  ["openWhisk", "host", "error openWhisk.host: host URL is not specified"],
  ["openWhisk", "payload", "error openWhisk.payload: payload parameters are not specified"],
  ["pulsar", "topic", "warning pulsar.topic: is missing: the trigger fails with each event"],
  ["slack", "slackToken", "error slack.slackToken: slack token can't be empty"],
  ["slack", "channel", "warning slack.channel: is missing: the trigger fails with each event"],
] as const) {
  test(`${kind} without ${without}`, () => {
    const { [without]: _, ...spec } = complete[kind] ?? {};
    const [line = "", ...more] = lines(check(kind, spec));
    if (typeof expected === "string") assert.equal(line, expected);
    else assert.match(line, expected);
    assert.deepEqual(more, []);
  });
}

for (const [what, kind, more, expected] of [
  ["methods", "http", { method: "FETCH" }, /^error http.method: "FETCH": only GET, DELETE, PATCH, POST and PUT/],
  ["schemes", "http", { url: "ftp://h" }, /^warning http.url: "ftp:\/\/h" must be an http\(s\) URL/],
  [
    "nameless headers",
    "http",
    { dynamicHeaders: [{ src: parameter.src }] },
    /dest: is missing: it must name the header/,
  ],
  ["headers from nowhere", "http", { secureHeaders: [{ name: "a", valueFrom: {} }] }, /^warning .*valueFrom/],
  [
    "half a certificate",
    "http",
    { tls: { clientCertSecret: secret } },
    /^warning http.tls.clientKeySecret: is missing/,
  ],
  ["TLS of nothing", "nats", { tls: {} }, /^warning nats.tls: configure either caCertSecret/],
  ["half a selector", "slack", { slackToken: { name: "s" } }, /^warning slack.slackToken.key: is required/],
  ["ports", "email", { port: 70_000 }, /^error email.port: port: 70000, port should be between 0-65535/],
  ["addresses", "email", { to: ["nobody"] }, /^warning email.to\[0\]: "nobody" is no address/],
  ["operations", "k8s", { operation: "upsert" }, /^error k8s.operation: unknown operation type upsert/],
  [
    "fields of other operations",
    "k8s",
    { operation: "create", liveObject: true, patchStrategy: "" },
    /liveObject: has no effect/,
  ],
  ["no place", "k8s", { source: {} }, /^warning k8s.source: unknown artifact location/],
  [
    "two places",
    "argoWorkflow",
    { source: { inline: "kind: A", resource: pod } },
    /resource: has no effect beside inline/,
  ],
  ["inline text", "argoWorkflow", { source: { inline: "a: [" } }, /^warning argoWorkflow.source.inline: not YAML/],
  ["objects without kind", "argoWorkflow", { source: { resource: { apiVersion: "v1" } } }, /resource.kind: is missing/],
  [
    "objects without name",
    "k8s",
    { operation: "create", patchStrategy: "", parameters: [], source: { resource: { ...pod, metadata: {} } } },
    /metadata.name: is missing, as is generateName/,
  ],
  [
    "two revisions",
    "argoWorkflow",
    { source: { git: { url: "u", filePath: "f", ref: "r", branch: "b" } } },
    /branch: has no effect beside ref/,
  ],
  [
    "paths that leave",
    "argoWorkflow",
    { source: { git: { url: "u", filePath: "../f" } } },
    /filePath: "..\/f" must not contain/,
  ],
  ["roles and keys", "awsLambda", { roleARN: "r", secretKey: undefined }, /accessKey: has no effect beside roleARN/],
  ["queue and topic", "azureServiceBus", { topicName: "t" }, /topicName: has no effect beside queueName/],
  ["partitions", "kafka", { partition: 3 }, /partition: has no effect/],
  [
    "schemas",
    "kafka",
    { schemaRegistry: { url: "http://r", auth: { username: secret, password: secret } } },
    /^warning kafka.schemaRegistry.schemaId: is missing: the trigger fails with each event$/,
  ],
  [
    "tokens of brokers",
    "kafka",
    { sasl: { mechanism: "OAUTHBEARER", userSecret: secret, passwordSecret: secret } },
    /^warning kafka.sasl.mechanism: the token is the value of passwordSecret; Argo Events has none/,
  ],
  ["versions", "kafka", { version: "latest" }, /version: "latest" is no version of Kafka/],
  [
    "mechanisms",
    "kafka",
    { sasl: { mechanism: "MD5", userSecret: secret, passwordSecret: secret } },
    /^warning kafka.sasl.mechanism: "MD5" must be one of/,
  ],
  ["subjects", "nats", { subject: "a.*" }, /subject: "a.\*" is no subject/],
  ["two credentials", "nats", { auth: { token: secret, nkey: secret } }, /nkey: has no effect beside token/],
  ["tokens", "openWhisk", { authToken: { name: "s" } }, /^error openWhisk.authToken: auth token key and name/],
  [
    "no text",
    "slack",
    { message: "", attachments: "", blocks: "" },
    /message: is missing, as are attachments and blocks/,
  ],
  ["blocks", "slack", { blocks: "{}" }, /blocks: must be the JSON text of a list: it is no list/],
  [
    "broadcasts",
    "slack",
    { thread: { broadcastMessageToChannel: true } },
    /has no effect without messageAggregationKey/,
  ],
  [
    "fields of a sync",
    "gitOps",
    { operation: "refresh", revision: "", dryRun: false, syncOptions: [], source: undefined, wait: undefined },
    /prune: has no effect: the operation is refresh/,
  ],
] as const) {
  test(`${kind} says a word about ${what}`, () => {
    const all = lines(check(kind, { ...complete[kind], ...more }));
    assert.match(all[0] ?? "nothing", expected);
  });
}

test("an empty text counts as absent where there is a default, as Go reads it", () => {
  assert.deepEqual(check("http", { ...complete.http, method: "" }), []);
  const parsed = schemas.http?.parse({ url: "http://u", method: "" }, "http");
  assert.deepEqual(parsed, { url: "http://u", method: "POST", timeout: 60 });
});
