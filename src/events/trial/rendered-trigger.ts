import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import type { Effect } from "../sensor/effect.ts";
import { createTriggerFinder, resolverOf, templateOf } from "../sensor/executor.ts";
import type { ParameterResolver, TriggerParameter } from "../triggers/trigger.ts";

type Fired = Pick<Effect, "key" | "trigger" | "dlqOf" | "events" | "batch">;

/**
 * The trigger's template as the events of a firing make it: its parameters and those of its kind are set, a payload
 * stands as the JSON that is sent. Undefined for a trigger that there is not.
 * @throws TerminalError PARAMETER_ERROR
 */
export function renderTrigger(compiled: CompiledSensor, fired: Fired): JsonObject | undefined {
  const found = createTriggerFinder(compiled)(fired);
  if (!found) return undefined;
  const { trigger, path } = found;
  const parameters = resolverOf(fired);
  const template = templateOf(trigger, (raw, list) => parameters.apply(raw, list, `${path}.parameters`));
  const { kind } = trigger.template;
  const block = kind === undefined ? undefined : template[kind];
  if (kind === undefined || !isJsonObject(block)) return template;
  return { ...template, [kind]: renderBlock(block, parameters, `${path}.template.${kind}`) };
}

function renderBlock(block: JsonObject, resolver: ParameterResolver, path: string): JsonObject {
  const { parameters, ...rest } = block;
  const applied = applyOwn(rest, parametersOf(parameters), resolver, `${path}.parameters`);
  if (!isJsonObject(applied)) return rest;
  if (!Array.isArray(applied.payload) || applied.payload.length === 0) return applied;
  return { ...applied, payload: asJson(resolver.payload(parametersOf(applied.payload), `${path}.payload`)) };
}

/** Of an object in the spec they change that object, as for `k8s`; otherwise the block itself. */
function applyOwn(
  block: JsonObject,
  parameters: readonly TriggerParameter[],
  resolver: ParameterResolver,
  path: string,
): JsonValue {
  if (parameters.length === 0) return block;
  const { source } = block;
  if (!isJsonObject(source)) return resolver.apply(block, parameters, path);
  if (!isJsonObject(source.resource)) return block;
  return { ...block, source: { ...source, resource: resolver.apply(source.resource, parameters, path) } };
}

/** The Sensor was checked before. */
function parametersOf(value: JsonValue | undefined): readonly TriggerParameter[] {
  return (Array.isArray(value) ? value : []) as unknown as readonly TriggerParameter[];
}

function asJson(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
