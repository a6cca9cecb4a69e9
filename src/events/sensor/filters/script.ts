import { messageOf } from "../../../base/errors.ts";
import { LuaOpaque, LuaTable, type LuaValue } from "../../../base/lua/values.ts";
import { shownValue } from "../../../record/records.ts";
import { compileEventScript } from "../event-script.ts";
import { type Filter, failed, passed, rejected } from "./outcome.ts";

/** `script` (spec argo-events 5.6): exactly `true` takes the event. */
export function compileScriptFilter(text: string, field: string): Filter {
  const run = compileEventScript(text);
  return (event) => {
    if (event.data === null) return passed; // no data passes
    try {
      const result = run(event);
      if (result === true) return passed;
      return rejected(field, () => `${field}: the script returns ${shown(result)}, wanted true`);
    } catch (error) {
      const message = messageOf(error);
      return failed(field, () => `${field}: ${message}`);
    }
  };
}

function shown(result: LuaValue): string {
  if (result === undefined) return "nothing";
  if (result instanceof LuaTable) return "a table";
  return result instanceof LuaOpaque ? `a ${result.type}` : shownValue(result);
}
