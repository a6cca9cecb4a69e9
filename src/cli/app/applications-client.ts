import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type GlobalFlags, requireEngine } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";

/** An Application as people name it; without a namespace the engine looks for it. */
export interface AppName {
  readonly name: string;
  readonly namespace?: string;
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
  get(app: AppName, refresh?: "normal" | "hard"): Promise<KubeObject>;
  sync(app: AppName, body: JsonObject): Promise<KubeObject>;
  sensor(app: AppName): Promise<JsonObject>;
}

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
    get: (app, refresh) => asked(engine.get<KubeObject>(`/applications/${pathOf(app, "", { refresh })}`)),
    sync: (app, body) => asked(engine.post<KubeObject>(`/applications/${pathOf(app, "/sync")}`, body)),
    sensor: (app) => asked(engine.get<JsonObject>(`/tiphys/applications/${pathOf(app, "/sensor")}`)),
  };
}

/** `name` or `namespace/name`; the namespace of the name wins over that of the flag. @throws EngineError USAGE */
export function parseAppName(text: string, appNamespace: string | undefined): AppName {
  const parts = text.split("/");
  const [name = "", namespace = appNamespace] = parts.toReversed();
  if (parts.length > 2 || name === "" || (parts.length === 2 && namespace === "")) {
    throw new EngineError("USAGE", `APPNAME: "${text}" must be NAME or NAMESPACE/NAME`);
  }
  return { name, ...(namespace ? { namespace } : {}) };
}

function pathOf({ name, namespace }: AppName, rest: string, more: Readonly<Record<string, string | undefined>> = {}) {
  return `${encodeURIComponent(name)}${rest}?${queryOf({ appNamespace: namespace, ...more })}`;
}

function queryOf(values: Readonly<Record<string, string | undefined>>): URLSearchParams {
  const given = Object.entries(values).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "");
  return new URLSearchParams(given);
}

const unreachable: readonly string[] = ["ENGINE_UNREACHABLE", "HOST_REFUSED", "UNAUTHORIZED"];

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof EngineError && unreachable.includes(error.code)) throw error;
    throw exitingWith(apiErrorCode, error);
  }
}
