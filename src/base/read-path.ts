import { compileGjson, type ReadPath } from "./gjson/gjson.ts";
import { compileJsonPath } from "./json-path.ts";
import { isJsonPath } from "./json-path-syntax.ts";
import { memoize } from "./memo.ts";

/**
 * A path of a user into JSON: JSONPath where it begins with `$.` or `$[`, else GJSON.
 * @throws TerminalError MANIFEST_INVALID
 */
export const compileReadPath: (path: string) => ReadPath = memoize(
  (path) => (isJsonPath(path) ? compileJsonPath(path) : compileGjson(path)),
  10_000,
);
