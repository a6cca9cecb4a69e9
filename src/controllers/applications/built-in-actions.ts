import { objectOf } from "../../api/fields.ts";
import { type Instant, isoTime } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { groupOf } from "../../gitops/diff/diff.ts";
import type { KubeObject } from "../../objects/object.ts";

/** Something that people may do with an object (spec argo-cd-engine 5.6). */
export interface ResourceAction {
  readonly name: string;
  readonly disabled: boolean;
  readonly params: readonly { readonly name: string; readonly type: string; readonly default: string }[];
}

/** What an action writes: the object as it should be, or a new one. */
export interface ImpactedResource {
  readonly operation: "create" | "patch";
  readonly object: JsonObject;
}

type Run = (object: KubeObject, params: Readonly<Record<string, string>>, now: Instant) => readonly ImpactedResource[];

interface BuiltIn {
  readonly action: (object: KubeObject) => ResourceAction;
  readonly run: Run;
}

const plain =
  (name: string, isDisabled: (spec: JsonObject) => boolean = () => false) =>
  (object: KubeObject) => ({ name, disabled: isDisabled(specOf(object)), params: [] });

const restart: BuiltIn = {
  action: plain("restart"),
  run: (object, _, now) => {
    const template = objectOf(specOf(object).template);
    const metadata = objectOf(template.metadata);
    const annotations = { ...objectOf(metadata.annotations), "kubectl.kubernetes.io/restartedAt": isoTime(now) };
    return patched(object, { template: { ...template, metadata: { ...metadata, annotations } } });
  },
};

const scale: BuiltIn = {
  action: (object) => {
    const replicas = String(specOf(object).replicas ?? 1);
    return { name: "scale", disabled: false, params: [{ name: "replicas", type: "number", default: replicas }] };
  },
  run(object, { replicas = "" }) {
    const count = Number(replicas);
    if (replicas !== "" && Number.isSafeInteger(count) && count >= 0) return patched(object, { replicas: count });
    throw new EngineError("USAGE", `scale: replicas: "${replicas}" must be a whole number, 0 or more`);
  },
};

const toggle = (name: string, field: string, value: boolean): BuiltIn => ({
  action: plain(name, (spec) => (spec[field] === true) === value),
  run: (object) => patched(object, { [field]: value }),
});

const createJob: BuiltIn = {
  action: plain("create-job"),
  run(object, _, now) {
    const { metadata, spec } = objectOf(specOf(object).jobTemplate);
    const { name = "", namespace = "", uid = "" } = object.metadata;
    const owner = {
      apiVersion: object.apiVersion,
      kind: object.kind,
      name,
      uid,
      blockOwnerDeletion: true,
      controller: true,
    };
    const made = {
      ...objectOf(metadata),
      name: `${name.slice(0, 40)}-${now.toString(36)}`,
      namespace,
      ownerReferences: [owner],
    };
    return [
      { operation: "create", object: { apiVersion: "batch/v1", kind: "Job", metadata: made, spec: objectOf(spec) } },
    ];
  },
};

const byKind: Readonly<Record<string, readonly BuiltIn[]>> = {
  "apps/DaemonSet": [restart],
  "apps/Deployment": [restart, toggle("pause", "paused", true), toggle("resume", "paused", false), scale],
  "apps/StatefulSet": [restart, scale],
  "batch/CronJob": [createJob, toggle("suspend", "suspend", true), toggle("resume", "suspend", false)],
};

/** By name. */
export function builtInActions(object: KubeObject): readonly ResourceAction[] {
  const all = builtInsOf(object).map(({ action }) => action(object));
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Pure: what it would write. @throws EngineError USAGE for one that is not there or is disabled, or a bad parameter */
export function runBuiltInAction(
  object: KubeObject,
  name: string,
  params: Readonly<Record<string, string>>,
  now: Instant,
): readonly ImpactedResource[] {
  const found = builtInsOf(object).find(({ action }) => action(object).name === name);
  if (found === undefined) throw new EngineError("USAGE", `action "${name}" is not there for ${object.kind}`);
  if (found.action(object).disabled) throw new EngineError("USAGE", `action "${name}" is disabled now`);
  return found.run(object, params, now);
}

function builtInsOf(object: KubeObject): readonly BuiltIn[] {
  return byKind[`${groupOf(object)}/${object.kind}`] ?? [];
}

function patched(object: KubeObject, fields: JsonObject): readonly ImpactedResource[] {
  const whole = object as unknown as JsonObject;
  return [{ operation: "patch", object: { ...whole, spec: { ...specOf(object), ...fields } } }];
}

function specOf({ spec }: KubeObject): JsonObject {
  return isJsonObject(spec) ? spec : {};
}
