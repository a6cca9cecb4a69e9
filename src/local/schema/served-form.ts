import type { JsonObject } from "../../base/json.ts";
import { apiVersionOf, type ServedResource } from "../resources.ts";
import { fillDefaults, prune } from "./shape.ts";

/**
 * A stored object as its kind has it now, in the version that is asked for: what its schema no longer names is left out, and
 * defaults that came later are filled in, as a real server does it at each read. `isShaped`: that is not how it is stored.
 */
export function servedForm(
  resource: ServedResource,
  stored: JsonObject,
): { readonly object: JsonObject; readonly isShaped: boolean } {
  const apiVersion = apiVersionOf(resource);
  const object = stored.apiVersion === apiVersion ? stored : { ...stored, apiVersion };
  const { schema, since = 0 } = resource.custom ?? {};
  if (schema === undefined || (object === stored && revisionOf(stored) > since)) return { object, isShaped: false };
  const shaped = fillDefaults(schema, prune(schema, object, [])) as JsonObject;
  return { object: shaped, isShaped: shaped !== object };
}

/** Whether the text of an object is what `servedForm` would make of it, told without reading it. Never wrongly true. */
export function isServedForm(resource: ServedResource, text: string): boolean {
  if (!text.startsWith(`{"apiVersion":${JSON.stringify(apiVersionOf(resource))},`)) return false;
  const { schema, since = 0 } = resource.custom ?? {};
  if (schema === undefined) return true;
  // Its own version is one of these, so the lowest is not above it.
  const found = [...text.matchAll(/"resourceVersion":"(\d+)"/g)];
  return Math.min(...found.map(([, revision]) => Number(revision))) > since;
}

function revisionOf({ metadata }: JsonObject): number {
  return Number((metadata as JsonObject | undefined)?.resourceVersion ?? 0);
}
