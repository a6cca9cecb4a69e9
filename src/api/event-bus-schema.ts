import type { JsonSchema } from "../base/schema.ts";
import { statusSchema } from "./service-schemas.ts";
import { flagField, integerField, listField, openObject, textField, textList, textMap } from "./shared-schemas.ts";
import { saslField, secretKeyField, tlsField } from "./value-schemas.ts";

/** What the Pods of a managed bus look like: the same fields for both kinds (spec argo-events 2.6). */
const podFields = {
  metadata: {
    type: "object",
    description: "Labels and annotations of the Pods.",
    properties: { labels: textMap("Labels."), annotations: textMap("Annotations.") },
  },
  nodeSelector: textMap("Labels that a node must have."),
  tolerations: listField("Taints that are tolerated.", openObject("A toleration.")),
  securityContext: openObject("Security of the Pods."),
  imagePullSecrets: listField("Secrets for pulling the images.", openObject("A reference.")),
  serviceAccountName: textField("The Pods' account."),
  priorityClassName: textField("Priority class of the Pods."),
  priority: { type: "integer", format: "int32", description: "Priority of the Pods." },
  affinity: openObject("Affinity of the Pods."),
} as const satisfies Readonly<Record<string, JsonSchema>>;

function containerField(description: string) {
  return {
    type: "object",
    description,
    properties: {
      resources: openObject("Resources of the container."),
      imagePullPolicy: textField("When the image is pulled."),
      securityContext: openObject("Security of the container."),
    },
  } as const satisfies JsonSchema;
}

function persistenceField(volumeSize: string) {
  return {
    type: "object",
    description: "A volume for each Pod; without it, what is kept is gone with the Pod.",
    properties: {
      storageClassName: textField("The storage class; that of the cluster when not given."),
      accessMode: { ...textField("How the volume is mounted."), default: "ReadWriteOnce" },
      volumeSize: {
        description: "How large it is.",
        default: volumeSize,
        "x-kubernetes-int-or-string": true,
      },
    },
  } as const satisfies JsonSchema;
}

const authField = { ...textField("none or token."), default: "none" } as const satisfies JsonSchema;

const natsSchema = {
  type: "object",
  description: "NATS Streaming, at its end of life; parsed, not supported.",
  properties: {
    native: {
      type: "object",
      description: "A managed server. This or `exotic`.",
      properties: {
        replicas: { ...integerField("Pods, 3 at least."), default: 3 },
        auth: authField,
        persistence: persistenceField("10Gi"),
        containerTemplate: containerField("The server's container."),
        metricsContainerTemplate: containerField("The container of the metrics."),
        ...podFields,
        maxAge: { ...textField("How long a message is kept, as a duration."), default: "72h" },
        maxMsgs: { type: "integer", format: "int64", default: 1_000_000, description: "Messages of a channel." },
        maxBytes: { ...textField("Bytes of a channel."), default: "1GB" },
        maxSubs: { type: "integer", format: "int64", default: 1_000, description: "Subscriptions of a channel." },
        maxPayload: { ...textField("The largest message."), default: "1MB" },
        raftHeartbeatTimeout: { ...textField("Of the servers among each other, as a duration."), default: "2s" },
        raftElectionTimeout: { ...textField("Of the servers among each other, as a duration."), default: "2s" },
        raftLeaseTimeout: { ...textField("Of the servers among each other, as a duration."), default: "1s" },
        raftCommitTimeout: { ...textField("Of the servers among each other, as a duration."), default: "100ms" },
      },
    },
    exotic: {
      type: "object",
      description: "A server that is there already. This or `native`.",
      properties: {
        url: textField("nats://host:port."),
        clusterID: textField("The cluster's id."),
        auth: authField,
        accessSecret: secretKeyField("Holds the credentials."),
      },
    },
  },
} as const satisfies JsonSchema;

const jetStreamSchema = {
  type: "object",
  description: "A managed NATS server with JetStream.",
  properties: {
    version: textField("The version of the server: latest, 2.10.29, …"),
    replicas: { ...integerField("Pods: 1, or 3 and more."), default: 3 },
    persistence: persistenceField("20Gi"),
    streamConfig: textField("Settings of the stream, as YAML, over those of the controller."),
    settings: textField("The server's jetstream {} block, instead of that of the controller."),
    startArgs: textList("Arguments of the server."),
    maxPayload: { ...textField("The largest message."), default: "1MB" },
    containerTemplate: containerField("The server's container."),
    reloaderContainerTemplate: containerField("The container that reloads the configuration."),
    metricsContainerTemplate: containerField("The container of the metrics."),
    ...podFields,
  },
} as const satisfies JsonSchema;

const exoticJetStreamSchema = {
  type: "object",
  description: "A NATS server with JetStream that is there already.",
  properties: {
    url: textField("nats://host:port, several with commas."),
    accessSecret: secretKeyField("Holds `username: …` and `password: …`, as YAML."),
    streamConfig: textField("Settings of the stream, as YAML: maxMsgs, maxAge, maxBytes, replicas, duplicates, …"),
    tls: tlsField("TLS towards the server."),
  },
} as const satisfies JsonSchema;

const kafkaSchema = {
  type: "object",
  description: "A Kafka cluster that is there already.",
  properties: {
    url: textField("host:port of the brokers, with commas."),
    topic: textField("The topic; <namespace>-<name> when not given."),
    version: textField("Version of the protocol."),
    tls: tlsField("TLS towards the brokers."),
    sasl: saslField("Credentials for the brokers."),
    consumerGroup: {
      type: "object",
      description: "How Sensors share the events.",
      properties: {
        groupName: textField("The group's name."),
        oldest: flagField("A new group begins at the oldest event instead of the newest."),
        rebalanceStrategy: { ...textField("range, sticky or roundrobin."), default: "range" },
      },
    },
    partitioner: { ...textField("random, hash, roundrobin or manual."), default: "random" },
  },
} as const satisfies JsonSchema;

/** The EventBus's `spec` (spec argo-events 2.6). */
export const eventBusSchema = {
  type: "object",
  description: "Where the events of EventSources wait for Sensors.",
  properties: {
    nats: natsSchema,
    jetstream: jetStreamSchema,
    kafka: kafkaSchema,
    jetstreamExotic: exoticJetStreamSchema,
    embedded: openObject("Ours: the engine's own bus."),
  },
} as const satisfies JsonSchema;

/** The EventBus's `status` (spec argo-events 2.7). */
export const eventBusStatusSchema: JsonSchema = statusSchema("Configured and Deployed.", {
  config: {
    type: "object",
    description: "How clients reach the bus.",
    properties: {
      nats: {
        type: "object",
        description: "NATS Streaming.",
        properties: {
          url: textField("nats://host:port."),
          clusterID: textField("The cluster's id."),
          auth: authField,
          accessSecret: secretKeyField("Holds the credentials."),
        },
      },
      jetstream: { ...exoticJetStreamSchema, description: "NATS with JetStream." },
      kafka: kafkaSchema,
    },
  },
});
