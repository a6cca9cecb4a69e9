import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { SyncRecord } from "../../record/records.ts";
import { type EngineClient, type GlobalFlags, requireEngine } from "../engine-client.ts";
import { exitingWith, withRemedy } from "../exit.ts";

/** An Application as people name it; without a namespace the engine looks for it. */
export interface AppName {
  readonly name: string;
  readonly namespace?: string;
  /** The one that it must be of. */
  readonly project?: string;
}

export interface ListQuery {
  readonly projects?: readonly string[];
  readonly selector?: string;
  readonly repo?: string;
  readonly appNamespace?: string;
}

/** Applications over the API; what it refuses exits with 20, as in the original. */
export interface ApplicationsClient {
  /** Of the engine: `http://127.0.0.1:8080`. */
  readonly url: string;
  list(query: ListQuery): Promise<readonly KubeObject[]>;
  /** With `refresh`: once it is compared anew. */
  get(app: AppName, refresh?: "normal" | "hard", signal?: AbortSignal): Promise<KubeObject>;
  sync(app: AppName, body: JsonObject): Promise<KubeObject>;
  sensor(app: AppName): Promise<JsonObject>;
  /** The plan that an automated sync waits with. @throws EngineError NOT_FOUND, APPROVAL_NOT_WANTED */
  approval(app: AppName): Promise<{ readonly plan: string; readonly message: string }>;
  approve(app: AppName, plan: string): Promise<void>;
  /** A rollback as commits: `repoURL`, `path`, `branch`, `commit`, `restored`. */
  revert(app: AppName, body: JsonObject): Promise<readonly JsonObject[]>;
  create(object: JsonObject, options: { readonly upsert: boolean; readonly validate: boolean }): Promise<KubeObject>;
  /** Replaces the spec; answers it as stored. */
  updateSpec(app: AppName, spec: JsonObject, validate: boolean): Promise<JsonObject>;
  patch(app: AppName, patch: string, type: string): Promise<KubeObject>;
  delete(app: AppName, cascade: boolean, propagationPolicy: string): Promise<void>;
  rollback(app: AppName, body: JsonObject): Promise<KubeObject>;
  terminate(app: AppName): Promise<void>;
  manifests(app: AppName, query: Query): Promise<readonly JsonObject[]>;
  managed(app: AppName): Promise<readonly JsonObject[]>;
  /** What the cluster would make of targets, which are JSON: `group`, `kind`, `liveState`, `targetState`, `modified` … */
  serverSideDiff(app: AppName, targets: readonly string[]): Promise<readonly JsonObject[]>;
  /** `depth`: so many levels of it alone; default, and 0: all. */
  tree(app: AppName, depth?: number): Promise<JsonObject>;
  /** Sync windows: `activeWindows`, `assignedWindows`, `canSync`. */
  windows(app: AppName): Promise<JsonObject>;
  /** What the ledger has, the newest first. */
  syncs(app: AppName, limit: number): Promise<readonly SyncRecord[]>;
  /** An object of the Application, live. */
  resource(app: AppName, query: Query): Promise<JsonObject>;
  patchResource(app: AppName, query: Query, patch: string): Promise<void>;
  deleteResource(app: AppName, query: Query): Promise<void>;
  /** `/resource/actions` of an object. */
  actions(app: AppName, query: Query): Promise<readonly JsonObject[]>;
  runAction(app: AppName, body: JsonObject): Promise<void>;
}

/** Empty values are left out; lists are repeated. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

const apiErrorCode = 20;

/** @throws EngineError ENGINE_UNREACHABLE when there is none. */
export function openApplicationsClient(flags: GlobalFlags): ApplicationsClient {
  const engine = requireEngine(flags, "/api/v1");
  return {
    url: engine.url,
    async list({ projects = [], selector, repo, appNamespace }) {
      const query = queryOf({ selector, repo, appNamespace });
      for (const project of projects) query.append("projects", project);
      const { items } = await asked(engine.get<{ items: readonly KubeObject[] }>(`/applications?${query}`));
      return items;
    },
    get: (app, refresh, signal) =>
      asked(engine.get<KubeObject>(`/applications/${pathOf(app, "", { refresh })}`, signal)),
    ...changes(engine),
    ...parts(engine),
    sync: (app, body) => asked(engine.post<KubeObject>(`/applications/${pathOf(app, "/sync")}`, body)),
    sensor: (app) => asked(engine.get<JsonObject>(`/tiphys/applications/${pathOf(app, "/sensor")}`)),
    async syncs(app, limit) {
      const path = `/tiphys/applications/${pathOf(app, "/syncs", { limit: String(limit) })}`;
      return (await asked(engine.get<{ syncs: readonly SyncRecord[] }>(path))).syncs;
    },
    async revert(app, body) {
      const path = `/tiphys/applications/${pathOf(app, "/revert")}`;
      return (await asked(engine.post<{ commits: readonly JsonObject[] }>(path, body))).commits;
    },
    approval: (app) => engine.get(`/tiphys/applications/${pathOf(app, "/approval")}`),
    async approve(app, plan) {
      await engine.post(`/tiphys/applications/${pathOf(app, "/approve")}`, { plan });
    },
  };
}

type Changes = "create" | "updateSpec" | "patch" | "delete" | "rollback" | "terminate";

function changes(engine: EngineClient): Pick<ApplicationsClient, Changes> {
  return {
    create: (object, { upsert, validate }) =>
      asked(engine.post(`/applications?upsert=${upsert}&validate=${validate}`, object)),
    updateSpec: (app, spec, validate) =>
      asked(engine.put(`/applications/${pathOf(app, "/spec", { validate: String(validate) })}`, spec)),
    patch: (app, patch, patchType) =>
      asked(engine.patch(`/applications/${pathOf(app, "")}`, { name: app.name, patch, patchType })),
    async delete(app, cascade, propagationPolicy) {
      await asked(engine.delete(`/applications/${pathOf(app, "", { cascade: String(cascade), propagationPolicy })}`));
    },
    rollback: (app, body) => asked(engine.post(`/applications/${pathOf(app, "/rollback")}`, body)),
    async terminate(app) {
      await asked(engine.delete(`/applications/${pathOf(app, "/operation")}`));
    },
  };
}

type Parts =
  | "manifests"
  | "serverSideDiff"
  | "managed"
  | "tree"
  | "windows"
  | "resource"
  | "patchResource"
  | "deleteResource"
  | "actions"
  | "runAction";

function parts(engine: EngineClient): Pick<ApplicationsClient, Parts> {
  const at = (app: AppName, rest: string, query: Query = {}) => `/applications/${pathOf(app, rest, query)}`;
  return {
    async serverSideDiff(app, targetManifests) {
      const path = at(app, "/server-side-diff", { targetManifests });
      return (await asked(engine.get<{ items: readonly JsonObject[] }>(path))).items;
    },
    async manifests(app, query) {
      const { manifests } = await asked(engine.get<{ manifests: readonly string[] }>(at(app, "/manifests", query)));
      return manifests.map((text) => JSON.parse(text) as JsonObject);
    },
    managed: async (app) => (await asked(engine.get<Items>(at(app, "/managed-resources")))).items,
    tree: (app, depth = 0) => asked(engine.get(at(app, "/resource-tree", depth === 0 ? {} : { depth: String(depth) }))),
    windows: (app) => asked(engine.get(at(app, "/syncwindows"))),
    async resource(app, query) {
      const { manifest } = await asked(engine.get<{ manifest: string }>(at(app, "/resource", query)));
      return JSON.parse(manifest) as JsonObject;
    },
    async patchResource(app, query, patch) {
      await asked(engine.post(at(app, "/resource", query), patch));
    },
    async deleteResource(app, query) {
      await asked(engine.delete(at(app, "/resource", query)));
    },
    async actions(app, query) {
      const { actions } = await asked(
        engine.get<{ actions: readonly JsonObject[] }>(at(app, "/resource/actions", query)),
      );
      return actions;
    },
    async runAction(app, body) {
      await asked(engine.post(at(app, "/resource/actions/v2"), body));
    },
  };
}

interface Items {
  readonly items: readonly JsonObject[];
}

/** `name` or `namespace/name`; the namespace of the name wins over that of the flag. @throws EngineError USAGE */
export function parseAppName(text: string, appNamespace: string | undefined, project?: string): AppName {
  const parts = text.split("/");
  const [name = "", namespace = appNamespace] = parts.toReversed();
  if (parts.length > 2 || name === "" || (parts.length === 2 && namespace === "")) {
    throw new EngineError("USAGE", `APPNAME: "${text}" must be NAME or NAMESPACE/NAME`);
  }
  return { name, ...(namespace ? { namespace } : {}), ...(project ? { project } : {}) };
}

function pathOf({ name, namespace, project }: AppName, rest: string, more: Query = {}) {
  return `${encodeURIComponent(name)}${rest}?${queryOf({ appNamespace: namespace, project, ...more })}`;
}

function queryOf(values: Query): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of typeof value === "string" ? [value] : (value ?? [])) if (one !== "") query.append(name, one);
  }
  return query;
}

const unreachable: readonly string[] = ["ENGINE_UNREACHABLE", "HOST_REFUSED", "UNAUTHORIZED"];

/** What the API refuses exits with 20, as in the original. */
export async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof EngineError && unreachable.includes(error.code)) throw error;
    // The command line was understood: its help says nothing of what the API refuses.
    const isRefusal = error instanceof EngineError && error.code === "USAGE";
    throw exitingWith(apiErrorCode, isRefusal ? withRemedy("Mend what the message names.", error) : error);
  }
}
