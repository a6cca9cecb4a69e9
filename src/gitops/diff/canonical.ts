import { changeFields, changeItems, isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { fieldTypes } from "../../objects/typed-fields.ts";
import { canonicalQuantity } from "./quantity.ts";

/**
 * An object of a built-in kind with amounts and bytes in the form in which a server gives them back: `1000m` is `1`, base64
 * has no line breaks (spec argo-cd-engine 3.4 B). The same object where nothing changes. `type`: a key of `fieldTypes`.
 */
export function canonicalFields(type: string, object: JsonObject): JsonObject {
  const fields = fieldTypes[type];
  if (fields === undefined) return object;
  return changeFields<JsonValue>(object, (key, value) => {
    const code = Object.hasOwn(fields, key) ? fields[key] : undefined;
    return code === undefined || isPlain(code) ? value : canonicalValue(code, value);
  });
}

/** What has one form only. */
function isPlain(code: string): boolean {
  return code === "string" || code === "integer" || code === "boolean" || code === "any";
}

function canonicalValue(code: string, value: JsonValue): JsonValue {
  if (code === "quantity") return canonicalQuantity(value);
  if (code === "bytes") return typeof value === "string" ? withoutBreaks(value) : value;
  if (code.startsWith("[]")) {
    const of = code.slice(2);
    return Array.isArray(value) && !isPlain(of)
      ? changeItems<JsonValue>(value, (item) => canonicalValue(of, item))
      : value;
  }
  if (!isJsonObject(value)) return value;
  if (!code.startsWith("{}")) return canonicalFields(code, value);
  const of = code.slice(2);
  return isPlain(of) ? value : changeFields<JsonValue>(value, (_key, item) => canonicalValue(of, item));
}

/** Go's decoder skips line breaks in base64, and nothing else. */
function withoutBreaks(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, "") : text;
}
