import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { compileExpr } from "../../base/expr/expr.ts";
import { type Fields, typeOf } from "../../base/expr/values/values.ts";
import { isJsonObject, type JsonValue, setOwn, withFloats } from "../../base/json.ts";
import { createFilterFunctions } from "./filter-functions.ts";

/** @throws EngineError EXPRESSION_FAILED when it says neither yes nor no */
export type EventFilter = (data: JsonValue) => boolean;

/**
 * `filter.expression` of an EventSource (spec argo-events 3.3): it sees the event's data and functions, which have the
 * last word about a name. @throws TerminalError EXPRESSION_INVALID
 */
export function compileEventFilter(expression: string, clock: Clock): EventFilter {
  const compiled = compileExpr(expression);
  const now = (): number => clock.now();
  const functions = createFilterFunctions(now);
  return (data) => {
    functions.restart();
    const result = compiled.evaluate({ ...namesOf(data), ...functions.table }, { now });
    if (typeof result === "boolean") return result;
    throw new EngineError("EXPRESSION_FAILED", `it gives ${typeOf(result)}, not bool`);
  };
}

/**
 * The fields of the data under the names that expressions can write: `-` is `_`, and a dot goes one level down. Only the
 * data's own fields are renamed, and one that is in the way of a longer name is left out.
 */
function namesOf(data: JsonValue): Fields {
  if (!isJsonObject(data)) throw new EngineError("EXPRESSION_FAILED", "the event's data is no object");
  const root: Branch = new Map();
  for (const [key, value] of Object.entries(data)) put(root, key.replaceAll("-", "_").split("."), value);
  return fieldsOf(root);
}

type Branch = Map<string, Branch | { readonly value: JsonValue }>;

function put(root: Branch, path: readonly string[], value: JsonValue): void {
  let branch = root;
  for (const name of path.slice(0, -1)) {
    const found = branch.get(name);
    const next: Branch = found instanceof Map ? found : new Map();
    branch.set(name, next);
    branch = next;
  }
  const last = path.at(-1) ?? "";
  if (!(branch.get(last) instanceof Map)) branch.set(last, { value });
}

function fieldsOf(branch: Branch): Fields {
  const fields: Record<string, Fields[string]> = {};
  for (const [name, part] of branch) {
    setOwn(fields, name, part instanceof Map ? fieldsOf(part) : withFloats(part.value));
  }
  return fields;
}
