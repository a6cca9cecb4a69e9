import express, { type Router } from "express";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";

/** Whether an object may be stored, in the place of `old` when it is changed; `src/validate` has it. */
export type Admit = (
  object: unknown,
  old?: unknown,
) => { readonly denied?: string; readonly warnings: readonly string[] };

/** Kubernetes stores up to 1.5 MiB, and a review may hold the object twice. */
const maxReviewBytes = 4 * 1024 * 1024;

/**
 * `POST /validate`: AdmissionReview of admission.k8s.io/v1, for a ValidatingWebhookConfiguration. It needs no token, since
 * the Kubernetes API has none to send; it reads and keeps nothing but the body.
 */
export function admissionRoute(admit: Admit): Router {
  const router = express.Router();
  router.post("/", express.json({ limit: maxReviewBytes }), (request, response) => {
    response.json(review(request.body, admit));
  });
  return router;
}

const apiVersion = "admission.k8s.io/v1";

/** @throws EngineError USAGE for a body that is no AdmissionReview */
function review(body: unknown, admit: Admit): object {
  if (!isJsonObject(body) || body.apiVersion !== apiVersion || body.kind !== "AdmissionReview") {
    throw new EngineError("USAGE", `the request: must be an AdmissionReview of ${apiVersion}`);
  }
  const { request } = body;
  if (!isJsonObject(request) || typeof request.uid !== "string" || request.uid === "") {
    throw new EngineError("USAGE", "the request: request.uid is required");
  }
  return { apiVersion, kind: "AdmissionReview", response: { uid: request.uid, ...decide(request, admit) } };
}

function decide({ operation, object, oldObject }: JsonObject, admit: Admit): object {
  if (!isJsonObject(object) || operation === "DELETE") return { allowed: true };
  const { denied, warnings } = admit(object, oldObject);
  if (denied === undefined) return { allowed: true, ...(warnings.length === 0 ? {} : { warnings }) };
  return { allowed: false, status: { status: "Failure", reason: "BadRequest", code: 400, message: denied } };
}
