import type { IgnoreRule } from "../../api/application-types.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { deleteJqPath, type OnLimit } from "./jq-paths.ts";

/** An object without some of its fields; the same object where there is nothing to remove. */
export type Removal = (object: JsonObject, onLimit?: OnLimit) => JsonObject;

type FieldRules = Pick<IgnoreRule, "jsonPointers" | "jqPathExpressions">;

/** What a rule removes, in order (spec argo-cd-engine 3.6). A path that is not there, or cannot be run, changes nothing. */
export function fieldRemovals({ jsonPointers = [], jqPathExpressions = [] }: FieldRules): readonly Removal[] {
  return [
    ...jsonPointers.map((pointer): Removal => {
      const path = pointerPath(pointer);
      return (object) => objectOf(removeAt(object, path));
    }),
    ...jqPathExpressions.map((path): Removal => {
      return (object, onLimit) => deleteJqPath(object, path, onLimit);
    }),
  ];
}

/** RFC 6901 */
function pointerPath(pointer: string): readonly string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A path that is not there changes nothing. */
function removeAt(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  const [key, ...rest] = path;
  if (key === undefined || value === undefined) return value;
  if (Array.isArray(value)) {
    const index = /^\d+$/.test(key) ? Number(key) : -1;
    if (rest.length === 0) return value.filter((_, at) => at !== index);
    return value.map((item, at) => (at === index ? (removeAt(item, rest) ?? null) : item));
  }
  if (!isJsonObject(value) || !Object.hasOwn(value, key)) return value;
  const { [key]: child, ...others } = value;
  if (rest.length === 0) return others;
  const left = removeAt(child, rest);
  return left === child ? value : { ...value, [key]: left ?? null };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
