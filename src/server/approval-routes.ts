import { type Request, Router } from "express";
import { listOf, objectOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { approvedPlanAnnotation, type WaitingPlan, waitingPlan } from "../gitops/sync/guard.ts";
import type { KubeObject } from "../objects/object.ts";
import type { ApplicationEdits } from "./application-edit-routes.ts";
import { type ApplicationList, appNamespaceOf, findApplication, refOf } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";

/**
 * Below `/api/v1/tiphys/applications/NAME`: `GET approval` says what an automated sync waits with, `POST approve
 * {"plan": DIGEST}` lets it go on. The digest is that of what is deleted: another plan needs another approval.
 */
export function approvalRoutes(applications: ApplicationList, edits: Pick<ApplicationEdits, "change">): Router {
  const router = Router();
  const find = (request: Request): KubeObject =>
    findApplication(applications, textOf(request.params.name as JsonValue), appNamespaceOf(request));
  router.get("/:name/approval", (request, response) => {
    response.json(waitingIn(find(request)));
  });
  router.post("/:name/approve", ...jsonBody(), async (request, response) => {
    const { plan } = bodyObject(request);
    if (typeof plan !== "string" || plan === "") {
      throw new EngineError("USAGE", "plan: must be the digest of the plan that waits, as GET approval answers it");
    }
    const approve = (now: KubeObject): KubeObject => approved(now, plan);
    await edits.change(refOf(find(request)), approve, { validate: false });
    response.json({ plan });
  });
  return router;
}

/** @throws EngineError APPROVAL_NOT_WANTED */
function waitingIn({ metadata: { name = "" }, status }: KubeObject): WaitingPlan {
  const fields = isJsonObject(status) ? status : {};
  const operation = objectOf(fields.operationState);
  const told = listOf(fields.conditions).map((condition) => textOf(objectOf(condition).message));
  const messages = textOf(operation.phase) === "Running" ? [textOf(operation.message), ...told] : told;
  for (const message of messages) {
    const waiting = waitingPlan(message);
    if (waiting !== undefined) return waiting;
  }
  throw new EngineError("APPROVAL_NOT_WANTED", `Application '${name}' waits for no approval`);
}

function approved(now: KubeObject, plan: string): KubeObject {
  const waiting = waitingIn(now);
  if (plan !== waiting.plan) {
    throw new EngineError("USAGE", `plan: "${plan}" is not the plan that waits now, ${waiting.plan}`);
  }
  const annotations = { ...now.metadata.annotations, [approvedPlanAnnotation]: plan };
  return { ...now, metadata: { ...now.metadata, annotations } };
}
