import { objectOf } from "../../api/fields.ts";
import type { EventBusResource, EventDefinition, Trigger } from "../../api/resources.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { isEmptyValue, isolateAnnotation } from "../template-warnings.ts";

/** Fields that only a Pod can give; others count where there is one. */
const podFields = ["volumes", "nodeSelector", "tolerations", "affinity"];
const containerFields = ["env", "envFrom", "volumeMounts"];

/** Whether an EventSource or Sensor asks for a Pod of its own. */
export function wantsPod({ metadata, spec }: KubeObject): boolean {
  if (metadata.annotations?.[isolateAnnotation] === "true") return true;
  const { container, ...template } = objectOf(objectOf(spec as JsonValue | undefined).template);
  const says = (fields: readonly string[], value: JsonValue | undefined): boolean =>
    fields.some((field) => !isEmptyValue(objectOf(value)[field]));
  return says(podFields, template) || says(containerFields, container);
}

/** Whether an EventSource acts as its surroundings at AWS: as its Pod, and nobody may act as the engine's. */
export function sourceNeedsIdentity(events: readonly EventDefinition[]): boolean {
  return events.some(({ kind, spec }) => {
    const fields = objectOf(spec as JsonValue | undefined);
    if (kind === "kafka") return !isEmptyValue(fields.awsMskIamAuth);
    return kind === "sqs" || (kind === "sns" && !isEmptyValue(objectOf(fields.webhook).url))
      ? isKeyless(fields)
      : false;
  });
}

/** As `sourceNeedsIdentity`, of a Sensor. */
export function sensorNeedsIdentity(triggers: readonly Trigger[]): boolean {
  return templatesOf(triggers).some(({ kind, raw }) => kind === "awsLambda" && isKeyless(objectOf(raw.awsLambda)));
}

function isKeyless({ roleARN, accessKey, secretKey }: JsonObject): boolean {
  return !isEmptyValue(roleARN) || isEmptyValue(accessKey) || isEmptyValue(secretKey);
}

/** What keeps an EventSource in the engine although it wants a Pod; undefined: it can have one. */
export function podObstacle(
  events: readonly EventDefinition[],
  bus: EventBusResource | undefined,
  isBuiltIn: (kind: string) => boolean,
): string | undefined {
  const unreachable = busObstacle(bus);
  if (unreachable !== undefined) return unreachable;
  for (const { kind, name, spec } of events) {
    if (kind === "resource") return `the event ${name} watches the cluster with the engine's rights`;
    if (!isEmptyValue(objectOf(spec as JsonValue | undefined).persistence)) {
      return `the event ${name} keeps its position in the cluster`;
    }
    if (!isBuiltIn(kind)) return `the kind ${kind} of event ${name} comes from an adapter of this engine`;
  }
  return undefined;
}

/** As `podObstacle`, of a Sensor. */
export function sensorObstacle(
  triggers: readonly Trigger[],
  bus: EventBusResource | undefined,
  isBuiltIn: (kind: string) => boolean,
): string | undefined {
  const unreachable = busObstacle(bus);
  if (unreachable !== undefined) return unreachable;
  for (const { name, kind } of templatesOf(triggers)) {
    if (kind === "gitOps") return `the trigger ${name} asks this engine for a sync`;
    if (kind !== undefined && !isBuiltIn(kind)) {
      return `the kind ${kind} of trigger ${name} comes from an adapter of this engine`;
    }
  }
  return undefined;
}

/** Whether its triggers write objects of the cluster. */
export function actsInCluster(triggers: readonly Trigger[]): boolean {
  return templatesOf(triggers).some(({ kind }) => kind === "k8s" || kind === "argoWorkflow");
}

function templatesOf(triggers: readonly Trigger[]): Trigger["template"][] {
  return triggers.flatMap(({ template, dlqTrigger }) => (dlqTrigger ? [template, dlqTrigger.template] : [template]));
}

function busObstacle(bus: EventBusResource | undefined): string | undefined {
  if (bus?.kind === "jetstream" || bus?.kind === "jetstreamExotic") return undefined;
  return "its Pod would need an EventBus of kind jetstream or jetstreamExotic";
}
