import type { Dependency } from "../../api/resources.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { jsonByLargestIndex } from "../../base/lua/to-json.ts";
import { LuaTable } from "../../base/lua/values.ts";
import type { Problem } from "../../base/schema.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { compileEventScript } from "./event-script.ts";

/**
 * Gives the event with other data. It comes before the filters, each dependency's own from the event as it came, and what
 * it gives is what triggers see (spec argo-events 5.1, 5.8).
 * @throws EngineError when it cannot: an error of this dependency, not a no
 */
export type Transform = (event: CloudEvent) => CloudEvent;

/** Undefined when there is none. What cannot run at all is added to `problems`, below `path` (`spec.dependencies[0]`). */
export function compileTransform(dependency: Dependency, path: string, problems: Problem[]): Transform | undefined {
  const { jq, script } = dependency.transform ?? {};
  if (jq) {
    problems.push({ severity: "error", path: `${path}.transform.jq`, message: "is not supported yet" });
    return undefined;
  }
  return script ? withData(scriptTransform(script), "transform.script") : undefined;
}

type ChangeData = (event: CloudEvent) => CloudEvent["data"];

function withData(change: ChangeData, field: string): Transform {
  return (event) => {
    if (event.data === null) return event; // nothing to change
    try {
      return { ...event, datacontenttype: "application/json", data: change(event) };
    } catch (error) {
      if (error instanceof EngineError) throw new EngineError(error.code, `${field}: ${messageOf(error)}`, error);
      throw error;
    }
  };
}

function scriptTransform(text: string): ChangeData {
  const run = compileEventScript(text);
  return (event) => {
    const result = run(event);
    if (result instanceof LuaTable) return jsonByLargestIndex(result);
    throw new EngineError("SCRIPT_FAILED", `the script must return a table, not ${typeOf(result)}`);
  };
}

function typeOf(result: unknown): string {
  if (result === undefined) return "nothing";
  return typeof result === "object" ? "a function" : `a ${typeof result}`;
}
