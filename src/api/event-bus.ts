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

function required(object: JsonObject, field: string, path: string): Problem[] {
  return textOf(object[field]) === "" ? [errorAt(`${path}.${field}`, `"${path}.${field}" is missing`)] : [];
}
