import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { JsonValue } from "../../base/json.ts";
import { highestInRange } from "../../base/semver.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { SeenHook } from "./webhook.ts";

/** Whether a push to a registry can change what an Application renders (spec argo-cd-surface 4.4). Pure. */
export function followsRegistry({ spec }: KubeObject, { urls, tags = [] }: SeenHook): boolean {
  const { source, sources } = objectOf(spec as JsonValue | undefined);
  const all = listOf(sources).length > 0 ? listOf(sources) : [source];
  const places = urls.map(placeOf);
  return all.map(objectOf).some(({ repoURL, chart, targetRevision }) => {
    const place = placeOf(textOf(repoURL) + (textOf(chart) === "" ? "" : `/${textOf(chart)}`));
    return places.includes(place) && tags.some((tag) => isMeant(textOf(targetRevision).trim(), tag));
  });
}

/** A registry's repository, with or without its scheme. */
function placeOf(url: string): string {
  return url
    .trim()
    .toLowerCase()
    .replace(/^oci:\/\//, "")
    .replace(/\/+/g, "/")
    .replace(/\/$/, "");
}

/** What names no tag may mean any. */
function isMeant(revision: string, tag: string): boolean {
  if (revision === "" || revision === tag) return true;
  return highestInRange(revision, [tag]) !== undefined;
}
