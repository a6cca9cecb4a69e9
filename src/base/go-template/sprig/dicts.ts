import { sortTexts } from "../../go/bytes.ts";
import { setOwn } from "../../json.ts";
import { own } from "../fields.ts";
import { any, dict, type FunctionTable, fn, text, variadic } from "../function.ts";
import {
  type Fields,
  fieldsOf,
  GoList,
  GoStrings,
  isFields,
  itemsOf,
  nilFields,
  strings,
  typeOf,
  type Value,
} from "../values.ts";
import { Failure, type Work } from "../work.ts";
import { merge } from "./merge.ts";
import { stringOf } from "./strings.ts";

/** A map that a template may change: its own, or the copy of the data that such templates run on. */
function changeable(fields: Fields): Record<string, Value> {
  if (fields === nilFields) throw new Failure("assignment to entry in nil map");
  // Readonly for everybody else.
  return fields as Record<string, Value>;
}

function dictOf(values: readonly Value[], work: Work): Fields {
  const fields: Record<string, Value> = {};
  for (let index = 0; index < values.length; index += 2) {
    const value = values[index + 1];
    setOwn(fields, stringOf(values[index] ?? null, work), value === undefined ? "" : value);
  }
  return fields;
}

/** The original gives them in an order that changes each time; here it is that of their names. */
function namesOf(fields: Fields, work: Work): string[] {
  const names = Object.keys(fields);
  work.spend(names.length);
  return sortTexts(names);
}

function select(fields: Fields, takes: (name: string) => boolean, work: Work): Fields {
  const result: Record<string, Value> = {};
  for (const name of namesOf(fields, work)) if (takes(name)) setOwn(result, name, fields[name] ?? null);
  return result;
}

function dig(path: readonly Value[]): Value {
  if (path.length < 3) throw new Failure("dig needs at least three arguments");
  let step: Value = path.at(-1) ?? null;
  for (const name of path.slice(0, -2)) {
    if (!isFields(step)) throw new Failure(`dig finds ${typeOf(step)}, not map[string]interface {}`);
    if (typeof name !== "string") throw new Failure(`dig takes strings, not ${typeOf(name)}`);
    const next = own(step, name);
    if (next === undefined) return path.at(-2) ?? null;
    step = next;
  }
  return step;
}

function copy(value: Value, work: Work, depth = 0): Value {
  work.nest(depth);
  const items = itemsOf(value);
  if (items !== undefined) {
    const copied = items.map((item) => copy(item, work, depth + 1));
    return value instanceof GoList ? new GoList(value.type, copied, value.isNil) : copied;
  }
  const fields = fieldsOf(value);
  if (fields === undefined) return value;
  const copied: Record<string, Value> = {};
  for (const [name, field] of Object.entries(fields)) setOwn(copied, name, copy(field, work, depth + 1));
  return value instanceof GoStrings ? new GoStrings(copied) : copied;
}

const deepCopy = fn([any], (value, work) => {
  if (value === null) throw new Failure("there is nothing to copy");
  return copy(value, work);
});

function merging(overwrites: boolean) {
  return variadic([dict], dict, (target, sources, work) => {
    if (target === nilFields && sources.every((source) => source === nilFields)) return target;
    const result = target === nilFields ? {} : changeable(target);
    for (const source of sources) merge(result, source, overwrites, work);
    return result;
  });
}

/** Functions that change a map which they get: a template that uses one runs on a copy of the data. */
export const changesMaps = ["set", "unset", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite"] as const;

export const dictFunctions: FunctionTable = {
  dict: variadic([], any, dictOf),
  get: fn([dict, text], (fields, name) => own(fields, name) ?? (Object.hasOwn(fields, name) ? null : "")),
  set: fn([dict, text, any], (fields, name, value) => {
    setOwn(changeable(fields), name, value);
    return fields;
  }),
  unset: fn([dict, text], (fields, name) => {
    if (fields !== nilFields) delete changeable(fields)[name];
    return fields;
  }),
  hasKey: fn([dict, text], (fields, name) => Object.hasOwn(fields, name)),
  pluck: variadic([text, dict], dict, (name, first, others) =>
    [first, ...others].filter((fields) => Object.hasOwn(fields, name)).map((fields) => fields[name] ?? null),
  ),
  keys: variadic([], dict, (dicts, work) => strings(dicts.flatMap((fields) => namesOf(fields, work)))),
  values: fn([dict], (fields, work) => namesOf(fields, work).map((name) => fields[name] ?? null)),
  pick: variadic([dict], text, (fields, names, work) => {
    const wanted = new Set(names);
    return select(fields, (name) => wanted.has(name), work);
  }),
  omit: variadic([dict], text, (fields, names, work) => {
    const unwanted = new Set(names);
    return select(fields, (name) => !unwanted.has(name), work);
  }),
  dig: variadic([], any, dig),
  deepCopy,
  mustDeepCopy: deepCopy,
  merge: merging(false),
  mustMerge: merging(false),
  mergeOverwrite: merging(true),
  mustMergeOverwrite: merging(true),
};
