import { array, expectList, pipe } from "../compiler/combine.ts";
import { constant, type Env, eachPath, type Filter, firstOf, identity, many, one, traced } from "../compiler/filter.ts";
import { modify } from "../compiler/updates.ts";
import { fault } from "../fault.ts";
import type { Operator } from "../values/operators.ts";
import { isList, isObject, type Value } from "../values/values.ts";
import { addItems, extremeWith, fromEntries, groupBy, sortBy, toEntries, uniqueBy } from "./collections.ts";
import {
  all,
  any,
  everything,
  first,
  isEmpty,
  items,
  last,
  limit,
  range,
  recurse,
  repeat,
  select,
  skip,
  until,
  whileHolds,
} from "./generators.ts";
import { del, fromStream, getPathOf, paths, pick, toStream } from "./paths.ts";
import { regexBuilders } from "./regexes.ts";

/** Makes a filter of arguments that are filters themselves. */
export type Builder = (args: readonly Filter[]) => Filter;

const empty: Filter = traced(
  () => undefined,
  () => undefined,
  () => undefined,
);

/** `name_by(key)`: sorts by lists of what the key gives. */
function by(apply: Operator): Builder {
  return ([key = identity]) => {
    const keys = array(pipe(items, array(key)));
    return one((env, input) => {
      const found = keys.get?.(env, input);
      return found === undefined ? undefined : apply(input, found, env.work);
    });
  };
}

function mapValues([change = identity]: readonly Filter[]): Filter {
  return one((env, input) => modify(items, env, input, (value) => firstOf(change, env, value)));
}

/** `walk(change)`: from the inside out. */
function walk([change = identity]: readonly Filter[]): Filter {
  const run = (env: Env, input: Value, depth: number, emit: (value: Value) => void): void => {
    env.work.call(depth);
    change.run(env, walkInto(env, input, depth), emit);
  };
  const walkInto = (env: Env, input: Value, depth: number): Value => {
    if (isList(input)) {
      const list: Value[] = [];
      for (const item of input) run(env, item, depth + 1, (value) => void list.push(value));
      return list;
    }
    if (!isObject(input)) return input;
    const inner = many((_env, value, emit) => run(env, value, depth + 1, emit));
    return modify(items, env, input, (value) => firstOf(inner, env, value));
  };
  return many((env, input, emit) => run(env, input, env.depth, emit));
}

const fromEntriesOf = pipe(
  array(items),
  one((env, input) => fromEntries(expectList(input), env.work)),
);

const entriesOf = one((env, input) => toEntries(input, env.work));

function map([change = identity]: readonly Filter[]): Filter {
  return array(pipe(items, change));
}

const now = one(({ work }) => {
  if (work.now === undefined) throw fault("now/0 is not allowed: the same input gives the same result");
  return work.now() / 1_000;
});

const builders: Readonly<Record<string, Builder>> = {
  "empty/0": () => empty,
  "env/0": () => constant({}),
  "now/0": () => now,
  "select/1": select,
  "recurse/0": () => everything,
  "recurse/1": recurse,
  "recurse/2": ([step = identity, condition = identity]) => recurse([pipe(step, select([condition]))]),
  "while/2": whileHolds,
  "until/2": until,
  "repeat/1": repeat,
  "range/1": range,
  "range/2": range,
  "range/3": range,
  "first/1": first,
  "last/1": last,
  "limit/2": limit,
  "skip/2": skip,
  "isempty/1": ([source = identity]) => isEmpty(source),
  "any/0": () => any(items, identity),
  "any/1": ([condition = identity]) => any(items, condition),
  "any/2": ([source = identity, condition = identity]) => any(source, condition),
  "all/0": () => all(items, identity),
  "all/1": ([condition = identity]) => all(items, condition),
  "all/2": ([source = identity, condition = identity]) => all(source, condition),
  "map/1": map,
  "map_values/1": mapValues,
  "walk/1": walk,
  "add/1": ([source = identity]) =>
    pipe(
      array(source),
      one((env, input) => addItems(input, env.work)),
    ),
  "from_entries/0": () => fromEntriesOf,
  "with_entries/1": (args) => pipe(pipe(entriesOf, map(args)), fromEntriesOf),
  "min_by/1": by((value, keys, work) => extremeWith("min_by", value, keys, work)),
  "max_by/1": by((value, keys, work) => extremeWith("max_by", value, keys, work)),
  "sort_by/1": by((value, keys, work) => sortBy("sort_by", value, keys, work)),
  "group_by/1": by(groupBy),
  "unique_by/1": by((value, keys, work) => uniqueBy("unique_by", value, keys, work)),
  "path/1": ([filter = identity]) => many((env, input, emit) => eachPath(filter, env, input, (keys) => emit(keys))),
  "paths/0": () => paths(everything),
  "paths/1": (args) => paths(pipe(everything, select(args))),
  "del/1": del,
  "pick/1": pick,
  "getpath/1": getPathOf,
  "tostream/0": () => toStream,
  "fromstream/1": fromStream,
  ...regexBuilders,
};

export function builderOf(name: string, arity: number): Builder | undefined {
  const key = `${name}/${arity}`;
  return Object.hasOwn(builders, key) ? builders[key] : undefined;
}

export const builderNames: readonly string[] = Object.keys(builders);
