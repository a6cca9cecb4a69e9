import { type Request, Router } from "express";
import { objectsOf, textOf } from "../api/fields.ts";
import type { Instant } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import { diffMergePatch } from "../objects/merge-patch.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import { appNamespaceOf, findApplication, type ObjectQuery, objectQueryOf } from "./application-query.ts";
import { type ApplicationLooks, findPart } from "./application-resource-routes.ts";
import type { ApplicationAccess } from "./application-routes.ts";
import { bodyObject, jsonBody } from "./body.ts";

/** What can be done with an object. Pure: what is to be written comes back. */
export interface ResourceActions {
  list(
    object: KubeObject,
    now: Instant,
  ): readonly {
    readonly name: string;
    readonly disabled: boolean;
    readonly params: readonly object[];
  }[];
  /** @throws EngineError USAGE for an action that is not there or is disabled, or a bad parameter */
  run(
    object: KubeObject,
    name: string,
    params: Readonly<Record<string, string>>,
    now: Instant,
  ): readonly { readonly operation: "create" | "patch"; readonly object: JsonObject }[];
}

/** `/api/v1/applications/NAME/resource/actions` (spec argo-cd-surface 6.2). */
export function applicationActionRoutes(
  applications: ApplicationAccess,
  looks: ApplicationLooks,
  actions: ResourceActions,
  now: () => Instant,
): Router {
  const router = Router();
  const find = (request: Request): KubeObject =>
    findApplication(applications, textOf(request.params.name as JsonValue), appNamespaceOf(request));
  async function read(request: Request, query: ObjectQuery) {
    const { ref, kube } = await findPart(find(request), query, looks);
    const object = await kube.get(ref);
    if (object !== undefined) return { ref, kube, object };
    throw new EngineError("NOT_FOUND", `${ref.kind} "${ref.name}" not found`);
  }
  async function run(request: Request, query: ObjectQuery, name: string, params: readonly JsonObject[]): Promise<void> {
    const { ref, kube, object } = await read(request, query);
    const values = Object.fromEntries(params.map((param) => [textOf(param.name), textOf(param.value)]));
    for (const impact of actions.run(object, name, values, now())) await write(kube, ref, object, impact);
  }
  router.get("/:name/resource/actions", async (request, response) => {
    const { object } = await read(request, objectQueryOf(request));
    response.json({ actions: actions.list(object, now()) });
  });
  router.post("/:name/resource/actions/v2", ...jsonBody(), async (request, response) => {
    const { action, resourceActionParameters, group, version, kind, namespace, resourceName } = bodyObject(request);
    const query = {
      group: textOf(group),
      version: textOf(version),
      kind: textOf(kind),
      namespace: textOf(namespace),
      name: textOf(resourceName),
    };
    await run(request, query, textOf(action), objectsOf(resourceActionParameters));
    response.json({});
  });
  router.post("/:name/resource/actions", ...jsonBody(), async (request, response) => {
    if (typeof request.body !== "string") throw new EngineError("USAGE", "request: must be the action's name, as JSON");
    await run(request, objectQueryOf(request), request.body, []);
    response.json({});
  });
  return router;
}

async function write(
  kube: KubeClient,
  ref: ObjectRef,
  before: KubeObject,
  { operation, object }: { readonly operation: "create" | "patch"; readonly object: JsonObject },
): Promise<void> {
  const options = { fieldManager: "tiphys" };
  if (operation === "create") {
    await kube.create(object as unknown as KubeObject, options);
    return;
  }
  const patch = diffMergePatch(before as unknown as JsonObject, object);
  if (patch === undefined) return;
  const type = "application/merge-patch+json";
  await kube.patch(ref, type, patch, options);
  if (!isJsonObject(patch) || patch.status === undefined) return;
  try {
    await kube.patch(ref, type, { status: patch.status }, { ...options, subresource: "status" });
  } catch (error) {
    // Without such a subresource the first patch has written it.
    if (!(error instanceof EngineError) || error.code !== "API_NOT_FOUND") throw error;
  }
}
