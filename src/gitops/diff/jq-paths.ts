import type { IgnoreRule } from "../../api/application-types.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { compileJq, type JqProgram } from "../../base/jq/jq.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";
import type { TargetCondition } from "./targets.ts";

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

/** Paths that are no jq: nothing can be said of any object then. */
export function jqPathConditions(rules: readonly IgnoreRule[]): readonly TargetCondition[] {
  return rules.flatMap(({ jqPathExpressions = [] }, rule) =>
    jqPathExpressions.flatMap((path, index): TargetCondition[] => {
      const reason = whyNoJqPath(path);
      if (reason === undefined) return [];
      const where = `ignoreDifferences[${rule}].jqPathExpressions[${index}]`;
      return [{ type: "ComparisonError", message: `${where}: ${reason}` }];
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
