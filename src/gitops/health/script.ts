import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { jsonByKeys } from "../../base/lua/json-by-keys.ts";
import { compileLua, type LuaScript } from "../../base/lua/lua.ts";
import { LuaOpaque, LuaTable, type LuaValue } from "../../base/lua/values.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type Health, healthScale } from "./health.ts";

/** A script of users. */
export interface ObjectScript {
  readonly text: string;
  /** Whether it gets all of Lua's libraries: without, only the basic ones, `table`, and `require("os")`. */
  readonly useOpenLibs: boolean;
}

export interface ScriptInput {
  /** Milliseconds since 1970: what `os.time()` says. */
  readonly nowMs: number;
  /** `actionParams` */
  readonly parameters?: Readonly<Record<string, string>>;
}

const maxKept = 1_024;
const compiled = new Map<string, LuaScript>();

/** As the original, which leaves two functions in `table` by mistake. On one line, so that those of errors are right. */
const closeLibraries =
  "table.time,table.date=os.time,os.date; string,math,os,io,debug,coroutine=nil,nil,nil,nil,nil,nil; ";

/** Runs a script over an object, which it sees as `obj`. @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED */
export function runObjectScript(script: ObjectScript, object: KubeObject | JsonObject, input: ScriptInput): LuaValue {
  const globals = { obj: object as unknown as JsonObject, actionParams: { ...input.parameters } };
  return compile(script).run({ globals, nowMs: input.nowMs, seed: 1 });
}

function compile({ text, useOpenLibs }: ObjectScript): LuaScript {
  const full = useOpenLibs ? text : closeLibraries + text;
  const known = compiled.get(full);
  if (known !== undefined) return known;
  const script = compileLua(full);
  if (compiled.size >= maxKept) compiled.clear();
  compiled.set(full, script);
  return script;
}

/**
 * What a health script says (spec argo-cd-engine 5.4). Undefined for nil and an empty table: the object has no health, and
 * nothing else is asked for it.
 * @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED
 */
export function runHealthScript(script: ObjectScript, object: KubeObject, input: ScriptInput): Health | undefined {
  const value = runObjectScript(script, object, input);
  if (value === undefined) return undefined;
  const fields = tableOf(value);
  if (Array.isArray(fields) && fields.length === 0) return undefined;
  if (!isJsonObject(fields)) throw failure("json: cannot unmarshal array into Go value of type health.HealthStatus");
  const status = textField(fields, "status");
  const known = healthScale.find((name) => name === status);
  if (known === undefined) return { status: "Unknown", message: "Lua returned an invalid health status" };
  const message = textField(fields, "message");
  return message === "" ? { status: known } : { status: known, message };
}

/** @throws EngineError SCRIPT_FAILED when it is no table */
export function tableOf(value: LuaValue): JsonValue {
  if (value instanceof LuaTable) return jsonByKeys(value);
  throw failure(`expect table output from Lua script, not ${typeOf(value)}`);
}

function typeOf(value: LuaValue): string {
  if (value === undefined) return "nil";
  return value instanceof LuaOpaque ? value.type : typeof value;
}

/** Names of fields in any case, as Go reads them. */
function textField(fields: JsonObject, name: string): string {
  const key = Object.hasOwn(fields, name) ? name : Object.keys(fields).find((one) => one.toLowerCase() === name);
  const value = key === undefined ? null : (fields[key] ?? null);
  if (value === null) return "";
  if (typeof value === "string") return value;
  const type = Array.isArray(value) ? "array" : isJsonObject(value) ? "object" : typeof value;
  const what = name === "status" ? "health.HealthStatusCode" : "string";
  throw failure(
    `json: cannot unmarshal ${type.replace("boolean", "bool")} into Go struct field HealthStatus.${name} of type ${what}`,
  );
}

function failure(message: string): EngineError {
  return new EngineError("SCRIPT_FAILED", message);
}
