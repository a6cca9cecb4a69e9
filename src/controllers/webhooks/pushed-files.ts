import { listOf, objectsOf } from "../../api/fields.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";

/** Beyond, a push concerns everything. */
const maxFiles = 3_000;
const maxLength = 256 * 1024;

/**
 * Paths that the commits added, modified or removed, each once. Undefined where they are not known for certain: no commit
 * is listed, fewer are than there were (`count`), or there are too many paths to keep.
 */
export function filesOf(commits: JsonValue | undefined, count?: JsonValue): readonly string[] | undefined {
  const listed = objectsOf(commits);
  if (listed.length === 0 || (typeof count === "number" && count > listed.length)) return undefined;
  const files = new Set(listed.flatMap(changedBy));
  const length = [...files].reduce((sum, file) => sum + file.length, 0);
  return files.size === 0 || files.size > maxFiles || length > maxLength ? undefined : [...files];
}

function changedBy({ added, modified, removed }: JsonObject): readonly string[] {
  const all = [added, modified, removed].flatMap(listOf);
  return all.filter((path) => typeof path === "string");
}
