import type { Dependency } from "../../api/resources.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { compileJq, type JqProgram } from "../../base/jq/jq.ts";
import { isJsonObject, withFloats } from "../../base/json.ts";
import { jsonByLargestIndex } from "../../base/lua/to-json.ts";
import { LuaTable } from "../../base/lua/values.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { compileEventScript } from "./event-script.ts";

/**
 * Gives the event with other data. It comes before the filters, each dependency's own from the event as it came, and what
 * it gives is what triggers see (spec argo-events 5.1, 5.8).
 * @throws EngineError when it cannot: an error of this dependency, not a no
 */
export type Transform = (event: CloudEvent) => CloudEvent;

/** Far beyond what a transform takes, and well below a second. */
const maxJqSteps = 200_000;

/** Undefined when there is none. jq wins over a script. */
export function compileTransform({ transform }: Pick<Dependency, "transform">): Transform | undefined {
  const { jq, script } = transform ?? {};
  if (jq) return withData(jqTransform(jq), "transform.jq");
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

/** One that does not parse is an error of each event, as in the original. Numbers are float64 there. */
function jqTransform(text: string): ChangeData {
  const program = tryCompileJq(text);
  return ({ data }) => {
    if (program instanceof EngineError) throw program;
    if (!isJsonObject(data)) throw new EngineError("SCRIPT_FAILED", "the event's data is no object");
    const result = program.first(withFloats(data), { limits: { maxSteps: maxJqSteps } });
    if (isJsonObject(result)) return result;
    const got = result === undefined ? "nothing" : JSON.stringify(result).slice(0, 80);
    throw new EngineError("SCRIPT_FAILED", `its first result must be an object, not ${got}`);
  };
}

function tryCompileJq(text: string): JqProgram | EngineError {
  try {
    return compileJq(text);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
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
