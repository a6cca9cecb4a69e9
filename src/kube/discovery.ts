import { TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { GroupVersionKind } from "../objects/object.ts";

export interface DiscoveredKind {
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Reads a document of the server; undefined for 404. */
type ReadDocument = (path: string, signal?: AbortSignal) => Promise<unknown>;

/** Finds the path of a kind. */
export interface Discovery {
  /** Cached by group version; a kind that is missing there is looked up once more. @throws TerminalError API_NOT_FOUND */
  find(kind: GroupVersionKind, signal?: AbortSignal): Promise<DiscoveredKind>;
  /** The kind that a plural stands for, always as the server has it now. @throws TerminalError API_NOT_FOUND */
  kindOf(apiVersion: string, plural: string, signal?: AbortSignal): Promise<string>;
}

export function versionPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

export function createDiscovery(read: ReadDocument): Discovery {
  /** By path: a version's own text may be a slice of a whole file of manifests, which it would keep in memory. */
  const cache = new Map<string, ReadonlyMap<string, DiscoveredKind>>();
  async function refresh(apiVersion: string, signal?: AbortSignal): Promise<ReadonlyMap<string, DiscoveredKind>> {
    const path = versionPath(apiVersion);
    const kinds = parseResourceList(await read(path, signal));
    if (kinds.size > 0) cache.set(path, kinds);
    else cache.delete(path);
    return kinds;
  }
  return {
    async find({ apiVersion, kind }, signal) {
      const found = cache.get(versionPath(apiVersion))?.get(kind) ?? (await refresh(apiVersion, signal)).get(kind);
      if (found !== undefined) return found;
      throw new TerminalError("API_NOT_FOUND", `the server has no kind "${kind}" in version "${apiVersion}"`);
    },
    async kindOf(apiVersion, plural, signal) {
      const kinds = await refresh(apiVersion, signal);
      for (const [kind, found] of kinds) if (found.plural === plural) return kind;
      throw new TerminalError("API_NOT_FOUND", `the server has no resource "${plural}" in version "${apiVersion}"`);
    },
  };
}

function parseResourceList(document: unknown): ReadonlyMap<string, DiscoveredKind> {
  const resources = isJsonObject(document) && Array.isArray(document.resources) ? document.resources : [];
  const kinds = resources.filter((resource): resource is JsonObject => isJsonObject(resource));
  return new Map(
    kinds
      .filter((resource) => !String(resource.name).includes("/"))
      .map((resource) => [
        String(resource.kind),
        { plural: String(resource.name), namespaced: resource.namespaced === true },
      ]),
  );
}
