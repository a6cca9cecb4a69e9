import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventBus } from "../../src/api/event-bus.ts";
import { eventBusSchema, eventBusStatusSchema } from "../../src/api/event-bus-schema.ts";
import { eventSourceSchema, eventSourceStatusSchema } from "../../src/api/event-source.ts";
import type { JsonSchema } from "../../src/base/schema.ts";
import { faultOf, manifest } from "./builders.ts";

const read = (spec: unknown) => parseEventBus(manifest("EventBus", spec));

for (const [kind, spec] of [
  ["jetstream", { jetstream: { version: "latest" } }],
  ["jetstream", { jetstream: { version: "2.10.29", replicas: 1, nodeSelector: {} } }],
  ["jetstreamExotic", { jetstreamExotic: { url: "nats://n:4222" } }],
  ["kafka", { kafka: { url: "k:9092" } }],
  ...["10Gi", "0.5Ti", "1e9", "1.", ".5M", "100", 100].map(
    (volumeSize) => ["jetstream", { jetstream: { version: "1", persistence: { volumeSize } } }] as const,
  ),
  ["nats", { nats: { native: { replicas: 3 } } }],
  ["nats", { nats: { exotic: { url: "nats://n", clusterID: "c", auth: "token" } } }],
] as const) {
  test(`an EventBus ${JSON.stringify(spec)} is of kind ${kind}`, () => {
    const { resource, warnings } = read(spec);
    assert.equal(resource.kind, kind);
    assert.deepEqual(resource.spec, spec);
    assert.deepEqual(warnings, []);
  });
}

for (const [spec, message] of [
  [{}, 'either "nats", "jetstream", "jetstreamExotic", or "kafka" needs to be specified'],
  [{ jetstream: {} }, "spec.jetstream.version: invalid spec: a version for jetstream needs to be specified"],
  [{ jetstream: { version: "x", replicas: 2 } }, "requires 1 replica or >= 3 replicas"],
  [{ jetstream: { version: "x", replicas: 0 } }, "requires 1 replica or >= 3 replicas"],
  [{ jetstreamExotic: {} }, '"spec.jetstreamExotic.url" is missing'],
  [{ kafka: {} }, '"spec.kafka.url" is missing'],
  [{ nats: {} }, 'either "native" or "exotic" must be defined'],
  [{ nats: { native: {}, exotic: {} } }, "can not be defined together"],
  [{ nats: { exotic: { url: "u" } } }, '"spec.nats.exotic.clusterID" is missing'],
  [{ nats: { exotic: { clusterID: "c" } } }, '"spec.nats.exotic.url" is missing'],
  [{ kafka: { url: 5 } }, "spec.kafka.url: 5 must be a string"],
  [
    { jetstream: { version: "1", persistence: { volumeSize: "10GB" } } },
    'spec.jetstream.persistence.volumeSize: "10GB" must be a quantity such as 10Gi; without the B, as in 10Gi',
  ],
  [{ nats: { native: { persistence: { volumeSize: "big" } } } }, '"big" must be a quantity such as 10Gi'],
] as const) {
  test(`an EventBus ${JSON.stringify(spec)} is refused`, () => {
    const fault = faultOf(() => read(spec));
    assert.ok(fault?.includes(message), `${message} in ${fault}`);
  });
}

const secret = { name: "s", key: "k" };
const pods = {
  metadata: { labels: { a: "b" }, annotations: {} },
  nodeSelector: { a: "b" },
  tolerations: [{ key: "a" }],
  securityContext: { runAsUser: 1 },
  imagePullSecrets: [{ name: "s" }],
  serviceAccountName: "sa",
  priorityClassName: "p",
  priority: 1,
  affinity: { nodeAffinity: {} },
};
const container = { resources: { limits: { cpu: "1" } }, imagePullPolicy: "Always", securityContext: {} };
const persistence = { storageClassName: "fast", accessMode: "ReadWriteOnce", volumeSize: "10Gi" };
const tls = { caCertSecret: secret, clientCertSecret: secret, clientKeySecret: secret };

for (const spec of [
  {
    nats: {
      native: {
        ...pods,
        replicas: 3,
        auth: "token",
        persistence,
        containerTemplate: container,
        metricsContainerTemplate: container,
        maxAge: "72h",
        maxMsgs: 1,
        maxBytes: "1GB",
        maxSubs: 1,
        maxPayload: "1MB",
        raftHeartbeatTimeout: "2s",
        raftElectionTimeout: "2s",
        raftLeaseTimeout: "1s",
        raftCommitTimeout: "100ms",
      },
    },
  },
  { nats: { exotic: { url: "nats://n", clusterID: "c", auth: "token", accessSecret: secret } } },
  {
    jetstream: {
      ...pods,
      version: "latest",
      replicas: 3,
      persistence,
      streamConfig: "maxMsgs: 50000\nmaxAge: 168h\nDuplicates: 300s",
      settings: "max_memory_store: -1",
      startArgs: ["-D"],
      maxPayload: "4MB",
      containerTemplate: container,
      reloaderContainerTemplate: container,
      metricsContainerTemplate: container,
    },
  },
  { jetstreamExotic: { url: "nats://n", accessSecret: secret, streamConfig: "maxage: 1h", tls } },
  {
    kafka: {
      url: "k:9092",
      topic: "t",
      version: "2.5.0",
      tls,
      sasl: { mechanism: "PLAIN", userSecret: secret, passwordSecret: secret },
      consumerGroup: { groupName: "g", oldest: true, rebalanceStrategy: "range" },
      partitioner: "hash",
    },
  },
]) {
  test(`an EventBus with every field of ${Object.keys(spec)[0]} is accepted without a warning`, () => {
    assert.deepEqual(read(spec).warnings, []);
  });
}

const latest = { version: "latest" };

for (const [spec, ...expected] of [
  [{ jetstream: latest, kafka: { url: "k" } }, "spec.kafka: has no effect beside jetstream"],
  [{ nats: { native: { replicas: 1 } } }, "spec.nats.native.replicas: 1 must be at least 3; 3 are taken"],
  [{ nats: { native: { auth: "basic" } } }, 'spec.nats.native.auth: "basic" must be none or token'],
  [
    { jetstream: { ...latest, streamConfig: "maxMsg: 1\nmaxAge: long\nreplicas: many" } },
    'spec.jetstream.streamConfig: unknown key "maxMsg", it has no effect',
    'spec.jetstream.streamConfig: maxAge: "long" must be a duration such as 168h',
    'spec.jetstream.streamConfig: replicas: "many" must be a whole number',
  ],
  [{ jetstream: { ...latest, streamConfig: "- a" } }, "spec.jetstream.streamConfig: must be YAML of an object"],
  [{ jetstream: { ...latest, image: "i" } }, "spec.jetstream.image: unknown field, it has no effect"],
  [
    { jetstreamExotic: { url: "n", accessSecret: { name: "s" } } },
    "spec.jetstreamExotic.accessSecret.key: is missing: nothing can be read",
  ],
  [
    { jetstreamExotic: { url: "n", tls: {} } },
    "spec.jetstreamExotic.tls: invalid tls config, please configure either caCertSecret, or clientCertSecret and clientKeySecret, or both",
  ],
  [
    { kafka: { url: "k", partitioner: "any", consumerGroup: { rebalanceStrategy: "any" }, sasl: {} } },
    "spec.kafka.sasl.userSecret: is required",
    "spec.kafka.sasl.passwordSecret: is required",
    'spec.kafka.partitioner: "any" must be one of random, hash, roundrobin, manual; random is taken',
    'spec.kafka.consumerGroup.rebalanceStrategy: "any" must be one of range, sticky, roundrobin; range is taken',
  ],
] as const) {
  test(`an EventBus ${JSON.stringify(spec)} is accepted with ${expected.length} warnings`, () => {
    assert.deepEqual(
      read(spec).warnings.map(({ severity, path, message }) => `${severity} ${path}: ${message}`),
      expected.map((line) => `warning ${line}`),
    );
  });
}

function undescribed(schema: JsonSchema, path: string): string[] {
  const parts = Object.entries(schema.properties ?? {}).flatMap(([key, part]) => [
    ...(part.description ? [] : [`${path}.${key}`]),
    ...undescribed(part, `${path}.${key}`),
  ]);
  return [...parts, ...(schema.items ? undescribed(schema.items, `${path}[]`) : [])];
}

test("each field of an EventBus, an EventSource and their status describes itself", () => {
  const schemas = { eventBusSchema, eventBusStatusSchema, source: eventSourceSchema({}), eventSourceStatusSchema };
  for (const [name, schema] of Object.entries(schemas)) assert.deepEqual(undescribed(schema, name), []);
});
