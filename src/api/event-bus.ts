import { isJsonObject, type JsonObject } from "../base/json.ts";
import { createSchema, type Problem } from "../base/schema.ts";
import { type Parsed, readEnvelope, warningsOf } from "./envelope.ts";
import { eventBusSchema } from "./event-bus-schema.ts";
import { busTraps } from "./event-bus-traps.ts";
import { errorAt, objectOf, readFields, textOf } from "./fields.ts";
import type { EventBusResource } from "./resources.ts";
import { checkSelectors } from "./value-rules.ts";

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
  for (const [of, path] of [
    [objectOf(spec.nats).native, "spec.nats.native"],
    [spec.jetstream, "spec.jetstream"],
  ] as const) {
    problems.push(...checkVolume(objectOf(objectOf(of).persistence), `${path}.persistence`));
  }
  problems.push(...checkSelectors(spec, eventBusSchema, "spec"), ...busTraps(spec));
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

/** As Kubernetes reads amounts: `10Gi`, `0.5`, `1e9`. */
const quantity = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][-+]?\d+)?$/;

function checkVolume(persistence: JsonObject, path: string): Problem[] {
  const { volumeSize } = persistence;
  if (typeof volumeSize !== "string" || quantity.test(volumeSize)) return [];
  const hint = /^[\d.]+ ?[KMGTP]i?B$/i.test(volumeSize) ? "without the B, as in 10Gi" : undefined;
  return [errorAt(`${path}.volumeSize`, `${JSON.stringify(volumeSize)} must be a quantity such as 10Gi`, hint)];
}

function required(object: JsonObject, field: string, path: string): Problem[] {
  return textOf(object[field]) === "" ? [errorAt(`${path}.${field}`, `"${path}.${field}" is missing`)] : [];
}
