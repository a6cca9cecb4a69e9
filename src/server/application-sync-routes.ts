import { Router } from "express";
import type { History } from "../ledger/history.ts";
import { type ApplicationList, appNamespaceOf, findApplication, refOf } from "./application-query.ts";
import { limitOf, numberOf, optional } from "./questions.ts";

/**
 * `/api/v1/tiphys/applications/{name}/syncs?limit=50&before=`: every sync that the ledger has, those that failed too, the
 * newest first. `status.history` has the last ones that succeeded.
 */
export function applicationSyncRoutes(applications: ApplicationList, history: History): Router {
  const router = Router();
  router.get("/:name/syncs", async (request, response) => {
    const found = findApplication(applications, request.params.name, appNamespaceOf(request));
    const [limit, before] = [limitOf(request), numberOf(request, "before")];
    await history.caughtUp();
    const query = { kind: "sync" as const, sensor: refOf(found), limit, ...optional("before", before) };
    response.json({ syncs: await history.records(query) });
  });
  return router;
}
