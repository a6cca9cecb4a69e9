import { JSONPath } from "jsonpath-plus";
import { messageOf, TerminalError } from "./errors.ts";
import type { ReadPath } from "./gjson/gjson.ts";
import { textOf } from "./gjson/text.ts";
import { Work } from "./gjson/work.ts";
import type { JsonValue } from "./json.ts";
import { parseJsonPath } from "./json-path-syntax.ts";

/**
 * Compiles a JSONPath (RFC 9535) of names, indexes, `*`, slices, lists in brackets and one `..`: one value where the path
 * names one, else the list of all that it finds; undefined when that is none.
 * @throws TerminalError MANIFEST_INVALID for anything else, filters above all
 */
export function compileJsonPath(path: string): ReadPath {
  const { text, isSingle, isDeep } = parseJsonPath(path);
  return {
    read(document) {
      if (typeof document !== "object" || document === null) return text === "$" ? document : undefined;
      // The library keeps the way to each value that it comes by: what is wide and deep takes it too much memory.
      if (isDeep) new Work().weighPlaces(document);
      const found = search(document, text);
      return isSingle ? found[0] : found.length === 0 ? undefined : found;
    },
    text: textOf,
  };
}

/** @throws TerminalError PATH_FAILED */
function search(json: object, path: string): JsonValue[] {
  try {
    const found: unknown = JSONPath({ path, json, eval: false, wrap: true });
    return Array.isArray(found) ? found : [];
  } catch (error) {
    throw new TerminalError("PATH_FAILED", `JSONPath ${JSON.stringify(path)}: ${messageOf(error)}`, error);
  }
}
