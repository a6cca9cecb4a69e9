import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type ObjectScript, runObjectScript, type ScriptInput, tableOf } from "./script.ts";

/** Something that people may do with an object. */
export interface ResourceAction {
  readonly name: string;
  readonly disabled: boolean;
  readonly iconClass: string;
  readonly displayName: string;
  readonly params: readonly ActionParameter[];
}

export interface ActionParameter {
  readonly name: string;
  readonly value: string;
  readonly type: string;
  readonly default: string;
}

/** What an action would write. */
export interface ImpactedResource {
  readonly operation: "create" | "patch";
  /** The object as it should be; of `create` a new one, whose name may be `generateName`. */
  readonly object: JsonObject;
}

/**
 * The actions of an object, by name: of several scripts the first that names one wins (spec argo-cd-engine 5.6).
 * @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED
 */
export function discoverActions(
  scripts: readonly ObjectScript[],
  object: KubeObject | JsonObject,
  input: ScriptInput,
): readonly ResourceAction[] {
  const found = new Map<string, ResourceAction>();
  for (const script of scripts) {
    const actions = tableOf(runObjectScript(script, object, input));
    if (!isJsonObject(actions)) {
      if (Array.isArray(actions) && actions.length === 0) continue;
      throw new EngineError("SCRIPT_FAILED", "discovery must return a table by names of actions, not a list");
    }
    for (const [name, value] of Object.entries(actions)) if (!found.has(name)) found.set(name, actionOf(name, value));
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As scripts and tests write it; what is not there is empty. */
export function actionOf(name: string, value: JsonValue): ResourceAction {
  const fields = isJsonObject(value) ? value : {};
  const params = Array.isArray(fields.params) ? fields.params.filter(isJsonObject) : [];
  return {
    name,
    disabled: field(fields, "disabled") === true,
    iconClass: textOf(fields.iconClass),
    displayName: textOf(fields.displayName),
    params: params.map((param) => ({
      name: textOf(param.name),
      value: textOf(param.value),
      type: textOf(param.type),
      default: textOf(param.default),
    })),
  };
}

/**
 * Runs an action: what it returns is the changed object, or a list of `{operation, resource}`.
 * @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED, also for what the script calls an error
 */
export function runAction(
  script: ObjectScript,
  object: KubeObject | JsonObject,
  input: ScriptInput,
): readonly ImpactedResource[] {
  const value = tableOf(runObjectScript(script, object, input));
  const source = object as unknown as JsonObject;
  if (isJsonObject(value)) return [{ operation: "patch", object: repaired(value, source) }];
  return (value as readonly JsonValue[]).map((item, index) => impactOf(item, index, source));
}

function impactOf(item: JsonValue, index: number, source: JsonObject): ImpactedResource {
  const { operation, resource } = isJsonObject(item) ? item : {};
  const where = `item ${index + 1} of the result`;
  if (operation !== "create" && operation !== "patch")
    throw new EngineError("SCRIPT_FAILED", `${where}: unsupported operation: ${JSON.stringify(operation ?? null)}`);
  if (!isJsonObject(resource)) throw new EngineError("SCRIPT_FAILED", `${where}: resource is not a table with fields`);
  return { operation, object: operation === "patch" ? repaired(resource, source) : resource };
}

/** Lua has one empty table for `{}` and `[]`: where the source has an object, it is an object. */
function repaired(value: JsonObject, source: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      Object.hasOwn(source, key) ? repairedValue(part, source[key] ?? null) : part,
    ]),
  );
}

function repairedValue(value: JsonValue, source: JsonValue): JsonValue {
  if (isJsonObject(value)) return isJsonObject(source) ? repaired(value, source) : value;
  if (!Array.isArray(value)) return value;
  if (isJsonObject(source) && value.length === 0) return {};
  return Array.isArray(source) ? value.map((item, index) => repairedValue(item, source[index] ?? null)) : value;
}

function field(fields: JsonObject, name: string): JsonValue | undefined {
  return Object.entries(fields).find(([key]) => key.toLowerCase() === name)?.[1];
}

function textOf(value: JsonValue | undefined): string {
  return value === undefined || value === null ? "" : String(value);
}
