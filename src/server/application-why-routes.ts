import { Router } from "express";
import type { ResourceName } from "../record/records.ts";
import { type ApplicationList, appNamespaceOf, findApplication, refOf, textParameter } from "./application-query.ts";

/** See `controllers/applications/application-why.ts`. */
export type ExplainApplication = (ref: ResourceName, commit?: string) => Promise<object>;

/** `/api/v1/tiphys/applications/{name}/why?not=COMMIT`: ours beside Argo CD's. */
export function applicationWhyRoutes(applications: ApplicationList, explain: ExplainApplication): Router {
  const router = Router();
  router.get("/:name/why", async (request, response) => {
    const found = findApplication(applications, request.params.name, appNamespaceOf(request));
    response.json(await explain(refOf(found), textParameter(request, "not")));
  });
  return router;
}
