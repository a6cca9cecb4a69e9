import { isJsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { Schema } from "../../base/schema.ts";
import type { ParameterResolver, TriggerParameter } from "./trigger.ts";

/**
 * The block with its `parameters` applied, parsed again: what events put in must hold as much as what the user wrote.
 * The same block where there are none. @throws TerminalError PARAMETER_ERROR, MANIFEST_INVALID
 */
export function withOwnParameters<Spec extends { readonly parameters?: readonly TriggerParameter[] }>(
  spec: Spec,
  schema: Schema<Spec>,
  kind: string,
  parameters: ParameterResolver,
): Spec {
  if (!spec.parameters?.length) return spec;
  const { parameters: list, ...block } = spec;
  const changed = parameters.apply(parseJson(JSON.stringify(block)), list, `${kind}.parameters`);
  return schema.parse(changed, kind);
}

/** A message's text as JSON where it is JSON: how plans show it. */
export function shownPayload(text: string): JsonValue {
  try {
    const value = parseJson(text);
    return isJsonObject(value) || Array.isArray(value) ? value : text;
  } catch {
    return text;
  }
}
