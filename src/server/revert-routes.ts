import { type Request, Router } from "express";
import { textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonValue } from "../base/json.ts";
import type { ResourceName } from "../record/records.ts";
import { callerOf } from "./access/caller.ts";
import { type ApplicationList, appNamespaceOf, findApplication, refOf } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";

/** See `controllers/applications/git-revert.ts`. */
export type RevertInGit = (
  ref: ResourceName,
  wish: { readonly id?: number; readonly branch?: string; readonly by: string },
) => Promise<readonly object[]>;

/**
 * `POST /api/v1/tiphys/applications/NAME/revert {"id"?, "branch"?}`: a rollback as commits, `{commits: [{repoURL, path,
 * branch, commit, restored}]}`. Without `id` to the newest deployment of something else than Git says now.
 */
export function revertRoutes(applications: ApplicationList, revert: RevertInGit): Router {
  const router = Router();
  router.post("/:name/revert", ...jsonBody(), async (request: Request, response) => {
    const found = findApplication(applications, textOf(request.params.name as JsonValue), appNamespaceOf(request));
    const { id, branch } = bodyObject(request);
    if (id !== undefined && !Number.isSafeInteger(id))
      throw new EngineError("USAGE", "id: must be that of a deployment");
    if (branch !== undefined && (typeof branch !== "string" || branch === "")) {
      throw new EngineError("USAGE", "branch: must be the name of a branch");
    }
    const asked = { ...(id === undefined ? {} : { id: Number(id) }), ...(branch === undefined ? {} : { branch }) };
    response.json({ commits: await revert(refOf(found), { ...asked, by: callerOf(request).name }) });
  });
  return router;
}
