import express, { type Request, type RequestHandler } from "express";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";

/** The largest body of Argo CD's paths: it may carry manifests. */
const maxBodyBytes = 2 * 1024 * 1024;

/** Reads JSON, also a text or a number on its own. A page of another site cannot send it (spec argo-cd-surface 6.1). */
export function jsonBody(): readonly RequestHandler[] {
  return [checkType, express.json({ limit: maxBodyBytes, strict: false })];
}

const checkType: RequestHandler = (request, _, next) => {
  const hasBody =
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  if (hasBody && !request.is("json")) throw new EngineError("CONTENT_TYPE_REFUSED", "Invalid content type");
  next();
};

/** @throws EngineError USAGE when it is none; absent counts as empty */
export function bodyObject({ body }: Request): JsonObject {
  if (body === undefined || body === null) return {};
  if (isJsonObject(body)) return body;
  throw new EngineError("USAGE", "request: must be an object");
}
