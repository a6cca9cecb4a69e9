import { isDeepStrictEqual } from "node:util";
import { parseCron } from "../base/cron.ts";
import { messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { FieldProblem } from "./status-error.ts";

/** What a real server refuses of one kind beyond types: most of all changes of what is fixed. `old`: for an update. */
export type KindCheck = (object: JsonObject, old: JsonObject | undefined) => readonly FieldProblem[];

export function objectIn(object: JsonObject, field: string): JsonObject {
  const value = object[field];
  return isJsonObject(value) ? value : {};
}

export function invalidValue(field: string, value: JsonValue | undefined, why: string): FieldProblem {
  return { field, message: `Invalid value: ${shown(value)}: ${why}`, reason: "FieldValueInvalid" };
}

const maxShown = 1_000;

function shown(value: JsonValue | undefined): string {
  const text = JSON.stringify(value ?? null);
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}

export function required(field: string): FieldProblem {
  return { field, message: "Required value", reason: "FieldValueRequired" };
}

function forbiddenChange(field: string, why: string): FieldProblem {
  return { field, message: `Forbidden: ${why}`, reason: "FieldValueForbidden" };
}

/** `field is immutable`, for the fields of `spec` that changed. */
function fixed(object: JsonObject, old: JsonObject | undefined, fields: readonly string[]): readonly FieldProblem[] {
  if (old === undefined) return [];
  const [now, before] = [objectIn(object, "spec"), objectIn(old, "spec")];
  return fields
    .filter((field) => !isDeepStrictEqual(now[field], before[field]))
    .map((field) => invalidValue(`spec.${field}`, now[field], "field is immutable"));
}

function negative(object: JsonObject, fields: readonly string[]): readonly FieldProblem[] {
  const spec = objectIn(object, "spec");
  return fields.flatMap((field) => {
    const value = spec[field];
    if (typeof value !== "number" || value >= 0) return [];
    return [invalidValue(`spec.${field}`, value, "must be greater than or equal to 0")];
  });
}

/** A selector has to be there, and to select the Pods of the template. */
function selection(object: JsonObject): readonly FieldProblem[] {
  const spec = objectIn(object, "spec");
  if (!isJsonObject(spec.selector)) return [required("spec.selector")];
  const wanted = objectIn(spec.selector, "matchLabels");
  const labels = objectIn(objectIn(objectIn(spec, "template"), "metadata"), "labels");
  if (Object.entries(wanted).every(([name, value]) => labels[name] === value)) return [];
  const why = "`selector` does not match template `labels`";
  return [invalidValue("spec.template.metadata.labels", labels, why)];
}

const workload: KindCheck = (object, old) => [
  ...selection(object),
  ...negative(object, ["replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"]),
  ...fixed(object, old, ["selector"]),
];

const freeOfStatefulSets = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
];

const statefulSet: KindCheck = (object, old) => {
  const [now, before] = [objectIn(object, "spec"), objectIn(old ?? object, "spec")];
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])];
  const changed = names.some(
    (name) => !freeOfStatefulSets.includes(name) && !isDeepStrictEqual(now[name], before[name]),
  );
  const list = freeOfStatefulSets.slice(0, -1).map((name) => `'${name}'`);
  const why = `updates to statefulset spec for fields other than ${list.join(", ")} and 'minReadySeconds' are forbidden`;
  return [
    ...selection(object),
    ...negative(object, ["replicas", "minReadySeconds"]),
    ...(changed ? [forbiddenChange("spec", why)] : []),
  ];
};

const job: KindCheck = (object, old) => [
  ...negative(object, [
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
  ]),
  ...(objectIn(old ?? {}, "spec").suspend === true ? [] : fixed(object, old, ["template"])),
  ...fixed(object, old, ["selector", "completionMode"]),
];

const descriptors = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/;

const cronJob: KindCheck = (object) => {
  const { schedule } = objectIn(object, "spec");
  if (typeof schedule !== "string" || schedule === "") return [required("spec.schedule")];
  if (descriptors.test(schedule)) return [];
  try {
    parseCron(schedule, "spec.schedule");
    return [];
  } catch (error) {
    return [invalidValue("spec.schedule", schedule, messageOf(error))];
  }
};

const frozen =
  (fields: readonly string[]): KindCheck =>
  (object, old) => {
    if (old?.immutable !== true) return [];
    const why = "field is immutable when `immutable` is set";
    const changed = [...fields, "immutable"].filter((field) => !isDeepStrictEqual(object[field], old[field]));
    return changed.map((field) => forbiddenChange(field, why));
  };

const secret: KindCheck = (object, old) => [
  ...frozen(["data"])(object, old),
  ...(old === undefined || old.type === object.type ? [] : [invalidValue("type", object.type, "field is immutable")]),
];

const roleBinding: KindCheck = (object, old) =>
  old === undefined || isDeepStrictEqual(object.roleRef, old.roleRef)
    ? []
    : [invalidValue("roleRef", object.roleRef, "cannot change roleRef")];

const claim: KindCheck = (object, old) => {
  const fields = ["accessModes", "storageClassName", "selector", "volumeMode"];
  if (old === undefined || fixed(object, old, fields).length === 0) return [];
  const why =
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
  return [forbiddenChange("spec", why)];
};

const service: KindCheck = (object, old) => {
  const [now, before] = [objectIn(object, "spec"), objectIn(old ?? {}, "spec")];
  const isHeld = typeof before.clusterIP === "string" && before.clusterIP !== "" && now.type === before.type;
  if (!isHeld || now.clusterIP === before.clusterIP) return [];
  return [invalidValue("spec.clusterIP", now.clusterIP, "may not change once set")];
};

/** By `group/Kind`. */
export const kindChecks: Readonly<Record<string, KindCheck>> = {
  "/ConfigMap": frozen(["data", "binaryData"]),
  "/Secret": secret,
  "/Service": service,
  "/PersistentVolumeClaim": claim,
  "apps/Deployment": workload,
  "apps/ReplicaSet": workload,
  "apps/DaemonSet": workload,
  "apps/StatefulSet": statefulSet,
  "batch/Job": job,
  "batch/CronJob": cronJob,
  "rbac.authorization.k8s.io/RoleBinding": roleBinding,
  "rbac.authorization.k8s.io/ClusterRoleBinding": roleBinding,
};
