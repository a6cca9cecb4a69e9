import { setTimeout as sleep } from "node:timers/promises";
import { type Request, type Response, Router } from "express";
import { objectsOf } from "../api/fields.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { callerOf, demand, setCaller } from "./access/caller.ts";
import {
  appNamespaceOf,
  byName,
  filterOf,
  findApplication,
  objectNameOf,
  refOf,
  shown,
  textParameter,
} from "./application-query.ts";
import type { ApplicationLooks } from "./application-resource-routes.ts";
import type { ApplicationAccess } from "./application-routes.ts";
import { selectionOf } from "./field-selection.ts";
import { whenGone } from "./gone.ts";
import { levelsOf, nodesOf } from "./tree-levels.ts";

export interface ApplicationChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly application: KubeObject;
}

/** Called for each change from now on. Returns the way to stop. */
export type WatchApplications = (listener: (change: ApplicationChange) => void) => () => void;

/** A reader that is so far behind is let go: it lists again. */
const maxBehindBytes = 16 * 1024 * 1024;
/** Between looks at what the reader may see. */
const rightsMs = 5_000;
/** Between looks at a tree. */
const treeMs = 1_000;

/** `/api/v1/stream/applications` (spec argo-cd-surface 6.1, 6.2): lines of JSON, or server-sent events. */
export function applicationStreamRoutes(
  applications: ApplicationAccess,
  looks: ApplicationLooks,
  watch: WatchApplications,
): Router {
  const router = Router();
  router.get("/", (request, response) => {
    const isWanted = filterOf(request);
    const existing = [...applications.list()].filter(isWanted).toSorted(byName);
    const { send, fail, ended } = openStream(request, response);
    followRights(request, fail, ended);
    const isFromNow = textParameter(request, "resourceVersion") && !textParameter(request, "name");
    if (!isFromNow) for (const application of existing) send({ type: "ADDED", application: shown(application) });
    const stop = watch(({ type, application }) => {
      if (isWanted(application)) send({ type, application: shown(application) });
    });
    ended.addEventListener("abort", stop, { once: true });
    if (ended.aborted) stop();
  });
  router.get("/:name/resource-tree", async (request, response) => {
    const found = findApplication(applications, request.params.name, appNamespaceOf(request));
    const levels = levelsOf(request);
    const look = async (): Promise<JsonObject> => {
      const tree = await looks.tree(refOf(found));
      return levels === undefined ? tree : { ...tree, nodes: nodesOf(objectsOf(tree.nodes), levels) };
    };
    const first = await look();
    const { send, fail, ended } = openStream(request, response);
    followRights(request, fail, ended);
    let last = JSON.stringify(first);
    send(first);
    while (!ended.aborted) {
      await sleep(treeMs, undefined, { signal: ended, ref: false }).catch(() => undefined);
      if (ended.aborted) return;
      try {
        demand(callerOf(request), "applications", "get", objectNameOf(found));
        const tree = await look();
        const text = JSON.stringify(tree);
        if (text !== last) send(tree);
        last = text;
      } catch (error) {
        fail(messageOf(error));
        return;
      }
    }
  });
  return router;
}

/** A session may end, and rights may go, while an answer lasts. */
function followRights(request: Request, fail: (message: string) => void, ended: AbortSignal): void {
  if (callerOf(request).isRoot) return;
  const look = async (): Promise<void> => {
    try {
      setCaller(request, await callerOf(request).again());
    } catch (error) {
      if (error instanceof EngineError && error.code === "UNAUTHORIZED") fail(error.message);
      // While the cluster does not answer, what was known counts.
    }
  };
  if (ended.aborted) return;
  const timer = setInterval(() => void look(), rightsMs);
  ended.addEventListener("abort", () => clearInterval(timer), { once: true });
}

function openStream(request: Request, response: Response) {
  const select = selectionOf(request);
  const isEvents = (request.headers.accept ?? "").includes("text/event-stream");
  response.status(200).set("cache-control", "no-cache");
  response.type(isEvents ? "text/event-stream" : "application/json").flushHeaders();
  const write = (value: object): void => {
    const text = JSON.stringify(value);
    response.write(isEvents ? `data: ${text}\n\n` : `${text}\n`);
    if (response.writableLength > maxBehindBytes) response.destroy();
  };
  return {
    ended: whenGone(response),
    send: (result: object | JsonValue): void => write(select({ result })),
    fail(message: string): void {
      write({ error: { message, grpc_code: 13 } });
      response.end();
    },
  };
}
