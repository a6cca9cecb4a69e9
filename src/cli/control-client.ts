import type { JsonObject } from "../base/json.ts";
import { asked } from "./app/applications-client.ts";
import { type GlobalFlags, requireEngine } from "./engine-client.ts";

/** Projects, clusters and repositories over the API; what it refuses exits with 20, as in the original. */
export interface ControlClient {
  /** Somebody is logged in, by a context. */
  readonly isOfContext: boolean;
  list(path: string): Promise<readonly JsonObject[]>;
  get(path: string): Promise<JsonObject>;
  post(path: string, body: JsonObject): Promise<JsonObject>;
  put(path: string, body: JsonObject): Promise<JsonObject>;
  delete(path: string): Promise<void>;
}

/** @throws EngineError ENGINE_UNREACHABLE when there is none. */
export function openControlClient(flags: GlobalFlags): ControlClient {
  const engine = requireEngine(flags, "/api/v1");
  return {
    isOfContext: engine.isOfContext,
    list: async (path) => (await asked(engine.get<{ items: readonly JsonObject[] }>(path))).items,
    get: (path) => asked(engine.get(path)),
    post: (path, body) => asked(engine.post(path, body)),
    put: (path, body) => asked(engine.put(path, body)),
    async delete(path) {
      await asked(engine.delete(path));
    },
  };
}

/** A path whose last part is a name or a URL. */
export function at(path: string, name: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "");
  const text = new URLSearchParams(given).toString();
  return `${path}/${encodeURIComponent(name)}${text === "" ? "" : `?${text}`}`;
}
