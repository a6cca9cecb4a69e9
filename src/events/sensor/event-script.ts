import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { changeFields, isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { compileLua, type LuaScript } from "../../base/lua/lua.ts";
import type { LuaValue } from "../../base/lua/values.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";

/** A script over an event, whose data is the global `event`. @throws EngineError SCRIPT_FAILED or SCRIPT_INVALID */
export type EventScript = (event: CloudEvent) => LuaValue;

/** A script that does not parse is an error of each event, as in the original, which accepts such a Sensor. */
export function compileEventScript(text: string): EventScript {
  const script = tryCompile(text);
  return (event) => {
    if (typeof script === "string") throw new EngineError("SCRIPT_INVALID", script);
    if (!isJsonObject(event.data)) throw new EngineError("SCRIPT_FAILED", "the event's data is no object");
    return script.run({
      globals: { event: withoutInnerLists(event.data) },
      // The same event gives the same result, whenever it is looked at.
      nowMs: Date.parse(event.time) || 0,
      seed: seedOf(event.id),
    });
  };
}

function tryCompile(text: string): LuaScript | string {
  try {
    return compileLua(text);
  } catch (error) {
    if (error instanceof TerminalError) return messageOf(error);
    throw error;
  }
}

/** The original drops lists that stand in lists, and what follows moves up (spec argo-events 5.6). */
function withoutInnerLists(data: JsonObject): JsonObject {
  return changeFields<JsonValue>(data, (_name, value) => change(value));
}

function change(value: JsonValue): JsonValue {
  if (isJsonObject(value)) return withoutInnerLists(value);
  if (!isList(value)) return value;
  const kept = value.some(isList) ? value.filter((item) => !isList(item)) : value;
  return kept.some(isJsonObject) ? kept.map(change) : kept;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** FNV-1a. */
function seedOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return hash;
}
