import type { IgnoreRule } from "../../api/application-types.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { compileJq, type JqProgram } from "../../base/jq/jq.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";

/** Some milliseconds; the original allows a second for each object. */
const limits = { maxSteps: 200_000, maxOutputs: 1 };

const deletion: (path: string) => JqProgram = memoize((path) => compileJq(`del(${path})`), 200);

/**
 * The object without what a jq path leads to. As in the original, a path that fails on this object, or takes too long,
 * changes nothing, and so does one of which there are none or several results.
 */
export function deleteJqPath(object: JsonObject, path: string): JsonObject {
  try {
    const [result, ...more] = deletion(path).run(object, { limits });
    return more.length === 0 && result !== undefined && isJsonObject(result) ? result : object;
  } catch (error) {
    if (error instanceof EngineError) return object;
    throw error;
  }
}

/** Paths that are no jq: nothing can be said of any object then. `where` names the rules. */
export function jqProblems(rules: readonly Pick<IgnoreRule, "jqPathExpressions">[], where: string): readonly string[] {
  return rules.flatMap(({ jqPathExpressions = [] }, rule) =>
    jqPathExpressions.flatMap((path, index) => {
      const reason = whyNoJqPath(path);
      return reason === undefined ? [] : [`${where}[${rule}].jqPathExpressions[${index}]: ${reason}`];
    }),
  );
}

function whyNoJqPath(path: string): string | undefined {
  try {
    deletion(path);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
