import { changeFields, changeItems, isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";
import { fieldTypes } from "../../objects/typed-fields.ts";
import { canonicalQuantity } from "./quantity.ts";

/**
 * An object of a built-in kind with amounts and bytes in the form in which a server gives them back: `1000m` is `1`, base64
 * has no line breaks (spec argo-cd-engine 3.4 B). The same object where nothing changes. `type`: a key of `fieldTypes`.
 */
export function canonicalFields(type: string, object: JsonObject): JsonObject {
  const fields = formedFields(type);
  if (fields.size === 0) return object;
  return changeFields<JsonValue>(object, (key, value) => {
    const code = fields.get(key);
    return code === undefined ? value : canonicalValue(code, value);
  });
}

const none: ReadonlyMap<string, string> = new Map();

/** Of a struct the fields in which amounts or bytes are, at any depth, with their types. */
const formedFields: (type: string) => ReadonlyMap<string, string> = memoize((type) => fieldsOf(type, new Set()), 1_000);

/** `above`: the structs that it is in; one that holds itself has no more in there. */
function fieldsOf(type: string, above: ReadonlySet<string>): ReadonlyMap<string, string> {
  const fields = fieldTypes[type];
  if (fields === undefined || above.has(type)) return none;
  const inner = new Set([...above, type]);
  return new Map(Object.entries(fields).filter(([, code]) => isFormed(code.replace(/^(?:\[\]|\{\})+/, ""), inner)));
}

function isFormed(code: string, above: ReadonlySet<string>): boolean {
  return code === "quantity" || code === "bytes" || fieldsOf(code, above).size > 0;
}

function canonicalValue(code: string, value: JsonValue): JsonValue {
  if (code === "quantity") return canonicalQuantity(value);
  if (code === "bytes") return typeof value === "string" ? withoutBreaks(value) : value;
  if (code.startsWith("[]")) {
    const of = code.slice(2);
    return Array.isArray(value) ? changeItems<JsonValue>(value, (item) => canonicalValue(of, item)) : value;
  }
  if (!isJsonObject(value)) return value;
  if (!code.startsWith("{}")) return canonicalFields(code, value);
  const of = code.slice(2);
  return changeFields<JsonValue>(value, (_key, item) => canonicalValue(of, item));
}

/** Go's decoder skips line breaks in base64, and nothing else. */
function withoutBreaks(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, "") : text;
}
