import { createHash } from "node:crypto";
import { canonicalJson, type JsonObject } from "../../base/json.ts";

/**
 * Names what was rendered: the same for the same manifests, in any order of them or of their fields, so that two syncs
 * can be told to have brought the same though their commits differ.
 */
export function manifestsDigest(manifests: readonly JsonObject[]): string {
  const hash = createHash("sha256");
  for (const text of manifests.map(canonicalJson).toSorted()) hash.update(text).update("\n");
  return `sha256:${hash.digest("hex")}`;
}
