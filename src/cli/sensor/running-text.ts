import { listOf, objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { formatDuration } from "../../base/duration.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { ListedResource } from "../../server/listed-routes.ts";
import { colored, table } from "../output.ts";

/** What the API answers of one Sensor. */
export interface Shown {
  readonly sensor: JsonObject;
  /** Absent: the engine that was asked does not run it. */
  readonly behind?: { readonly events: number; readonly ms: number };
}

export const nameOf = ({ namespace, name }: Pick<ListedResource, "namespace" | "name">): string =>
  `${namespace}/${name}`;

export function nameIn(metadata: JsonValue | undefined): string {
  const { namespace, name } = objectOf(metadata);
  return `${textOf(namespace)}/${textOf(name)}`;
}

interface ShownCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** The first condition that says no; then one that is not known; undefined: all say yes. */
function worst(conditions: readonly ShownCondition[]): ShownCondition | undefined {
  return conditions.find(({ status }) => status === "False") ?? conditions.find(({ status }) => status !== "True");
}

function readyText(conditions: readonly ShownCondition[]): string {
  if (conditions.length === 0) return colored("yellow", "not looked at yet");
  const found = worst(conditions);
  if (found === undefined) return colored("green", "ready");
  const said = [found.reason, found.message].filter((part) => part !== undefined && part !== "");
  return `${colored(found.status === "False" ? "red" : "yellow", found.type)}: ${said.join(": ") || found.status}`;
}

export function listText(sensors: readonly ListedResource[]): string {
  if (sensors.length === 0) return "no Sensors";
  const rows = sensors.map(({ namespace, name, conditions }) => [namespace, name, readyText(conditions)]);
  return table(["NAMESPACE", "NAME", "STATUS"], rows);
}

export function getText({ metadata, spec, status }: JsonObject): string {
  const { dependencies, triggers, eventBusName, template } = objectOf(spec);
  const head: (readonly [string, string])[] = [
    ["Name", nameIn(metadata)],
    ["EventBus", textOf(eventBusName) || "default"],
    ["Acts as", textOf(objectOf(template).serviceAccountName) || "default"],
    ["Status", readyText(conditionsOf(status))],
  ];
  const needs = objectsOf(dependencies).map(({ name, eventSourceName, eventName, filters, transform }) => {
    const also = [...Object.keys(objectOf(filters)), ...(transform === undefined ? [] : ["transform"])];
    return [textOf(name), textOf(eventSourceName), textOf(eventName), also.join(", ") || "-"];
  });
  const acts = objectsOf(triggers).map(({ template: of, retryStrategy, atLeastOnce }) => {
    const { name, conditions, ...kinds } = objectOf(of);
    const kind = Object.keys(kinds).find((key) => !notKinds.has(key)) ?? "-";
    const retries = retryStrategy !== undefined || atLeastOnce === true ? "yes" : "no";
    return [textOf(name), kind, textOf(conditions) || "all", retries];
  });
  return [
    lines(head),
    "",
    table(["DEPENDENCY", "EVENTSOURCE", "EVENT", "FILTERS"], needs),
    "",
    table(["TRIGGER", "KIND", "CONDITIONS", "RETRIES"], acts),
  ].join("\n");
}

/** Fields of a trigger's template beside its kind. */
const notKinds = new Set(["conditionsReset", "debounce", "batch", "ordering"]);

interface SensorStatus {
  readonly namespace: string;
  readonly name: string;
  /** Every condition is true, and no trigger's last attempt failed. */
  readonly works: boolean;
  readonly conditions: readonly ShownCondition[];
  readonly triggers: readonly TriggerStatus[];
  readonly warnings: readonly string[];
  readonly behind?: Shown["behind"];
}

interface TriggerStatus {
  readonly name: string;
  /** RFC 3339; absent: there was none yet. */
  readonly lastSuccessTime?: string;
  readonly lastFailureTime?: string;
  /** Of the last failure. */
  readonly lastError?: string;
}

export function statusOf({ sensor, behind }: Shown): SensorStatus {
  const { namespace, name } = objectOf(sensor.metadata);
  const { triggers, warnings } = objectOf(sensor.status);
  const conditions = conditionsOf(sensor.status);
  const told = new Map(objectsOf(triggers).map((one) => [textOf(one.name), one as unknown as TriggerStatus]));
  // Those that never ran are told of, too: that is what is asked most.
  const all = objectsOf(objectOf(sensor.spec).triggers).map(({ template }): TriggerStatus => {
    const trigger = textOf(objectOf(template).name);
    return told.get(trigger) ?? { name: trigger };
  });
  return {
    namespace: textOf(namespace),
    name: textOf(name),
    works: conditions.length > 0 && worst(conditions) === undefined && !all.some(isFailing),
    conditions,
    triggers: all,
    warnings: listOf(warnings).map(textOf),
    ...(behind && { behind }),
  };
}

function conditionsOf(status: JsonValue | undefined): readonly ShownCondition[] {
  return objectsOf(objectOf(status).conditions) as unknown as readonly ShownCondition[];
}

function isFailing({ lastFailureTime = "", lastSuccessTime = "" }: TriggerStatus): boolean {
  return lastFailureTime > lastSuccessTime; // RFC 3339 in UTC: their order is that of their texts
}

export function statusText({ namespace, name, conditions, triggers, warnings, behind }: SensorStatus): string {
  const place =
    behind === undefined
      ? "not known: this engine does not run it"
      : behind.events === 0
        ? "nothing: it has read all there is"
        : `${behind.events} messages of its bus, the oldest ${formatDuration(behind.ms)} old`;
  const head: (readonly [string, string])[] = [
    ["Sensor", `${namespace}/${name}`],
    ["Status", readyText(conditions)],
    ["Behind by", place],
    ...warnings.map((warning) => ["Warning", warning] as const),
  ];
  const rows = triggers.map((trigger) => {
    const { name: of, lastSuccessTime = "never", lastFailureTime = "never", lastError = "" } = trigger;
    const error = lastError.split("\n", 1)[0] ?? "";
    return [of, lastSuccessTime, lastFailureTime, isFailing(trigger) ? colored("red", error) : error];
  });
  const failing = triggers.some(isFailing);
  const next = failing ? [`what failed for good: tiphys dead list --sensor ${namespace}/${name}`] : [];
  return [lines(head), "", table(["TRIGGER", "LAST SUCCESS", "LAST FAILURE", "LAST ERROR"], rows), ...next].join("\n");
}

function lines(all: readonly (readonly [string, string])[]): string {
  return all.map(([label, value]) => `${`${label}:`.padEnd(12)}${value}`).join("\n");
}
