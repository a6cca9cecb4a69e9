import { setTimeout as sleep } from "node:timers/promises";
import express, { type Request, Router } from "express";
import { objectOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { parseLabelSelector, SelectorError } from "../objects/selector.ts";
import type { ResourceName } from "../record/records.ts";
import { operationOf, parseSyncRequest, syncRefusal } from "./sync-request.ts";

/** The Applications as the engine has them. */
export interface ApplicationAccess {
  /** All of them, from the watch cache. */
  list(): readonly KubeObject[];
  find(namespace: string, name: string): KubeObject | undefined;
  /**
   * Sets `operation` and removes `status.operationState`; resolves with the Application as stored.
   * @throws EngineError SYNC_REFUSED "another operation is already in progress"; NOT_FOUND
   */
  sync(ref: ResourceName, operation: JsonObject): Promise<KubeObject>;
  /** Resolves when compared anew; with `hard`, from manifests rendered anew. @throws EngineError NOT_FOUND */
  refresh(ref: ResourceName, hard: boolean): Promise<KubeObject>;
  /** The Application as the Sensor that it is. @throws EngineError NOT_FOUND */
  sensor(ref: ResourceName): JsonObject;
}

export interface ApplicationRouteDeps {
  /** Absent: the paths answer 404. */
  readonly applications?: ApplicationAccess;
  /** How long a GET waits for a refresh. */
  readonly refreshTimeoutMs?: number;
}

/** A name without a namespace means this one first. */
const controllerNamespace = "argocd";

/** Below the time that the command line waits for an answer. */
const defaultRefreshTimeoutMs = 25_000;

/** The largest sync request: it may carry manifests. */
const maxBodyBytes = 2 * 1024 * 1024;

/** `/api/v1/applications`, at the paths and in the shapes of Argo CD (spec argo-cd-surface 6.2). */
export function applicationRoutes(applications: ApplicationAccess, refreshTimeoutMs = defaultRefreshTimeoutMs): Router {
  const router = Router();
  router.get("/", (request, response) => {
    const items = applications.list().filter(filterOf(request)).toSorted(byName);
    response.json({ items: items.map(shown), metadata: { resourceVersion: newestOf(items) } });
  });
  router.get("/:name", async (request, response) => {
    const { name } = request.params;
    const found = findApplication(applications, name, textParameter(request, "appNamespace"));
    const refresh = textParameter(request, "refresh");
    if (refresh === undefined) {
      response.json(shown(found));
      return;
    }
    if (refresh !== "normal" && refresh !== "hard") {
      throw new EngineError("USAGE", `refresh: "${refresh}" must be normal or hard`);
    }
    const ref = refOf(found);
    response.json(shown(await inTime(applications.refresh(ref, refresh === "hard"), ref, refreshTimeoutMs)));
  });
  router.post("/:name/sync", express.json({ limit: maxBodyBytes }), async (request, response) => {
    // A form or a text would count as no body, and the sync would start without what it says.
    if (hasBody(request) && !request.is("json")) {
      throw new EngineError("USAGE", "Invalid content type: send application/json");
    }
    const body = parseSyncRequest(request.body);
    const namespace = textParameter(request, "appNamespace") ?? (textOf(body.appNamespace) || undefined);
    const found = findApplication(applications, request.params.name ?? "", namespace);
    const refusal = syncRefusal(found, body);
    if (refusal !== undefined) throw new EngineError("SYNC_REFUSED", refusal);
    response.json(shown(await applications.sync(refOf(found), operationOf(found, body))));
  });
  return router;
}

/** `/api/v1/tiphys/applications`: ours beside Argo CD's. */
export function applicationSensorRoutes(applications: ApplicationAccess): Router {
  const router = Router();
  router.get("/:name/sensor", (request, response) => {
    const found = findApplication(applications, request.params.name, textParameter(request, "appNamespace"));
    response.json(applications.sensor(refOf(found)));
  });
  return router;
}

/**
 * Without a namespace: that of the controller, else the only Application of this name.
 * @throws EngineError NOT_FOUND; USAGE that names the candidates
 */
function findApplication(applications: ApplicationAccess, name: string, namespace: string | undefined): KubeObject {
  const exact = applications.find(namespace ?? controllerNamespace, name);
  if (exact) return exact;
  const named = namespace === undefined ? applications.list().filter(({ metadata }) => metadata.name === name) : [];
  const [only, ...others] = named;
  if (only && others.length === 0) return only;
  if (only === undefined) {
    const where = namespace === undefined ? "" : ` in namespace "${namespace}"`;
    throw new EngineError("NOT_FOUND", `applications.argoproj.io "${name}" not found${where}`);
  }
  const candidates = named.map(qualifiedName).toSorted().join(", ");
  throw new EngineError("USAGE", `there is more than one Application "${name}": name one of ${candidates}`);
}

function filterOf(request: Request): (application: KubeObject) => boolean {
  const projects = [...textParameters(request, "projects"), ...textParameters(request, "project")];
  const namespace = textParameter(request, "appNamespace");
  const name = textParameter(request, "name");
  const repo = textParameter(request, "repo");
  const matches = selectorOf(textParameter(request, "selector") ?? "");
  return (application) => {
    const { metadata, spec } = application;
    return (
      (projects.length === 0 || projects.includes(projectOf(spec))) &&
      (namespace === undefined || metadata.namespace === namespace) &&
      (name === undefined || metadata.name === name) &&
      (repo === undefined || reposOf(spec).includes(repo)) &&
      matches(metadata.labels ?? {})
    );
  };
}

function selectorOf(text: string): ReturnType<typeof parseLabelSelector> {
  try {
    return parseLabelSelector(text);
  } catch (error) {
    if (error instanceof SelectorError) throw new EngineError("USAGE", `selector: ${error.message}`, error);
    throw error;
  }
}

function projectOf(spec: unknown): string {
  return isJsonObject(spec) ? textOf(spec.project) || "default" : "default";
}

function reposOf(spec: unknown): string[] {
  if (!isJsonObject(spec)) return [];
  const sources = Array.isArray(spec.sources) ? spec.sources : [spec.source];
  return sources.map((source) => textOf(objectOf(source).repoURL));
}

/** Who wrote which field is of no use to people, and half of every answer. */
function shown(application: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = application.metadata;
  return { ...application, metadata };
}

function byName(a: KubeObject, b: KubeObject): number {
  return order(a.metadata.name, b.metadata.name) || order(a.metadata.namespace, b.metadata.namespace);
}

function order(a = "", b = ""): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The cache has no version of its own: that of its newest object. */
function newestOf(applications: readonly KubeObject[]): string {
  const versions = applications.map(({ metadata }) => Number(metadata.resourceVersion ?? 0));
  return String(Math.max(0, ...versions.filter(Number.isSafeInteger)));
}

function refOf({ metadata }: KubeObject): ResourceName {
  return { namespace: metadata.namespace ?? "", name: metadata.name ?? "" };
}

function qualifiedName(application: KubeObject): string {
  const { namespace, name } = refOf(application);
  return `${namespace}/${name}`;
}

/** What the refresh does goes on after the time is over. */
async function inTime(refresh: Promise<KubeObject>, ref: ResourceName, timeoutMs: number): Promise<KubeObject> {
  const done = new AbortController();
  const timeout = sleep(timeoutMs, undefined, { signal: done.signal, ref: false }).then(
    () => {
      const what = `Application "${ref.namespace}/${ref.name}"`;
      throw new EngineError("WAIT_TIMEOUT", `${what} was not compared anew within ${timeoutMs} ms`);
    },
    () => refresh, // the refresh was faster
  );
  try {
    return await Promise.race([refresh, timeout]);
  } finally {
    done.abort();
  }
}

function hasBody({ headers }: Request): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function textParameter(request: Request, name: string): string | undefined {
  const [value, ...more] = textParameters(request, name);
  if (more.length > 0) throw new EngineError("USAGE", `${name}: must be given once`);
  return value;
}

/** Those that are not empty. */
function textParameters(request: Request, name: string): string[] {
  const value = request.query[name];
  const texts = (Array.isArray(value) ? value : [value]).filter((one) => one !== undefined && one !== "");
  if (texts.every((one) => typeof one === "string")) return texts;
  throw new EngineError("USAGE", `${name}: must be a text`);
}
