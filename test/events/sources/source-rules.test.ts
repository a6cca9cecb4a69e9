import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceSchemas } from "../../../src/events/sources/registry.ts";
import { examples } from "./kind-examples.ts";

const schemas = sourceSchemas();
const secret = { name: "s", key: "k" };
const hook = { endpoint: "/push", method: "POST", port: "12000" };
const watch = { directory: "/d/", path: "x" };
const gone = undefined;

/** The first example of a kind with other fields; undefined takes a field away. */
function linesFor(kind: string, change: object): string[] {
  const merged = { ...examples[kind]?.[0], ...change };
  const spec = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
  const problems = schemas[kind]?.check(spec, "e") ?? [];
  return problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

const tlsMessage =
  "invalid tls config, please configure either caCertSecret, or clientCertSecret and clientKeySecret, or both";
const unread =
  "Argo Events does not check requests with it unless it registers the hook itself (webhook.url and a token)";
const onlyAll = "Argo Events does not evaluate it for this kind, and emits all events; Tiphys does";

const cases: readonly (readonly [kind: string, change: object, ...lines: string[]])[] = [
  ["amqp", { url: gone }, "error e: either url or urlSecret must be specified"],
  ["amqp", { urlSecret: secret }, "error e: only one of url or urlSecret can be specified"],
  ["amqp", { tls: {} }, `error e.tls: ${tlsMessage}`],
  [
    "amqp",
    { tls: { clientCertSecret: secret } },
    "error e.tls.clientKeySecret: invalid tls config: clientCertSecret and clientKeySecret must be given together",
  ],
  ["amqp", { tls: { enabled: true } }],
  ["amqp", { tls: gone, auth: { username: secret } }, "error e.auth.password: is required"],
  ["amqp", { auth: { username: secret } }, "warning e.auth.password: is required"],
  [
    "amqp",
    { consume: {} },
    "warning e.consume.autoAck: Argo Events never acknowledges then: after a reconnect every message comes again",
  ],
  ["amqp", { consume: gone }],
  ...(["exchangeDeclare", "queueDeclare", "queueBind"] as const).map(
    (field) =>
      [
        "amqp",
        { consume: gone, [field]: { noWait: true } },
        `warning e.${field}.noWait: has no effect: the server's answer is waited for`,
      ] as const,
  ),
  [
    "amqp",
    { exchangeType: "fan" },
    'warning e.exchangeType: "fan" must be one of direct, fanout, topic, headers or an x- type',
  ],
  [
    "amqp",
    { auth: { username: secret, password: { name: "s" } } },
    "warning e.auth.password.key: is missing: nothing can be read",
  ],
  [
    "azureEventsHub",
    { sharedAccessKey: gone },
    "error e: sharedAccessKey and sharedAccessKeyName must be given together, or neither",
  ],
  [
    "azureQueueStorage",
    { connectionString: gone, storageAccountName: "" },
    "error e: must specify connectionString or storageAccountName",
  ],
  [
    "azureServiceBus",
    { connectionString: gone, fullyQualifiedNamespace: gone },
    "error e: connectionString or fullyQualifiedNamespace must be specified",
  ],
  [
    "azureServiceBus",
    { topicName: "t" },
    "error e: queueName and topicName/subscriptionName cannot be specified at the same time",
  ],
  [
    "azureServiceBus",
    { queueName: gone, topicName: "t" },
    "error e: queueName or topicName/subscriptionName must be specified",
  ],
  ["azureServiceBus", { tls: {} }, `warning e.tls: ${tlsMessage}`],
  ["bitbucket", { repositories: [] }, "error e.repositories: at least one repository configuration is required"],
  ["bitbucket", { events: gone }, "error e.events: events must be defined to create a bitbucket webhook"],
  ["bitbucket", { events: gone, auth: {} }],
  ["bitbucket", { owner: "o" }, "warning e.owner: has no effect beside repositories"],
  [
    "bitbucketserver",
    { repositories: gone, projects: gone },
    "error e: at least one project or repository configuration is required",
    `warning e.webhookSecret: ${unread}`,
  ],
  ["bitbucketserver", { events: [] }, "error e.events: events must be defined to create a bitbucket server webhook"],
  [
    "bitbucketserver",
    { checkInterval: "1 minute" },
    'error e.checkInterval: "1 minute" is not a duration such as "10s" or "1m30s"',
  ],
  ["bitbucketserver", { accessToken: gone }, `warning e.webhookSecret: ${unread}`],
  ["calendar", { schedule: gone }, "error e: must have either schedule or interval"],
  [
    "calendar",
    { schedule: "@daily" },
    'error e.schedule: "@daily" is not a cron schedule: descriptors such as @daily are not accepted',
  ],
  ["calendar", { schedule: "0 0 30 2 *" }, 'warning e.schedule: "0 0 30 2 *" never comes'],
  ["calendar", { schedule: "0 0 29 2 *" }],
  ["calendar", { interval: "10s" }, "warning e.interval: has no effect beside schedule"],
  [
    "calendar",
    { schedule: gone, interval: "often" },
    'error e.interval: "often" is not a duration such as "10s" or "1m30s"',
  ],
  [
    "calendar",
    { schedule: gone, interval: "100ms" },
    'warning e.interval: "100ms" must be at least 1s: Argo Events floods the bus then, Tiphys does not run it',
  ],
  ["calendar", { schedule: gone, interval: "1.5s" }, 'warning e.interval: "1.5s" is cut to whole seconds'],
  ["calendar", { timezone: "Mars" }, 'warning e.timezone: "Mars" is not a time zone of the IANA database'],
  [
    "calendar",
    { exclusionDates: ["20260101T000000Z"] },
    'warning e.exclusionDates[0]: "20260101T000000Z" must begin with EXDATE:, it has no effect',
  ],
  [
    "calendar",
    { exclusionDates: ["EXDATE:2026"] },
    'warning e.exclusionDates[0]: "2026" must look like 20060102T150405Z',
  ],
  [
    "calendar",
    { persistence: { catchup: { enabled: true } } },
    "warning e.persistence.configMap: is missing: Argo Events makes up for nothing without it, Tiphys does",
  ],
  ["emitter", { tls: {} }, `error e.tls: ${tlsMessage}`],
  [
    "file",
    { watchPathConfig: { directory: "d/", path: "x" } },
    'error e.watchPathConfig.directory: "d/" must be an absolute path',
  ],
  [
    "file",
    { watchPathConfig: { directory: "/d/" } },
    "error e.watchPathConfig: either path or pathRegexp must be specified",
  ],
  [
    "file",
    { watchPathConfig: { ...watch, pathRegexp: "x" } },
    "error e.watchPathConfig: path and pathRegexp must not be given together",
  ],
  ["file", { watchPathConfig: { ...watch, path: "/x" } }, 'error e.watchPathConfig.path: "/x" must be a relative path'],
  [
    "file",
    { eventType: "created" },
    'warning e.eventType: "created" never comes: it must be one of CREATE, WRITE, REMOVE, RENAME, CHMOD',
  ],
  [
    "file",
    { watchPathConfig: { directory: "/d", path: "x" } },
    'warning e.watchPathConfig.directory: "/d" must end in /: without it Argo Events finds no file of that path',
  ],
  [
    "generic",
    { insecure: gone },
    "warning e.insecure: Argo Events cannot connect unless it is true: it has no TLS for this kind",
  ],
  ["gerrit", { projects: [] }, "error e.projects: [] must NOT have fewer than 1 items"],
  ["gerrit", { auth: {} }, "warning e.auth.username: is required", "warning e.auth.password: is required"],
  ["github", { repositories: gone }, "error e: either repositories or organizations is required"],
  ["github", { organizations: ["o"] }, "error e: only one of repositories and organizations is allowed"],
  ["github", { events: gone }, "error e.events: events must be defined to create a github webhook"],
  ["github", { contentType: "xml" }, 'error e.contentType: "xml" must be one of "", "json", "form"'],
  [
    "github",
    { githubUploadURL: gone },
    "error e.githubUploadURL: githubUploadURL is required when githubBaseURL is set",
  ],
  ["github", { githubBaseURL: gone }, "error e.githubBaseURL: githubBaseURL is required when githubUploadURL is set"],
  ["github", { active: false }, "warning e.active: is not true: GitHub registers the hook, but sends nothing"],
  ["gitlab", { webhook: hook }, `warning e.secretToken: ${unread}`],
  ["gitlab", { events: ["push"] }, 'warning e.events[0]: "push" must be the name of an option, such as PushEvents'],
  ["gitlab", { projectID: "1" }, "warning e.projectID: has no effect beside projects"],
  [
    "hdfs",
    { type: "create" },
    'error e.type: type is invalid: "create" must be one of CREATE, WRITE, REMOVE, RENAME, CHMOD',
  ],
  [
    "hdfs",
    { hdfsUser: gone, krbKeytabSecret: gone, krbCCacheSecret: gone },
    "error e: either hdfsUser, krbCCacheSecret or krbKeytabSecret is required",
  ],
  ["hdfs", { krbRealm: gone }, "error e.krbRealm: is required with krbKeytabSecret"],
  [
    "hdfs",
    { krbKeytabSecret: gone, krbRealm: gone, krbConfigConfigMap: gone },
    "error e.krbConfigConfigMap: is required with krbCCacheSecret",
  ],
  ["hdfs", { checkInterval: "x" }, 'error e.checkInterval: "x" is not a duration such as "10s" or "1m30s"'],
  ["kafka", { consumerGroup: gone }, "error e: consumerGroup or partition must be specified"],
  [
    "kafka",
    { config: "net: {}" },
    "warning e.config: has no effect: these are settings of sarama, Argo Events' client",
  ],
  ["kafka", { partition: "0" }, "warning e.partition: has no effect beside consumerGroup"],
  [
    "kafka",
    { tls: gone, sasl: { mechanism: "X" } },
    'error e.sasl.mechanism: invalid sasl config: "X" must be one of PLAIN, OAUTHBEARER, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI',
    "error e.sasl.userSecret: is required",
    "error e.sasl.passwordSecret: is required",
  ],
  ["kafka", { sasl: { userSecret: secret } }, "warning e.sasl.passwordSecret: is required"],
  [
    "kafka",
    { tls: gone, sasl: gone, awsMskIamAuth: {} },
    "error e.awsMskIamAuth.region: awsMskIamAuth.region must be specified",
  ],
  ["kafka", { awsMskIamAuth: {} }, "warning e.awsMskIamAuth.region: awsMskIamAuth.region must be specified"],
  ["kafka", { schemaRegistry: {} }, "warning e.schemaRegistry.url: is missing: messages cannot be read without it"],
  [
    "kafka",
    { sasl: { mechanism: "GSSAPI", userSecret: secret, passwordSecret: secret } },
    "warning e.sasl.mechanism: GSSAPI is not supported yet: the event fails with SOURCE_UNSUPPORTED",
  ],
  [
    "kafka",
    { sasl: { mechanism: "OAUTHBEARER", userSecret: secret, passwordSecret: secret } },
    "warning e.sasl.mechanism: the token is the value of passwordSecret; Argo Events has none to give, and fails",
  ],
  [
    "kafka",
    { jsonBody: false, schemaRegistry: { url: "http://r" } },
    "warning e.schemaRegistry: has no effect without jsonBody: true",
  ],
  [
    "kafka",
    { consumerGroup: { rebalanceStrategy: "x" } },
    'warning e.consumerGroup.rebalanceStrategy: "x" must be one of range, sticky, roundrobin; range is taken',
    "warning e.consumerGroup.groupName: is missing: a group needs a name",
  ],
  ["minio", { bucket: gone }, "warning e.bucket: is missing: there is nothing to listen to"],
  ["minio", { filter: { expression: "true" } }, `warning e.filter.expression: ${onlyAll}`],
  ["storageGrid", { filter: { expression: "true" } }, `warning e.filter.expression: ${onlyAll}`],
  ["stripe", { filter: { expression: "true" } }, `warning e.filter.expression: ${onlyAll}`],
  ["resource", { filter: { expression: "true" } }, `warning e.filter.expression: ${onlyAll}`],
  ["mns", { jsonBody: true }, "warning e.jsonBody: has no effect: the body is always a text"],
  ["mqtt", { tls: gone, auth: {} }, "error e.auth.username: is required", "error e.auth.password: is required"],
  ["nats", { tls: gone, queue: "" }, "error e.queue: queue group cannot be empty if specified"],
  ["nats", { queue: "" }, "warning e.queue: queue group cannot be empty if specified"],
  ["nats", { auth: { token: secret, nkey: secret } }, "warning e.auth.nkey: has no effect beside token"],
  ["nsq", { tls: {} }, `error e.tls: ${tlsMessage}`],
  ["pubSub", { topic: gone }, "error e.topicProjectID: you can't specify topicProjectID if you don't specify topic"],
  [
    "pubSub",
    { topic: gone, topicProjectID: gone, subscriptionID: gone },
    "error e: must specify topic or subscriptionID",
  ],
  ["pulsar", { type: "failover" }, 'error e.type: "failover" must be one of "exclusive", "shared"'],
  [
    "pulsar",
    { authAthenzParams: { a: "b" } },
    "warning e.authAthenzSecret: is missing: authAthenzParams need it",
    "warning e.authAthenzParams: has no effect beside tls",
  ],
  [
    "redis",
    { namespace: gone },
    "error e.namespace: namespace must be defined in order to retrieve the password from the secret",
  ],
  ["redisStream", { tls: {} }, `error e.tls: ${tlsMessage}`],
  [
    "resource",
    { filter: { labels: [{ value: "a" }] } },
    "warning e.filter.labels[0].key: is missing: nothing can match",
  ],
  [
    "resource",
    { filter: { labels: [{ key: "a", operation: "~" }] } },
    'warning e.filter.labels[0].operation: "~" must be one of = == != in notin exists ! gt lt',
  ],
  [
    "resource",
    { filter: { fields: [{ key: "a", value: "b" }] } },
    "warning e.filter.fields[0].operation: is missing: Argo Events refuses every event then",
  ],
  ["resource", { eventTypes: ["CREATE"] }, 'warning e.eventTypes[0]: "CREATE" must be one of ADD, UPDATE, DELETE'],
  [
    "resource",
    { filter: { createdBy: "today" } },
    'error e.filter.createdBy: "today" must be a time such as 2006-01-02T15:04:05Z',
  ],
  ["sftp", { eventType: "WRITE" }, 'warning e.eventType: "WRITE" never comes: it must be CREATE or REMOVE'],
  [
    "sftp",
    { pollIntervalDuration: "x" },
    'warning e.pollIntervalDuration: "x" is not a duration such as "10s" or "1m30s"',
  ],
  [
    "sftp",
    { password: gone, sshKeySecret: gone },
    "warning e: has neither password nor sshKeySecret: nobody can log in",
  ],
  [
    "sns",
    { validateSignature: true },
    "warning e.validateSignature: Argo Events refuses every message then: its check never succeeds",
  ],
  ["sns", { webhook: hook }, "warning e.webhook.url: is missing: the topic cannot be subscribed to without it"],
  ["sns", { accessKey: gone }, "warning e.accessKey: is missing: the keys only work together"],
  ["sqs", { secretKey: gone }, "warning e.secretKey: is missing: the keys only work together"],
  ["sqs", { roleARN: "r", accessKey: gone }, "warning e.secretKey: has no effect beside roleARN"],
  ["stripe", { apiKey: gone }, "error e.apiKey: api key K8s secret selector not provided"],
  ["webhook", { port: "http" }, 'error e.port: failed to parse server port "http"'],
  ["webhook", { port: "70000" }, 'warning e.port: "70000" must be between 1 and 65535'],
  ["webhook", { port: 12000 }, 'warning e.port: 12000 must be a text for Argo Events, "12000"; Tiphys takes both'],
  [
    "webhook",
    { method: "post" },
    'warning e.method: "post" must be GET, POST, PUT, PATCH, DELETE: every request is refused',
  ],
  ["webhook", { method: "PUT" }, "warning e.method: Argo Events refuses every PUT, it knows GET and POST only"],
  ["webhook", { method: "GET", rawBody: true }, "warning e.rawBody: has no effect with GET"],
  ["webhook", { verify: {} }, "error e.verify: exactly one of hmac, standardWebhooks, bearer, basic is required"],
  ["webhook", { verify: { bearer: { secrets: [] } } }, "error e.verify.bearer.secrets: must not be empty"],
  ["webhook", { verify: { basic: { credentials: [] } } }, "error e.verify.basic.credentials: must not be empty"],
  ["webhook", { method: gone }, "warning e.method: is missing: every request is refused"],
  [
    "webhook",
    { serverCertSecret: secret },
    "warning e.serverKeySecret: is missing: certificate and key only work together",
  ],
  ["webhook", { maxPayloadSize: -1 }, "warning e.maxPayloadSize: -1 refuses every request with a body"],
  ["slack", { webhook: { ...hook, url: "here" } }, 'warning e.webhook.url: "here" must be a URL'],
];

for (const [kind, change, ...lines] of cases) {
  test(`${kind} with ${JSON.stringify(change, (_, value) => value ?? null)}: ${lines.length} problems`, () => {
    assert.deepEqual(linesFor(kind, change).sort(), [...lines].sort());
  });
}

test("a pattern of a path is one of RE2", () => {
  const [line, ...others] = linesFor("file", { watchPathConfig: { directory: "/d/", pathRegexp: "(?=x)" } });
  assert.ok(line?.startsWith('error e.watchPathConfig.pathRegexp: "(?=x)":'), line);
  assert.deepEqual(others, []);
});

test("an event with warnings alone runs, one with an error does not", () => {
  assert.doesNotThrow(() => schemas.calendar?.parse({ interval: "100ms" }, "e"));
  assert.throws(() => schemas.calendar?.parse({}, "e"), {
    code: "MANIFEST_INVALID",
    message: "e: must have either schedule or interval",
  });
});
