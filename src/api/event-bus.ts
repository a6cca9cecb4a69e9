import { isJsonObject, type JsonObject } from "../base/json.ts";
import { createSchema, type JsonSchema, type Problem } from "../base/schema.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { errorAt, objectOf, readFields, textOf } from "./fields.ts";
import type { EventBusResource } from "./resources.ts";
import { listField, openObject, textField } from "./shared-schemas.ts";

const exoticJetStreamSchema: JsonSchema = {
  type: "object",
  description: "A NATS server with JetStream that is there already.",
  properties: {
    url: textField("nats://host:port, several with commas."),
    accessSecret: openObject("The Secret's key with the credentials."),
    streamConfig: textField("Settings of the stream, as YAML."),
    tls: openObject("TLS towards the server."),
  },
};

/** The fields that name or tune a managed server; the Pod's fields are open. */
const jetStreamSchema: JsonSchema = {
  type: "object",
  description: "A NATS server with JetStream.",
  "x-kubernetes-preserve-unknown-fields": true,
  properties: {
    version: textField("The version of the server."),
    replicas: { type: "integer", description: "1, or 3 and more. Default 3." },
    streamConfig: textField("Settings of the stream, as YAML."),
    settings: textField("Settings of the server."),
    startArgs: listField("Arguments of the server.", { type: "string" }),
    maxPayload: textField("The largest message. Default 1MB."),
  },
};

const kafkaSchema: JsonSchema = {
  type: "object",
  description: "A Kafka cluster that is there already.",
  properties: {
    url: textField("Brokers, with commas."),
    topic: textField("Default: <namespace>-<name>."),
    version: textField("The version of the protocol."),
    tls: openObject("TLS towards the brokers."),
    sasl: openObject("Credentials."),
    consumerGroup: openObject("How Sensors share the events."),
    partitioner: textField("How events spread over partitions."),
  },
};

/** The EventBus's `spec` (spec argo-events 2.6). */
export const eventBusSchema: JsonSchema = {
  type: "object",
  description: "Where the events of EventSources wait for Sensors.",
  properties: {
    nats: {
      type: "object",
      description: "NATS Streaming, at its end of life; parsed, not supported.",
      properties: {
        native: openObject("A managed server."),
        exotic: openObject("A server that is there already."),
      },
    },
    jetstream: jetStreamSchema,
    kafka: kafkaSchema,
    jetstreamExotic: exoticJetStreamSchema,
    embedded: openObject("Ours: the engine's own bus."),
  },
};

const shape = createSchema<JsonObject>(eventBusSchema);
/** Of several, the first counts. */
const busKinds = ["nats", "jetstream", "kafka", "jetstreamExotic", "embedded"] as const;

/**
 * An EventBus as the original accepts it; unknown fields are kept and warned about.
 * @throws TerminalError MANIFEST_INVALID with every problem at once
 */
export function parseEventBus(value: unknown): Parsed<EventBusResource> {
  const problems: Problem[] = [];
  const { metadata, spec: written } = readEnvelope(value, "EventBus", problems);
  const spec = objectOf(readFields(written, eventBusSchema, "spec", problems));
  const kind = busKinds.find((name) => isJsonObject(spec[name]));
  problems.push(...shape.check(spec, "spec"), ...checkBus(spec, kind));
  return { resource: { metadata, kind: kind ?? "embedded", spec }, warnings: warningsOf(problems) };
}

function checkBus(spec: JsonObject, kind: EventBusResource["kind"] | undefined): Problem[] {
  switch (kind) {
    case undefined:
      return [
        errorAt(
          "spec",
          'invalid spec: either "nats", "jetstream", "jetstreamExotic", or "kafka" needs to be specified',
        ),
      ];
    case "nats":
      return checkNats(objectOf(spec.nats));
    case "jetstream":
      return checkJetStream(objectOf(spec.jetstream));
    case "kafka":
      return required(objectOf(spec.kafka), "url", "spec.kafka");
    case "jetstreamExotic":
      return required(objectOf(spec.jetstreamExotic), "url", "spec.jetstreamExotic");
    case "embedded":
      return [];
  }
}

function checkNats(nats: JsonObject): Problem[] {
  if (nats.native !== undefined && nats.exotic !== undefined) {
    const message = '"spec.nats.native" and "spec.nats.exotic" can not be defined together';
    return [errorAt("spec.nats", message)];
  }
  if (nats.native !== undefined) return [];
  if (!isJsonObject(nats.exotic)) return [errorAt("spec.nats", 'either "native" or "exotic" must be defined')];
  return [
    ...required(nats.exotic, "clusterID", "spec.nats.exotic"),
    ...required(nats.exotic, "url", "spec.nats.exotic"),
  ];
}

function checkJetStream(jetStream: JsonObject): Problem[] {
  const problems: Problem[] = [];
  if (textOf(jetStream.version) === "") {
    problems.push(errorAt("spec.jetstream.version", "invalid spec: a version for jetstream needs to be specified"));
  }
  const replicas = jetStream.replicas ?? 3;
  if (typeof replicas === "number" && replicas !== 1 && replicas < 3) {
    const message = `invalid spec: a jetstream eventbus requires 1 replica or >= 3 replicas, not ${replicas}`;
    problems.push(errorAt("spec.jetstream.replicas", message));
  }
  return problems;
}

function required(object: JsonObject, field: string, path: string): Problem[] {
  return textOf(object[field]) === "" ? [errorAt(`${path}.${field}`, `"${path}.${field}" is missing`)] : [];
}
