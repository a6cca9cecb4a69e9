import { isDeepStrictEqual } from "node:util";
import { type Request, Router } from "express";
import { objectOf, textOf } from "../api/fields.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { maskSecrets } from "../gitops/diff/mask.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { type ApplicationList, appNamespaceOf, findApplication, refOf, textParameters } from "./application-query.ts";
import { type ApplicationLooks, findPart } from "./application-resource-routes.ts";

const maxTargets = 100;
const timeoutMs = 30_000;
/** As syncs write: what it owns, a target takes away. */
const fieldManager = "argocd-controller";

/**
 * `/api/v1/applications/NAME/server-side-diff?targetManifests=…` (spec argo-cd-surface 6.2): what the cluster would make of
 * these targets, by a dry run. Only objects of the Application's tree are looked at: of others a target shows itself alone.
 */
export function serverSideDiffRoutes(applications: ApplicationList, looks: ApplicationLooks): Router {
  const router = Router();
  router.get("/:name/server-side-diff", async (request, response) => {
    const name = textOf(request.params.name as JsonValue);
    const application = findApplication(applications, name, appNamespaceOf(request));
    const targets = targetsIn(request);
    const tree = await looks.liveTree(refOf(application));
    const known = { ...looks, liveTree: async () => tree };
    const signal = AbortSignal.timeout(timeoutMs);
    const items: JsonObject[] = [];
    for (const target of targets) items.push(await itemOf(target, application, known, signal));
    response.json({ items, modified: items.some(({ modified }) => modified === true) });
  });
  return router;
}

/** @throws EngineError USAGE */
function targetsIn(request: Request): readonly KubeObject[] {
  const texts = textParameters(request, "targetManifests");
  if (texts.length > maxTargets) throw new EngineError("USAGE", `targetManifests: at most ${maxTargets} are taken`);
  return texts.map((text, index) => {
    const target = jsonOf(text, index);
    const { apiVersion, kind, metadata } = target;
    if (textOf(apiVersion) !== "" && textOf(kind) !== "" && textOf(objectOf(metadata).name) !== "") {
      return target as unknown as KubeObject;
    }
    throw new EngineError("USAGE", `targetManifests[${index}]: must have apiVersion, kind and metadata.name`);
  });
}

function jsonOf(text: string, index: number): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch (error) {
    throw new EngineError("USAGE", `targetManifests[${index}]: must be JSON (${messageOf(error)})`, error);
  }
  throw new EngineError("USAGE", `targetManifests[${index}]: must be an object`);
}

async function itemOf(
  target: KubeObject,
  application: KubeObject,
  looks: ApplicationLooks,
  signal: AbortSignal,
): Promise<JsonObject> {
  const slash = target.apiVersion.lastIndexOf("/");
  const group = slash < 0 ? "" : target.apiVersion.slice(0, slash);
  const { name = "", namespace = "" } = target.metadata;
  const wanted = { group, version: target.apiVersion.slice(slash + 1), kind: target.kind, namespace, name };
  const part = await findPart(application, wanted, looks).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === "USAGE") return undefined; // it is new
    throw error;
  });
  const found = part && (await sidesOf(part.kube, part.ref, target, signal));
  const live = found?.live ?? null;
  const shown = found?.predicted ?? (target as unknown as JsonObject);
  const isSecret = target.kind === "Secret" && group === "";
  const sides = isSecret ? masked(live, shown, looks.maskedAnnotations()) : { live, target: shown };
  return {
    ...{ group, kind: target.kind, namespace: part?.ref.namespace ?? namespace, name },
    liveState: JSON.stringify(sides.live),
    targetState: JSON.stringify(sides.target),
    modified: live === null || !isDeepStrictEqual(comparable(live), comparable(found?.predicted ?? {})),
  };
}

async function sidesOf(
  kube: KubeClient,
  ref: Parameters<KubeClient["get"]>[0],
  target: KubeObject,
  signal: AbortSignal,
): Promise<{ readonly live: JsonObject; readonly predicted: JsonObject } | undefined> {
  const live = await kube.get(ref, signal);
  if (live === undefined) return undefined;
  const metadata = { ...target.metadata, ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }) };
  const applied = { ...target, metadata } as unknown as JsonObject;
  const options = { dryRun: true, force: true, fieldManager };
  const predicted = await kube.patch(ref, "application/apply-patch+yaml", applied, options, signal);
  return { live: live as unknown as JsonObject, predicted: predicted as unknown as JsonObject };
}

/** Without what each write changes. */
function comparable(object: JsonObject): JsonObject {
  const {
    managedFields: _fields,
    resourceVersion: _version,
    generation: _generation,
    ...metadata
  } = objectOf(object.metadata);
  return { ...object, metadata };
}

/** Values of Secrets are never shown; that they differ is. */
function masked(live: JsonObject | null, target: JsonObject, annotations: readonly string[]) {
  const { stringData, ...rest } = target;
  const named = isJsonObject(stringData) ? { data: { ...objectOf(rest.data), ...stringData } } : {};
  const sides = maskSecrets({ target: { ...rest, ...named }, live: live ?? {} }, { annotations });
  return { live: live === null ? null : sides.live, target: sides.target };
}
