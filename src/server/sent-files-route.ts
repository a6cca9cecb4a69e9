import { createHash } from "node:crypto";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import { objectOf, textOf } from "../api/fields.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import { createSlots } from "../base/slots.ts";
import { applicationFor } from "./access/rights.ts";
import { refOf } from "./application-query.ts";
import { type ApplicationLooks, manifestsJson } from "./application-resource-routes.ts";
import type { ApplicationAccess } from "./application-routes.ts";

/** Of the lines, in which the archive is a third longer. */
const maxBodyBytes = 24 * 1024 * 1024;

/**
 * `POST /api/v1/applications/manifestsWithFiles`, a stream of the client's (spec argo-cd-surface 6.2): lines of JSON,
 * `{"query": {"name", "appNamespace", "project", "checksum"}}`, then `{"chunk": {"chunk": base64}}`, together a tar with
 * gzip. One is taken at a time: each may hold much memory.
 */
export function sentFilesRoute(applications: ApplicationAccess, looks: ApplicationLooks): Router {
  const router = Router();
  const slots = createSlots(1);
  const takeTurn = async (_: Request, response: Response, next: NextFunction): Promise<void> => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const turn = await slots.take(gone.signal);
    response.once("close", () => turn[Symbol.dispose]());
    if (response.closed) turn[Symbol.dispose]();
    next();
  };
  const body = express.raw({ type: () => true, limit: maxBodyBytes });
  router.post("/manifestsWithFiles", checkType, takeTurn, body, async (request, response) => {
    const [first, ...rest] = linesOf(request.body);
    const query = queryOf(first);
    const [namespace, project] = [textOf(query.appNamespace), textOf(query.project)];
    const asked = { name: textOf(query.name), namespace: namespace || undefined, hint: project || undefined };
    const found = applicationFor(request, applications, asked, "get");
    const archive = archiveOf(rest, textOf(query.checksum));
    const { manifests, type } = await looks.manifestsOf(refOf(found), archive);
    response.json({ ...manifestsJson(manifests, found, looks), revision: "", sourceType: type });
  });
  return router;
}

/** A page of another site cannot send it (spec argo-cd-surface 6.1). */
function checkType(request: Request, _: Response, next: NextFunction): void {
  if (!request.is(["json", "application/x-ndjson"])) {
    throw new EngineError("CONTENT_TYPE_REFUSED", "Invalid content type");
  }
  next();
}

/** @throws EngineError USAGE for what is no lines of JSON */
function linesOf(body: unknown): readonly JsonObject[] {
  const text = Buffer.isBuffer(body) ? body.toString("utf8") : "";
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(parseLine);
}

function queryOf(line: JsonObject | undefined): JsonObject {
  const query = line?.query;
  if (isJsonObject(query) && textOf(query.name) !== "") return query;
  throw new EngineError("USAGE", 'the first line must be {"query": {"name": …}} and name an Application');
}

/** @throws EngineError USAGE for what is not whole */
function archiveOf(lines: readonly JsonObject[], checksum: string): Buffer {
  const chunks = lines.map((line, index) => {
    const { chunk } = objectOf(line.chunk);
    if (typeof chunk === "string") return Buffer.from(chunk, "base64");
    throw new EngineError("USAGE", `line ${index + 2} must be {"chunk": {"chunk": …}} with base64`);
  });
  const archive = Buffer.concat(chunks);
  if (archive.length === 0) throw new EngineError("USAGE", "no chunk brings files");
  const digest = createHash("sha256").update(archive).digest("hex");
  if (checksum === "" || checksum === digest) return archive;
  throw new EngineError("USAGE", `query.checksum: "${checksum}" is not the SHA-256 of what came, ${digest}`);
}

function parseLine(line: string, index: number): JsonObject {
  try {
    const value = parseJson(line);
    if (isJsonObject(value)) return value;
  } catch (error) {
    throw new EngineError("USAGE", `line ${index + 1} is no JSON: ${messageOf(error)}`, error);
  }
  throw new EngineError("USAGE", `line ${index + 1} must be an object`);
}
