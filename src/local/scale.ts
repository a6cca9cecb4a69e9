import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../base/json.ts";
import { objectAt } from "./kinds.ts";
import { claimUpdate } from "./ownership.ts";
import { readPatch } from "./patches.ts";
import { type ResourceRequest, readObjectBody } from "./request.ts";
import type { ScalePaths } from "./resources.ts";
import { invalid, methodNotAllowed } from "./status-error.ts";
import { needObject, type WriteDeps } from "./stored-object.ts";
import { changeObject } from "./writes.ts";

/** GET, PUT and PATCH of `/scale`: the replicas of a workload as an `autoscaling/v1` Scale, as JSON. @throws StatusError */
export async function serveScale(deps: WriteDeps, target: ResourceRequest, name: string): Promise<string> {
  const change = await readChange(target, name);
  if (change === undefined) {
    await deps.store.settled();
    return JSON.stringify(scaleOf(target, needObject(deps, target, name)));
  }
  const main = { ...target, subresource: undefined };
  const text = await changeObject(
    deps,
    main,
    name,
    (old) => withScale(target, old, change(scaleOf(target, old))),
    (write) => claimUpdate({ ...write, target }),
  );
  return JSON.stringify(scaleOf(target, parseJson(text) as JsonObject));
}

/** Undefined: a read. */
async function readChange(
  target: ResourceRequest,
  name: string,
): Promise<((old: JsonObject) => JsonObject) | undefined> {
  if (target.request.method === "GET") return undefined;
  if (target.request.method === "PATCH") return readPatch(target, name);
  if (target.request.method !== "PUT") throw methodNotAllowed();
  const body = await readObjectBody(target.request);
  return () => body;
}

const builtInPaths: ScalePaths = {
  spec: ["spec", "replicas"],
  status: ["status", "replicas"],
  selector: ["spec", "selector"],
};

function pathsOf({ resource }: ResourceRequest): ScalePaths {
  return resource.custom?.scale ?? builtInPaths;
}

function valueAt(object: JsonObject, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((value, step) => (isJsonObject(value) ? value[step] : undefined), object);
}

function withValueAt(object: JsonObject, [step = "", ...rest]: readonly string[], value: JsonValue): JsonObject {
  return { ...object, [step]: rest.length === 0 ? value : withValueAt(objectAt(object, step), rest, value) };
}

function scaleOf(target: ResourceRequest, object: JsonObject): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = objectAt(object, "metadata");
  const paths = pathsOf(target);
  const replicas = valueAt(object, paths.spec) ?? 0;
  const selector = paths.selector.length === 0 ? undefined : valueAt(object, paths.selector);
  const text = isJsonObject(selector) ? selectorText(selector) : String(selector ?? "");
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      name: name ?? "",
      namespace: namespace ?? "",
      uid: uid ?? "",
      resourceVersion: resourceVersion ?? "",
      creationTimestamp: creationTimestamp ?? null,
    },
    spec: { replicas },
    status: { replicas: valueAt(object, paths.status) ?? 0, ...(text === "" ? {} : { selector: text }) },
  };
}

/** As in `?labelSelector=`. */
function selectorText(selector: JsonObject): string {
  const labels = Object.entries(objectAt(selector, "matchLabels")).map(([key, value]) => `${key}=${String(value)}`);
  const { matchExpressions } = selector;
  const expressions = Array.isArray(matchExpressions) ? matchExpressions.filter(isJsonObject) : [];
  return [...labels.toSorted(), ...expressions.map(expressionText)].join(",");
}

function expressionText({ key, operator, values }: JsonObject): string {
  if (operator === "Exists") return String(key);
  if (operator === "DoesNotExist") return `!${String(key)}`;
  const list = Array.isArray(values) ? values.join(",") : "";
  return `${String(key)} ${String(operator).toLowerCase()} (${list})`;
}

/** The workload with the replicas of the Scale, whose resourceVersion and uid are preconditions. */
function withScale(target: ResourceRequest, old: JsonObject, scale: JsonObject): JsonObject {
  const { replicas = 0 } = objectAt(scale, "spec");
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0) {
    const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
    const name = String(objectAt(old, "metadata").name);
    throw invalid(target.resource, name, [{ field: "spec.replicas", message, reason: "FieldValueInvalid" }]);
  }
  const { resourceVersion, uid } = objectAt(scale, "metadata");
  const metadata = { ...objectAt(old, "metadata"), resourceVersion: resourceVersion ?? "", uid: uid ?? "" };
  return withValueAt({ ...old, metadata }, pathsOf(target).spec, replicas);
}
