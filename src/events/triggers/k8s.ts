import { isDeepStrictEqual } from "node:util";
import { errorAt, listOf, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { JsonSchema, Problem } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { KubeClient, PatchType, WriteOptions } from "../../kube/kube.ts";
import { type KubeObject, type ObjectRef, refText } from "../../objects/object.ts";
import { readArtifact } from "./artifact.ts";
import { artifactSchema, sourceRule } from "./artifact-schema.ts";
import { awaitLabels } from "./label-policy.ts";
import { checkObject, createOnce, fieldManager, namespaceOf, refOf, withMarks } from "./object-effect.ts";
import { objectPreview } from "./object-preview.ts";
import { has, requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { resourceParametersSchema } from "./schemas.ts";
import type { Firing, Outcome, TriggerContext, TriggerKind } from "./trigger.ts";

export interface K8sPlan {
  readonly operation: K8sSpec["operation"];
  readonly ref: ObjectRef;
  /** What is sent; for create with labels, name and the effect's key. */
  readonly object: KubeObject;
  readonly patchType?: PatchType;
  /** Of a JSON patch: its operations. */
  readonly patch?: readonly JsonObject[];
}

/** How often an object that others change at the same time is read again for one update. */
const maxChangeAttempts = 5;
const applyPatch = "application/apply-patch+yaml";
const jsonPatch = "application/json-patch+json";

const operations = ["create", "update", "patch", "delete"] as const;

/** spec argo-events 6.4.1 */
export const k8sSchema = {
  type: "object",
  description: "An operation on a Kubernetes object of any kind, as the Sensor's service account.",
  required: ["source"],
  properties: {
    source: artifactSchema,
    operation: { type: "string", description: "What is done.", enum: operations, default: "create" },
    parameters: resourceParametersSchema,
    patchStrategy: {
      type: "string",
      description: "Content type of a patch.",
      enum: [
        "application/merge-patch+json",
        "application/json-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
      ],
      default: "application/merge-patch+json",
    },
    patch: {
      type: "array",
      description:
        "Ours: the operations of a patch of type `application/json-patch+json`; the source then only names the object. " +
        "Events change them as `k8s.patch.0.value`.",
      items: {
        type: "object",
        description: "One operation (RFC 6902).",
        required: ["op", "path"],
        properties: {
          op: {
            type: "string",
            description: "What is done.",
            enum: ["add", "remove", "replace", "move", "copy", "test"],
          },
          path: { type: "string", description: "Where: `/spec/replicas`." },
          from: { type: "string", description: "Of move and copy: where from." },
          value: { description: "Of add, replace and test: the value.", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    },
    liveObject: {
      type: "boolean",
      description: "Of an update: whether parameters are set on the object as it is in the cluster.",
      default: false,
    },
  },
} as const satisfies JsonSchema;

export type K8sSpec = SpecOf<typeof k8sSchema>;

const operationRule: TriggerRule = ({ operation, liveObject, patchStrategy, patch }, path) => {
  const known: readonly string[] = operations;
  const wanted = textOf(operation) || "create";
  if (!known.includes(wanted)) {
    const message = `unknown operation type ${wanted}`;
    return [errorAt(`${path}.operation`, message, `one of ${operations.join(", ")}`)];
  }
  const problems: Problem[] = [];
  if (liveObject === true && wanted !== "update") {
    problems.push(warningAt(`${path}.liveObject`, `has no effect: the operation is ${wanted}, not update`));
  }
  if (has(patchStrategy) && wanted !== "patch") {
    problems.push(warningAt(`${path}.patchStrategy`, `has no effect: the operation is ${wanted}, not patch`));
  }
  if (wanted === "patch" && (patchStrategy === jsonPatch) !== has(patch)) {
    const message = has(patch)
      ? `has no effect: patchStrategy is not ${jsonPatch}`
      : `is missing: a patch of type ${jsonPatch} needs a list of operations; the trigger fails with each event`;
    problems.push(warningAt(`${path}.patch`, message));
  }
  return problems;
};

/** An object without a name can be created only with `generateName`. */
const nameRule: TriggerRule = ({ source, operation, parameters }, path) => {
  const resource = objectOf(source).resource;
  const isOnly = Object.keys(objectOf(source)).length === 1;
  if (!isOnly || !isJsonObject(resource)) return [];
  const sets = listOf(parameters).map((parameter) => textOf(objectOf(parameter).dest));
  if (sets.some((dest) => dest === "metadata" || /^metadata\.(?:name|generateName)$/.test(dest))) return [];
  const { name, generateName } = objectOf(resource.metadata);
  const isCreate = (textOf(operation) || "create") === "create";
  if (has(name) || (isCreate && has(generateName))) return [];
  const at = `${path}.source.resource.metadata.name`;
  return [warningAt(at, `is missing${isCreate ? ", as is generateName" : ""}: the trigger fails with each event`)];
};

/** Creates, changes or deletes one object of any kind, as the Sensor's service account. */
export const k8sTrigger: TriggerKind<K8sSpec, K8sPlan> = {
  schema: triggerSchema<K8sSpec>(
    k8sSchema,
    requires({ source: "k8s trigger does not contain an absolute action" }),
    operationRule,
    sourceRule,
    nameRule,
  ),
  async plan(spec, firing, context, signal) {
    const written = await baseObject(spec, firing, context, signal);
    const changed = spec.parameters?.length
      ? context.parameters.apply(written, spec.parameters, "k8s.parameters")
      : written;
    const object = withoutUnchanged(checkObject(changed, "k8s.source"), isLive(spec) ? written : {});
    const namespace = await namespaceOf(object, firing, context, signal);
    const placed: KubeObject = namespace ? { ...object, metadata: { ...object.metadata, namespace } } : object;
    const sent = spec.operation === "create" ? withMarks(placed, firing, context) : placed;
    return {
      operation: spec.operation,
      ref: refOf(sent, spec.operation, "k8s.source"),
      object: sent,
      ...(spec.operation === "patch" && { patchType: spec.patchStrategy, ...(spec.patch && { patch: spec.patch }) }),
    };
  },
  async apply(plan, firing, context, signal) {
    const done = `${await operate(plan, firing, context, signal)} ${refText(plan.ref)}`;
    const policy = plan.operation === "delete" ? undefined : firing.policy?.k8s; // what is gone gets no labels
    const message = policy ? `${done}; ${await awaitLabels(plan.ref, policy, context, signal)}` : done;
    return { message, objects: [plan.ref] } satisfies Outcome;
  },
  async preview(plan, _firing, { kube }, signal) {
    const live = await kube.get(plan.ref, signal);
    return objectPreview(plan.ref, live, await dryRun(plan, live, kube, signal));
  },
};

/** The object as it would be; undefined: gone. */
async function dryRun(
  plan: K8sPlan,
  live: KubeObject | undefined,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const { operation, ref, object, patchType } = plan;
  const options = { dryRun: true, fieldManager };
  if (operation === "delete") {
    await kube.delete(ref, { dryRun: true }, signal);
    return undefined;
  }
  if (patchType === applyPatch) {
    return kube.patch(ref, applyPatch, object as unknown as JsonObject, { ...options, force: true }, signal);
  }
  if (operation === "create" || live === undefined) return kube.create(object, options, signal);
  if (operation === "update") return kube.update(mergeOver(live, object), options, signal);
  return sendPatch(kube, plan, options, signal);
}

/** What parameters are set on: the artifact, or with `liveObject` the object in the cluster that the artifact names. */
async function baseObject(
  spec: K8sSpec,
  firing: Firing,
  context: TriggerContext,
  signal: AbortSignal,
): Promise<JsonObject> {
  const artifact = await readArtifact(spec.source, "k8s.source", context, signal);
  if (!isLive(spec)) return artifact;
  const named = checkObject(artifact, "k8s.source");
  const namespace = await namespaceOf(named, firing, context, signal);
  const ref = refOf(
    namespace ? { ...named, metadata: { ...named.metadata, namespace } } : named,
    "update",
    "k8s.source",
  );
  const live = await context.kube.get(ref, signal);
  if (!live) throw new EngineError("API_NOT_FOUND", `k8s.liveObject: ${refText(ref)} does not exist`);
  return live as unknown as JsonObject;
}

function isLive({ operation, liveObject }: K8sSpec): boolean {
  return operation === "update" && liveObject === true;
}

/**
 * What parameters made of the live object, without what they left alone: that may have changed in the cluster by the
 * time the plan is applied.
 */
function withoutUnchanged(object: KubeObject, live: JsonObject): KubeObject {
  const { apiVersion, kind, metadata } = object;
  const changes = changesOf(live, object as unknown as JsonObject);
  const { name, namespace } = metadata;
  const identity = { ...(name && { name }), ...(namespace && { namespace }) };
  const changedMetadata = isJsonObject(changes.metadata) ? changes.metadata : {};
  return { ...changes, apiVersion, kind, metadata: { ...changedMetadata, ...identity } } as unknown as KubeObject;
}

function changesOf(old: JsonObject, wanted: JsonObject): JsonObject {
  const changed = Object.entries(wanted).filter(([key, value]) => !isDeepStrictEqual(value, old[key]));
  return Object.fromEntries(
    changed.map(([key, value]) => {
      const before = old[key];
      return [key, isJsonObject(before) && isJsonObject(value) ? changesOf(before, value) : value];
    }),
  );
}

async function operate(plan: K8sPlan, firing: Firing, context: TriggerContext, signal: AbortSignal): Promise<string> {
  const { kube } = context;
  switch (plan.operation) {
    case "create":
      return createOnce(plan, firing, kube, signal);
    case "delete":
      return (await kube.delete(plan.ref, {}, signal)) ? "deleted" : "nothing to delete at";
    case "update":
    case "patch":
      return change(plan, context, signal);
  }
}

/** As often as the object changes between reading and writing it, up to a bound. */
async function change(plan: K8sPlan, { kube }: TriggerContext, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await changeOnce(plan, kube, signal);
    } catch (error) {
      const isConflict = error instanceof EngineError && error.code === "API_CONFLICT";
      if (!isConflict || attempt === maxChangeAttempts) throw error;
    }
  }
}

/**
 * An object that is not there is created as it stands, without labels, as in the original.
 * @throws EngineError API_CONFLICT when the object was created, changed or deleted meanwhile
 */
async function changeOnce(plan: K8sPlan, kube: KubeClient, signal: AbortSignal): Promise<string> {
  const { operation, ref, object, patchType } = plan;
  const live = await kube.get(ref, signal);
  // Apply makes what is missing itself. Created in another way, its fields would belong to another manager.
  if (patchType === applyPatch) {
    await kube.patch(ref, applyPatch, object as unknown as JsonObject, { fieldManager, force: true }, signal);
    return live ? "applied" : "created";
  }
  if (!live) {
    await kube.create(object, { fieldManager }, signal);
    return "created";
  }
  try {
    return operation === "update"
      ? await update(kube, mergeOver(live, object), signal)
      : await patch(kube, plan, signal);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "API_NOT_FOUND") throw error;
    throw new EngineError("API_CONFLICT", `${refText(ref)} was deleted meanwhile`, error);
  }
}

async function update(kube: KubeClient, object: KubeObject, signal: AbortSignal): Promise<string> {
  await kube.update(object, { fieldManager }, signal);
  return "updated";
}

async function patch(kube: KubeClient, plan: K8sPlan, signal: AbortSignal): Promise<string> {
  await sendPatch(kube, plan, { fieldManager }, signal);
  return "patched";
}

function sendPatch(
  kube: KubeClient,
  { ref, object, patchType = "application/merge-patch+json", patch: operations }: K8sPlan,
  options: WriteOptions,
  signal: AbortSignal,
): Promise<KubeObject> {
  if (patchType === jsonPatch && !operations?.length) {
    throw new TerminalError(
      "MANIFEST_INVALID",
      `k8s.patchStrategy: "${patchType}" needs a list of operations in k8s.patch, and k8s.source holds an object; ` +
        `or use "application/merge-patch+json"`,
    );
  }
  const body = patchType === jsonPatch && operations ? operations : (object as unknown as JsonObject);
  return kube.patch(ref, patchType, body, options, signal);
}

/** Maps are merged, anything else is replaced; empty values do not override (spec argo-events 6.4.1). */
export function mergeOver(live: KubeObject, wanted: KubeObject): KubeObject {
  const merged = mergeJson(live as unknown as JsonObject, wanted as unknown as JsonObject);
  const resourceVersion = live.metadata.resourceVersion;
  const metadata = isJsonObject(merged.metadata) ? merged.metadata : {};
  return { ...merged, metadata: { ...metadata, ...(resourceVersion && { resourceVersion }) } } as unknown as KubeObject;
}

function mergeJson(live: JsonObject, wanted: JsonObject): JsonObject {
  const merged: Record<string, JsonValue> = { ...live };
  for (const [key, value] of Object.entries(wanted)) {
    const current = merged[key];
    if (isEmpty(value) && current !== undefined) continue;
    merged[key] = isJsonObject(current) && isJsonObject(value) ? mergeJson(current, value) : value;
  }
  return merged;
}

function isEmpty(value: JsonValue): boolean {
  if (value === null || value === "" || value === 0 || value === false) return true;
  return Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
}
