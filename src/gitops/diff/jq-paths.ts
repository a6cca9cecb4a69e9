import type { IgnoreRule } from "../../api/application-types.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { JqLimitError } from "../../base/jq/fault.ts";
import { compileJq, type JqProgram } from "../../base/jq/jq.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";

/** Some milliseconds; the original allows a second for each object. */
const limits = { maxSteps: 200_000, maxOutputs: 1 };

/** Told why a rule left nothing out. */
export type OnLimit = (why: string) => void;

const maxShown = 200;

function shown(path: string): string {
  return path.length > maxShown ? `${path.slice(0, maxShown)}…` : path;
}

const deletion: (path: string) => JqProgram = memoize((path) => compileJq(`del(${path})`), 200);

/**
 * The object without what a jq path leads to. As in the original, a path that fails on this object, or takes too long,
 * changes nothing, and so does one of which there are none or several results. `onLimit` is told that it took too long: the
 * object is none that the path does not fit, but nobody knows what the path would have left of it.
 */
export function deleteJqPath(object: JsonObject, path: string, onLimit?: OnLimit): JsonObject {
  try {
    const [result, ...more] = deletion(path).run(object, { limits });
    return more.length === 0 && result !== undefined && isJsonObject(result) ? result : object;
  } catch (error) {
    if (error instanceof JqLimitError) onLimit?.(`${shown(path)}: ${error.message}`);
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
