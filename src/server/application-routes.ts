import { setTimeout as sleep } from "node:timers/promises";
import express, { type Request, Router } from "express";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import type { ResourceName } from "../record/records.ts";
import { callerOf } from "./access/caller.ts";
import {
  appNamespaceOf,
  byName,
  filterOf,
  findApplication,
  newestOf,
  pageOf,
  refOf,
  shown,
  textParameter,
} from "./application-query.ts";
import { selectionOf } from "./field-selection.ts";
import { inTrace, operationOf, parseSyncRequest, syncRefusal } from "./sync-request.ts";

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

/** Below the time that the command line waits for an answer. */
const defaultRefreshTimeoutMs = 25_000;

/** The largest sync request: it may carry manifests. */
const maxBodyBytes = 2 * 1024 * 1024;

/** `/api/v1/applications`, at the paths and in the shapes of Argo CD (spec argo-cd-surface 6.2). */
export function applicationRoutes(
  applications: ApplicationAccess,
  canSync: (ref: ResourceName) => boolean,
  refreshTimeoutMs = defaultRefreshTimeoutMs,
): Router {
  const router = Router();
  router.get("/", (request, response) => {
    const all = applications.list().filter(filterOf(request)).toSorted(byName);
    const { items, metadata } = pageOf(request, all);
    const select = selectionOf(request);
    response.json(select({ items: items.map(shown), metadata: { resourceVersion: newestOf(all), ...metadata } }));
  });
  router.get("/:name", async (request, response) => {
    const { name } = request.params;
    const found = findApplication(applications, name, appNamespaceOf(request));
    const refresh = textParameter(request, "refresh");
    const select = selectionOf(request);
    if (refresh === undefined) {
      response.json(select(shown(found)));
      return;
    }
    if (refresh !== "normal" && refresh !== "hard") {
      throw new EngineError("USAGE", `refresh: "${refresh}" must be normal or hard`);
    }
    const ref = refOf(found);
    response.json(select(shown(await inTime(applications.refresh(ref, refresh === "hard"), ref, refreshTimeoutMs))));
  });
  router.post("/:name/sync", express.json({ limit: maxBodyBytes }), async (request, response) => {
    // A form or a text would count as no body, and the sync would start without what it says.
    if (hasBody(request) && !request.is("json")) {
      throw new EngineError("CONTENT_TYPE_REFUSED", "Invalid content type");
    }
    const body = parseSyncRequest(request.body);
    const found = findApplication(applications, request.params.name ?? "", appNamespaceOf(request));
    const refusal = syncRefusal(found, body);
    if (refusal !== undefined) throw new EngineError("SYNC_REFUSED", refusal);
    if (!canSync(refOf(found))) throw new EngineError("SYNC_BLOCKED", "cannot sync: blocked by sync window");
    const operation = inTrace(operationOf(found, body, callerOf(request).name), request.headers);
    response.json(shown(await applications.sync(refOf(found), operation)));
  });
  return router;
}

/** `/api/v1/tiphys/applications`: ours beside Argo CD's. */
export function applicationSensorRoutes(applications: ApplicationAccess): Router {
  const router = Router();
  router.get("/:name/sensor", (request, response) => {
    const found = findApplication(applications, request.params.name, appNamespaceOf(request));
    response.json(applications.sensor(refOf(found)));
  });
  return router;
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
