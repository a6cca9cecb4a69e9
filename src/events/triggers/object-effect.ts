import { createHash } from "node:crypto";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import type { Firing, TriggerContext } from "./trigger.ts";

/** What triggers that write objects of Kubernetes share: marks, names, and creating once. */

export const effectAnnotation = "tiphys.io/effect-key";
export const fieldManager = "tiphys";

/** @throws TerminalError MANIFEST_INVALID that names `path` */
export function checkObject(value: JsonValue, path: string): KubeObject {
  if (!isJsonObject(value)) throw new TerminalError("MANIFEST_INVALID", `${path}: must hold an object`);
  for (const field of ["apiVersion", "kind"]) {
    if (typeof value[field] !== "string" || value[field] === "") {
      throw new TerminalError("MANIFEST_INVALID", `${path}: the object must have ${field}`);
    }
  }
  const metadata = isJsonObject(value.metadata) ? value.metadata : {};
  return { ...value, metadata } as unknown as KubeObject;
}

/** The object's own, else the Sensor's; none for kinds that live in no namespace. */
export async function namespaceOf(
  { apiVersion, kind, metadata }: KubeObject,
  firing: Firing,
  { kube }: Pick<TriggerContext, "kube">,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!(await kube.isNamespaced({ apiVersion, kind }, signal))) return undefined;
  return metadata.namespace || firing.sensor.namespace;
}

/** @throws TerminalError MANIFEST_INVALID that names `path`, for an object without a name */
export function refOf({ apiVersion, kind, metadata }: KubeObject, operation: string, path: string): ObjectRef {
  const { name, namespace } = metadata;
  if (!name) {
    const orGenerate = operation === "create" ? " or metadata.generateName" : "";
    throw new TerminalError("MANIFEST_INVALID", `${path}: the ${kind} must have metadata.name${orGenerate}`);
  }
  return { apiVersion, kind, name, ...(namespace && { namespace }) };
}

/** Labels of the original, and what makes a repeat of this firing recognisable. */
export function withMarks(object: KubeObject, firing: Firing, { clock }: Pick<TriggerContext, "clock">): KubeObject {
  const { generateName, ...metadata } = object.metadata;
  const hash = effectHash(firing);
  // A generated name follows from the firing, so that a repeat asks for the same one.
  const name = metadata.name || (generateName ? generateName.slice(0, 53) + hash.slice(0, 10) : undefined);
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(name !== undefined && { name }),
      labels: {
        ...metadata.labels,
        "events.argoproj.io/sensor": labelValue(firing.sensor.name),
        "events.argoproj.io/trigger": labelValue(firing.trigger),
        "events.argoproj.io/action-timestamp": String(clock.now()),
      },
      annotations: { ...metadata.annotations, [effectAnnotation]: hash },
    },
  };
}

export function effectHash({ key }: Pick<Firing, "key">): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}

/** Creates the object, unless the same firing did already. @throws EngineError API_CONFLICT when another one made it */
export async function createOnce(
  { ref, object }: { readonly ref: ObjectRef; readonly object: KubeObject },
  firing: Firing,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<string> {
  try {
    await kube.create(object, { fieldManager }, signal);
    return "created";
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "API_CONFLICT") throw error;
    const live = await kube.get(ref, signal);
    if (live?.metadata.annotations?.[effectAnnotation] === effectHash(firing)) return "had already created";
    throw error;
  }
}

/** Names of triggers may be longer than a label, and hold what it may not: the original's objects are refused then. */
export function labelValue(name: string): string {
  const allowed = name.replace(/[^A-Za-z0-9_.-]+/g, "-").slice(0, 63);
  return allowed.replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
}
