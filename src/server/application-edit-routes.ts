import { type Request, Router } from "express";
import { replaced } from "../api/application-replace.ts";
import { objectOf, textOf } from "../api/fields.ts";
import { argoApiVersion } from "../api/resources.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { rollbackOperation, withQuarantine } from "../gitops/reconcile/rollback.ts";
import { approvedPlanAnnotation } from "../gitops/sync/guard.ts";
import { applyJsonPatch, PatchError } from "../objects/json-patch.ts";
import { applyMergePatch } from "../objects/merge-patch.ts";
import type { KubeObject } from "../objects/object.ts";
import type { ResourceName } from "../record/records.ts";
import { callerOf, demand } from "./access/caller.ts";
import {
  appNamespaceOf,
  controllerNamespace,
  findApplication,
  objectNameOf,
  projectOf,
  refOf,
  shown,
  textParameter,
} from "./application-query.ts";
import type { ApplicationAccess } from "./application-routes.ts";
import { bodyObject, jsonBody } from "./body.ts";
import { inTrace } from "./sync-request.ts";

/** Changes of Applications; see `controllers/applications/application-edits.ts` for what each promises. */
export interface ApplicationEdits {
  create(object: KubeObject, options: { readonly upsert: boolean; readonly validate: boolean }): Promise<KubeObject>;
  change(
    ref: ResourceName,
    change: (now: KubeObject) => KubeObject,
    options: { readonly validate: boolean },
  ): Promise<KubeObject>;
  delete(ref: ResourceName, options: { readonly cascade: boolean; readonly background: boolean }): Promise<void>;
  terminate(ref: ResourceName): Promise<void>;
}

/** The changing part of `/api/v1/applications` (spec argo-cd-surface 6.2, 6.4). */
export function applicationEditRoutes(applications: ApplicationAccess, edits: ApplicationEdits): Router {
  const router = Router();
  const find = (request: Request): KubeObject =>
    findApplication(applications, textOf(request.params.name as JsonValue), appNamespaceOf(request));
  router.post("/", ...jsonBody(), async (request, response) => {
    const object = applicationIn(bodyObject(request), textParameter(request, "appNamespace"));
    const options = { upsert: flagOf(request, "upsert", false), validate: flagOf(request, "validate", true) };
    // One that is there is changed, and needs the rights for that.
    const there = applications.find(object.metadata.namespace ?? "", object.metadata.name ?? "");
    if (there && options.upsert) checkMove(request, there, object);
    if (!there) checkApproval(request, undefined, object);
    response.json(shown(await edits.create(object, options)));
  });
  router.put("/:name", ...jsonBody(), async (request, response) => {
    const ref = refOf(find(request));
    const wanted = applicationIn(bodyObject(request), ref.namespace);
    if (wanted.metadata.name !== ref.name) throw new EngineError("USAGE", "metadata.name: must be that of the path");
    const options = { validate: flagOf(request, "validate", true) };
    response.json(shown(await edits.change(ref, (now) => checkMove(request, now, replaced(now, wanted)), options)));
  });
  router.put("/:name/spec", ...jsonBody(), async (request, response) => {
    const spec = bodyObject(request);
    const options = { validate: flagOf(request, "validate", true) };
    const written = await edits.change(
      refOf(find(request)),
      (now) => checkMove(request, now, { ...now, spec }),
      options,
    );
    response.json(written.spec);
  });
  router.patch("/:name", ...jsonBody(), async (request, response) => {
    const { patch, patchType } = bodyObject(request);
    const change = (now: KubeObject): KubeObject =>
      checkMove(request, now, replaced(now, patched(now, textOf(patch), textOf(patchType))));
    response.json(shown(await edits.change(refOf(find(request)), change, { validate: true })));
  });
  router.delete("/:name", async (request, response) => {
    const policy = textParameter(request, "propagationPolicy") ?? "foreground";
    if (policy !== "foreground" && policy !== "background") {
      throw new EngineError("USAGE", `invalid propagation policy: ${policy} (expected foreground or background)`);
    }
    const cascade = flagOf(request, "cascade", true);
    await edits.delete(refOf(find(request)), { cascade, background: policy === "background" });
    response.json({});
  });
  router.post("/:name/rollback", ...jsonBody(), async (request, response) => {
    const found = find(request);
    const operation = inTrace(rollbackOperation(found, bodyObject(request), callerOf(request).name), request.headers);
    await edits.change(refOf(found), (now) => withQuarantine(now, operation), { validate: false });
    response.json(shown(await applications.sync(refOf(found), operation)));
  });
  router.delete("/:name/operation", async (request, response) => {
    await edits.terminate(refOf(find(request)));
    response.json({});
  });
  return router;
}

/** Whoever brings an Application into another project needs the rights there, too (spec argo-cd-surface 6.4). */
function checkMove(request: Request, now: KubeObject, wanted: KubeObject): KubeObject {
  const caller = callerOf(request);
  demand(caller, "applications", "update", objectNameOf(now));
  if (projectOf(now.spec) !== projectOf(wanted.spec)) {
    for (const action of ["create", "update"]) demand(caller, "applications", action, objectNameOf(wanted));
  }
  checkApproval(request, now, wanted);
  return wanted;
}

/** An approval lets a sync delete: by whichever way it comes, it needs what the approve route needs. */
function checkApproval(request: Request, now: KubeObject | undefined, wanted: KubeObject): void {
  const approval = wanted.metadata.annotations?.[approvedPlanAnnotation];
  if (approval === undefined || approval === now?.metadata.annotations?.[approvedPlanAnnotation]) return;
  demand(callerOf(request), "applications", "sync", objectNameOf(now ?? wanted));
}

/** An Application with what the API knows to be meant. */
function applicationIn(body: JsonObject, namespace: string | undefined): KubeObject {
  const metadata = objectOf(body.metadata);
  if (textOf(metadata.name) === "") throw new EngineError("USAGE", "metadata.name: must be given");
  const place = namespace ?? (textOf(metadata.namespace) || controllerNamespace);
  const { operation, spec } = body;
  return {
    apiVersion: argoApiVersion,
    kind: "Application",
    metadata: { ...metadata, namespace: place } as KubeObject["metadata"],
    spec: isJsonObject(spec) ? spec : {},
    ...(isJsonObject(operation) ? { operation } : {}),
  };
}

/** @throws EngineError USAGE for a patch that cannot be read or does not fit */
function patched(now: KubeObject, patch: string, type: string): KubeObject {
  if (!["", "json", "merge"].includes(type)) {
    throw new EngineError("USAGE", `Patch type '${type}' is not supported: expected json or merge`);
  }
  try {
    const parsed = JSON.parse(patch) as JsonValue;
    const target = now as unknown as JsonObject;
    const result = type === "merge" ? applyMergePatch(target, parsed) : applyJsonPatch(target, operationsIn(parsed));
    if (isJsonObject(result) && isJsonObject(result.metadata)) return result as unknown as KubeObject;
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof PatchError)) throw error;
    throw new EngineError("USAGE", `patch: ${error.message}`, error);
  }
  throw new EngineError("USAGE", "patch: what it leaves is no Application");
}

function operationsIn(patch: JsonValue): readonly JsonValue[] {
  if (Array.isArray(patch)) return patch as readonly JsonValue[];
  throw new PatchError("a JSON patch must be a list of operations");
}

export function flagOf(request: Request, name: string, fallback: boolean): boolean {
  const text = textParameter(request, name);
  if (text === undefined) return fallback;
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new EngineError("USAGE", `${name}: "${text}" must be true or false`);
}
