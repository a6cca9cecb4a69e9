import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Problem, Schema } from "../base/schema.ts";
import { setJson } from "../base/sjson.ts";
import { checkItems, objectOf, textOf, warningAt } from "./fields.ts";

/**
 * Parameters that put a text where the kind takes none: a value goes in as a string, and the trigger fails with each event
 * (spec argo-events 6.3.2). `makesObject`: the kind's own
 * parameters change an object, of which nothing is known here.
 */
export function checkParameterTypes(
  trigger: JsonObject,
  { kind, schema, makesObject }: { kind: string; schema: Schema<unknown>; makesObject: boolean },
  path: string,
): Problem[] {
  const spec = objectOf(objectOf(trigger.template)[kind]);
  const checkAll = (list: JsonValue | undefined, at: string, prefix: string): Problem[] =>
    list === undefined
      ? []
      : checkItems(list, at, (entry, place) => checkOne(entry, { spec, schema, prefix, kind }, place));
  return [
    ...checkAll(trigger.parameters, `${path}.parameters`, `${kind}.`),
    ...(makesObject ? [] : checkAll(spec.parameters, `${path}.template.${kind}.parameters`, "")),
  ];
}

interface Target {
  readonly spec: JsonObject;
  readonly schema: Schema<unknown>;
  /** What destinations into the block of the kind begin with. */
  readonly prefix: string;
  readonly kind: string;
}

/** Names and indexes. */
const plainDest = /^\w{1,60}(?:\.\w{1,60}){0,9}$/;

const otherType = /must be (?:an? )(?:integer|number|boolean|array|object)/;

function checkOne(entry: JsonObject, { spec, schema, prefix, kind }: Target, path: string): Problem[] {
  const dest = textOf(entry.dest);
  if (!dest.startsWith(prefix) || !plainDest.test(dest)) return [];
  const own = dest.slice(prefix.length);
  const source = givesText(entry);
  if (source === undefined || /\.\d{5,}|^\d/.test(own)) return [];
  const field = `.${own}`.replaceAll(/\.(\d+)(?=\.|$)/g, "[$1]");
  const seen = schema
    .check(withText(spec, own), "")
    .find(({ path: at, message }) => at === field && otherType.test(message));
  if (seen === undefined) return [];
  const wanted = /must be .*/.exec(seen.message)?.[0].split(";")[0];
  const message = `${kind}${field} ${wanted}, and ${source.what} goes in as a string: the trigger fails with each event`;
  return [warningAt(`${path}.src`, message, source.hint)];
}

function withText(spec: JsonObject, dest: string): JsonObject {
  const changed = setJson(spec, dest, "text");
  return isJsonObject(changed) ? changed : spec;
}

/** Undefined: what it gives may keep its type. */
function givesText({ src, operation }: JsonObject): { readonly what: string; readonly hint: string } | undefined {
  const { dataKey, dataTemplate, contextKey, contextTemplate, useRawData } = objectOf(src);
  const hint = "write `dataKey` with `useRawData: true`, for a value that has that type in the event";
  if (/^(?:append|prepend)$/.test(textOf(operation))) return { what: "what is made of both", hint };
  if (textOf(dataTemplate) + textOf(contextTemplate) !== "") return { what: "what a template gives", hint };
  if (textOf(dataKey) + textOf(contextKey) === "") return { what: "the value", hint };
  return useRawData === true
    ? undefined
    : { what: "the value", hint: "add `useRawData: true`, which keeps the type that it has in the event" };
}
