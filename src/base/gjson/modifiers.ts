import { sortTexts } from "../go/bytes.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson, setOwn } from "../json.ts";
import { layoutOf, prettyJson } from "./pretty.ts";
import { endOfBrackets } from "./scan.ts";
import type { Step } from "./step.ts";
import { boolOf, jsonOf } from "./text.ts";
import type { Work } from "./work.ts";

export type Modifier = (step: Step, work: Work) => Step;

/** What `@dig:path` needs of the rest of the dialect. */
type CompilePath = (path: string) => (value: JsonValue, work: Work) => JsonValue | undefined;

/** `@name:argument` at the start of the path, and the text behind it. */
export function parseModifier(path: string, name: string): { readonly argument: string; readonly rest: string } {
  const behind = path.slice(name.length + 1);
  if (!behind.startsWith(":")) return { argument: "", rest: behind };
  const text = behind.slice(1);
  const end = /^[[{"]/.test(text) ? endOfBrackets(text, 0) : endOfPlainArgument(text);
  return { argument: text.slice(0, end), rest: text.slice(end) };
}

function endOfPlainArgument(text: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "|") return at;
    if (`{["(`.includes(text.charAt(at))) at = endOfBrackets(text, at) - 1;
  }
  return text.length;
}

/** `argument` is read once; one that is no JSON object sets nothing. */
export function compileModifier(name: string, argument: string, compilePath: CompilePath): Modifier {
  switch (name) {
    case "this":
    case "valid":
      return (step) => step;
    case "pretty": {
      const layout = layoutOf(optionsOf(argument));
      return ({ value }, work) => {
        if (value === undefined) return { value };
        return { value: layout.sortKeys ? sortedKeys(value, work, 0) : value, layout };
      };
    }
    case "tostr":
      return (step, work) => ({ value: toStr(step, work) });
    case "dig": {
      const read = compilePath(argument);
      return ({ value }, work) => ({ value: dig(value, read, work) });
    }
    default: {
      const change = compileChange(name, optionsOf(argument));
      return ({ value }, work) => ({ value: change(value, work) });
    }
  }
}

type Change = (value: JsonValue | undefined, work: Work) => JsonValue | undefined;

function compileChange(name: string, options: JsonObject): Change {
  switch (name) {
    case "reverse":
      return reverse;
    case "flatten": {
      const isDeep = boolOf(options.deep);
      return (value, work) => (Array.isArray(value) ? flatten(value, isDeep, work, 0) : value);
    }
    case "join": {
      const keepsFirst = boolOf(options.preserve);
      return (value, work) => join(value, keepsFirst, work);
    }
    case "keys":
      return keys;
    case "values":
      return values;
    case "fromstr":
      return fromStr;
    case "group":
      return group;
    default:
      return (value) => value; // @ugly: nothing here has white space
  }
}

export function optionsOf(argument: string): JsonObject {
  if (argument === "") return {};
  try {
    const options: unknown = parseJson(argument);
    return isJsonObject(options) ? options : {};
  } catch {
    return {}; // the check of the path tells of it
  }
}

function reverse(value: JsonValue | undefined, work: Work): JsonValue | undefined {
  if (Array.isArray(value)) {
    work.spend(value.length);
    return value.toReversed();
  }
  if (!isJsonObject(value)) return value;
  const result: Record<string, JsonValue> = {};
  for (const [key, child] of Object.entries(value).reverse()) {
    work.spend();
    setOwn(result, key, child);
  }
  return result;
}

function flatten(list: readonly JsonValue[], isDeep: boolean, work: Work, depth: number): readonly JsonValue[] {
  const result: JsonValue[] = [];
  for (const item of list) {
    work.nest(depth);
    if (!Array.isArray(item)) result.push(item);
    else for (const inner of isDeep ? flatten(item, true, work, depth + 1) : item) result.push(inner);
  }
  work.spend(result.length);
  return result;
}

/** Of one key the last value, or with `preserve` the first: the original then writes all, and paths find the first. */
function join(value: JsonValue | undefined, keepsFirst: boolean, work: Work): JsonValue | undefined {
  if (!Array.isArray(value)) return value;
  const result: Record<string, JsonValue> = {};
  for (const item of value) {
    work.spend();
    if (!isJsonObject(item)) continue;
    for (const [key, child] of Object.entries(item)) {
      work.spend();
      if (!keepsFirst || !Object.hasOwn(result, key)) setOwn(result, key, child);
    }
  }
  return result;
}

function keys(value: JsonValue | undefined, work: Work): JsonValue {
  if (value === undefined) return [];
  const found = isJsonObject(value) ? Object.keys(value) : Array.isArray(value) ? value.map(() => null) : [null];
  work.spend(found.length);
  return found;
}

function values(value: JsonValue | undefined, work: Work): JsonValue {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  const found = isJsonObject(value) ? Object.values(value) : [value];
  work.spend(found.length);
  return found;
}

function sortedKeys(value: JsonValue, work: Work, depth: number): JsonValue {
  work.nest(depth);
  if (Array.isArray(value)) return value.map((item) => sortedKeys(item, work, depth + 1));
  if (!isJsonObject(value)) return value;
  const result: Record<string, JsonValue> = {};
  for (const key of sortTexts(Object.keys(value))) {
    setOwn(result, key, sortedKeys(value[key] ?? null, work, depth + 1));
  }
  return result;
}

function toStr({ value, layout }: Step, work: Work): string {
  if (value === undefined) return "";
  work.weigh(value);
  const text = layout ? prettyJson(value, layout, work) : jsonOf(value);
  work.spend(text.length / 16);
  return text;
}

/** What the text says; nothing where it is no JSON, of which the original may read a part. */
function fromStr(value: JsonValue | undefined, work: Work): JsonValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") return value;
  work.spend(value.length / 4);
  try {
    return parseJson(value);
  } catch {
    return undefined; // as the comment says
  }
}

/** `{"a":[1,2],"b":[3]}` → `[{"a":1,"b":3},{"a":2}]` */
function group(value: JsonValue | undefined, work: Work): JsonValue | undefined {
  if (!isJsonObject(value)) return undefined;
  const result: Record<string, JsonValue>[] = [];
  for (const [key, list] of Object.entries(value)) {
    work.spend();
    if (!Array.isArray(list)) continue;
    for (const [index, item] of list.entries()) {
      work.spend();
      result[index] ??= {};
      setOwn(result[index], key, item);
    }
  }
  return result;
}

/** What the path finds in the value and in all that is in it, from the outside in. */
function dig(
  value: JsonValue | undefined,
  read: (value: JsonValue, work: Work) => JsonValue | undefined,
  work: Work,
): JsonValue {
  const result: JsonValue[] = [];
  const visit = (at: JsonValue, depth: number): void => {
    work.nest(depth);
    const found = read(at, work);
    if (found !== undefined) {
      work.weigh(found);
      result.push(found);
    }
    if (typeof at !== "object" || at === null) return;
    for (const child of Object.values(at)) visit(child, depth + 1);
  };
  if (value !== undefined) visit(value, 0);
  return result;
}
