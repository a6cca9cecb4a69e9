import { array, expectList, iterate, pipe } from "../compiler/combine.ts";
import { constant, eachPath, type Env, type Filter, firstOf, type Get, identity, many, one, type Path, traced } from "../compiler/filter.ts";
import { modify } from "../compiler/updates.ts";
import { Break, ErrorValue, fault, notFor } from "../fault.ts";
import { compare } from "../values/compare.ts";
import { add, type Operator } from "../values/operators.ts";
import { getPath, Update } from "../values/update.ts";
import { fieldOf, isList, isNumber, isObject, isTruthy, sortedKeys, type Value } from "../values/values.ts";
import { addItems, extremeWith, fromEntries, groupBy, lengthOf, sortBy, toEntries, uniqueBy } from "./collections.ts";
import { forEach, regexBuilders } from "./regexes.ts";

/** Makes a filter of arguments that are filters themselves. */
export type Builder = (args: readonly Filter[]) => Filter;

const nothing = identity;
const items = iterate(identity);

const empty: Filter = traced(
  () => undefined,
  () => undefined,
  () => undefined,
);

/** `select(condition)` */
function select([condition = nothing]: readonly Filter[]): Filter {
  const { get } = condition;
  const got: Get | undefined =
    get &&
    ((env, input) => {
      const holds = get(env, input);
      return holds !== undefined && isTruthy(holds) ? input : undefined;
    });
  return traced(
    got,
    (env, input, emit) =>
      condition.run(env, input, (holds) => {
        if (isTruthy(holds)) emit(input);
      }),
    (env, input, path, emit) =>
      condition.run(env, input, (holds) => {
        if (isTruthy(holds)) emit(input, path);
      }),
  );
}

/** `recurse(step)`: the value, then all that comes of it. */
function recurse([step = nothing]: readonly Filter[]): Filter {
  const run = (env: Env, input: Value, depth: number, emit: (value: Value) => void): void => {
    env.work.call(depth);
    emit(input);
    step.run(env, input, (value) => run(env, value, depth + 1, emit));
  };
  const trace = (env: Env, input: Value, path: Path, depth: number, emit: (value: Value, path: Path) => void): void => {
    env.work.call(depth);
    emit(input, path);
    step.trace(env, input, path, (value, reached) => trace(env, value, reached, depth + 1, emit));
  };
  const { get } = step;
  return traced(
    undefined,
    get === undefined ? (env, input, emit) => run(env, input, env.depth, emit) : chain(get),
    (env, input, path, emit) => trace(env, input, path, env.depth, emit),
  );
}

/** As long as there is a next one, without nesting. */
function chain(get: Get): Filter["run"] {
  return (env, input, emit) => {
    for (let value: Value | undefined = input; value !== undefined; value = get(env, value)) {
      env.work.spend(1);
      emit(value);
    }
  };
}

/** All that is within a value, itself first. */
const everything = recurse([
  traced(
    undefined,
    (env, input, emit) => {
      if (typeof input === "object" && input !== null) items.run(env, input, emit);
    },
    (env, input, path, emit) => {
      if (typeof input === "object" && input !== null) items.trace(env, input, path, emit);
    },
  ),
]);

/** `while(condition; update)` */
function whileHolds([condition = nothing, update = nothing]: readonly Filter[]): Filter {
  return recurseSelected(condition, update);
}

/** What `condition` holds for, and what `update` makes of it, again and again. */
function recurseSelected(condition: Filter, update: Filter): Filter {
  const chosen = select([condition]);
  return pipe(chosen, recurse([pipe(update, chosen)]));
}

/** `until(condition; next)` */
function until([condition = nothing, next = nothing]: readonly Filter[]): Filter {
  const run = (env: Env, input: Value, depth: number, emit: (value: Value) => void): void => {
    env.work.call(depth);
    condition.run(env, input, (holds) => {
      if (isTruthy(holds)) emit(input);
      else next.run(env, input, (value) => run(env, value, depth + 1, emit));
    });
  };
  const trace = (env: Env, input: Value, path: Path, depth: number, emit: (value: Value, path: Path) => void): void => {
    env.work.call(depth);
    condition.run(env, input, (holds) => {
      if (isTruthy(holds)) emit(input, path);
      else next.trace(env, input, path, (value, reached) => trace(env, value, reached, depth + 1, emit));
    });
  };
  return traced(
    untilGet(condition.get, next.get),
    (env, input, emit) => run(env, input, env.depth, emit),
    (env, input, path, emit) => trace(env, input, path, env.depth, emit),
  );
}

function untilGet(condition: Get | undefined, next: Get | undefined): Get | undefined {
  if (condition === undefined || next === undefined) return undefined;
  return (env, input) => {
    for (let value: Value | undefined = input; value !== undefined; value = next(env, value)) {
      env.work.spend(1);
      const holds = condition(env, value);
      if (holds === undefined) return undefined;
      if (isTruthy(holds)) return value;
    }
    return undefined;
  };
}

/** `repeat(step)`: the results of the step for the same input, for ever. */
function repeat([step = nothing]: readonly Filter[]): Filter {
  return traced(
    undefined,
    (env, input, emit) => {
      for (;;) {
        env.work.spend(1);
        step.run(env, input, emit);
      }
    },
    (env, input, path, emit) => {
      for (;;) {
        env.work.spend(1);
        step.trace(env, input, path, emit);
      }
    },
  );
}

function range(args: readonly Filter[]): Filter {
  return many((env, input, emit) => {
    forEach(args, env, input, (values) => {
      const [from = null, to = null, step = null] =
        values.length === 1 ? [0, values[0] ?? null, 1] : values.length === 2 ? [...values, 1] : values;
      for (const value of [from, to, step]) if (!isNumber(value)) throw notFor("range", value);
      const direction = compare(step, 0, env.work);
      for (let at = from; direction * compare(at, to, env.work) < 0; at = add(at, step, env.work)) {
        env.work.spend(1);
        emit(at);
      }
    });
  });
}

/** Only the results that `isWanted` for: it counts them, and may end them all. */
function counted(
  name: string,
  [count = nothing, source = nothing]: readonly Filter[],
  start: (count: Value) => { readonly take: (end: Break) => boolean; readonly after: (end: Break) => void } | "all" | "none",
): Filter {
  const each = (env: Env, input: Value, use: (run: (turn: (next: () => void) => void) => void) => void): void => {
    count.run(env, input, (given) => {
      if (compare(given, 0, env.work) < 0) throw new ErrorValue(`${name} doesn't support negative count`);
      const counting = start(given);
      if (counting === "none") return;
      if (counting === "all") {
        use((turn) => turn(() => undefined));
        return;
      }
      const end = new Break();
      try {
        use((turn) => {
          env.work.spend(1);
          if (!counting.take(end)) return;
          turn(() => undefined);
          counting.after(end);
        });
      } catch (error) {
        if (error !== end) throw error;
      }
    });
  };
  return traced(
    undefined,
    (env, input, emit) =>
      each(env, input, (run) => source.run(env, input, (value) => run(() => emit(value)))),
    (env, input, path, emit) =>
      each(env, input, (run) => source.trace(env, input, path, (value, reached) => run(() => emit(value, reached)))),
  );
}

/** `first(source)` */
function first([source = nothing]: readonly Filter[]): Filter {
  return traced(
    (env, input) => firstOf(source, env, input),
    () => undefined,
    (env, input, path, emit) => {
      const end = new Break();
      try {
        source.trace(env, input, path, (value, reached) => {
          emit(value, reached);
          throw end;
        });
      } catch (error) {
        if (error !== end) throw error;
      }
    },
  );
}

/** `last(source)`: the last result stands nowhere, as in the original. */
function last([source = nothing]: readonly Filter[]): Filter {
  return one((env, input) => {
    let found: Value | undefined;
    source.run(env, input, (value) => {
      found = value;
    });
    return found;
  });
}

function isEmpty(source: Filter): Filter {
  return one((env, input) => firstOf(source, env, input) === undefined);
}

const negated = one((_env, input) => !isTruthy(input));

function any(source: Filter, condition: Filter): Filter {
  return pipe(isEmpty(pipe(source, select([condition]))), negated);
}

function all(source: Filter, condition: Filter): Filter {
  return isEmpty(pipe(source, select([pipe(condition, negated)])));
}

/** `name_by(key)`: sorts by lists of what the key gives. */
function by(apply: Operator): Builder {
  return ([key = nothing]) => {
    const keys = array(pipe(items, array(key)));
    return one((env, input) => {
      const found = keys.get?.(env, input);
      return found === undefined ? undefined : apply(input, found, env.work);
    });
  };
}

function paths(filter: Filter): Filter {
  return many((env, input, emit) =>
    eachPath(filter, env, input, ({ keys }) => {
      if (keys.length > 0) emit(keys);
    }),
  );
}

function del([filter = nothing]: readonly Filter[]): Filter {
  return one((env, input) => {
    const found: Value[] = [];
    eachPath(filter, env, input, ({ keys }) => {
      env.work.spend(1);
      found.push(keys);
    });
    return new Update(env.work).delete(input, found);
  });
}

function pick([filter = nothing]: readonly Filter[]): Filter {
  return one((env, input) => {
    const update = new Update(env.work);
    let result: Value = null;
    eachPath(filter, env, input, ({ keys }) => {
      env.work.spend(1);
      result = update.set(result, keys, getPath(input, keys, env.work));
    });
    return result;
  });
}

function getPathOf([keys = nothing]: readonly Filter[]): Filter {
  const { get } = keys;
  return traced(
    get &&
      ((env, input) => {
        const path = get(env, input);
        return path === undefined ? undefined : getPath(input, path, env.work);
      }),
    (env, input, emit) => keys.run(env, input, (path) => emit(getPath(input, path, env.work))),
    (env, input, path, emit) =>
      keys.run(env, input, (given) => {
        const value = getPath(input, given, env.work);
        path.check(input);
        emit(
          value,
          expectList(given).reduce<Path>((reached, key) => reached.to(key, value), path),
        );
      }),
  );
}

function mapValues([change = nothing]: readonly Filter[]): Filter {
  return one((env, input) => modify(items, env, input, (value) => firstOf(change, env, value)));
}

/** `walk(change)`: from the inside out. */
function walk([change = nothing]: readonly Filter[]): Filter {
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

/** `tostream`: each leaf with its path, and an end behind what has items. */
const toStream: Filter = many((env, input, emit) => {
  const walkThrough = (value: Value, path: readonly Value[]): void => {
    env.work.call(path.length);
    const keys = isList(value) ? value.map((_, at) => at) : isObject(value) ? sortedKeys(value) : [];
    if (keys.length === 0) return emit([path, value]);
    for (const key of keys) {
      const item = isList(value) ? value[Number(key)] : isObject(value) ? fieldOf(value, String(key)) : null;
      walkThrough(item ?? null, [...path, key]);
    }
    emit([[...path, keys.at(-1) ?? null]]);
  };
  walkThrough(input, []);
});

/** `fromstream(source)`: values of what `tostream` gave. */
function fromStream([source = nothing]: readonly Filter[]): Filter {
  return many((env, input, emit) => {
    let held: Value = null;
    source.run(env, input, (event) => {
      env.work.spend(1);
      const [path = null, leaf = null] = event === null ? [] : expectList(event);
      const isLeaf = lengthOf(event) === 2;
      if (isLeaf) held = new Update(env.work).set(held, add(["v"], path, env.work), leaf);
      if (lengthOf(path) !== (isLeaf ? 0 : 1)) return;
      const value = isObject(held) ? fieldOf(held, "v") : null;
      held = null;
      emit(value);
    });
  });
}

const fromEntriesOf = pipe(
  array(items),
  one((env, input) => fromEntries(expectList(input), env.work)),
);

const entriesOf = one((env, input) => toEntries(input, env.work));

function map([change = nothing]: readonly Filter[]): Filter {
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
  "recurse/2": ([step = nothing, condition = nothing]) => recurse([pipe(step, select([condition]))]),
  "while/2": whileHolds,
  "until/2": until,
  "repeat/1": repeat,
  "range/1": range,
  "range/2": range,
  "range/3": range,
  "first/1": first,
  "last/1": last,
  "limit/2": (args) => counted("limit", args, limiting),
  "skip/2": (args) => counted("skip", args, skipping),
  "isempty/1": ([source = nothing]) => isEmpty(source),
  "any/0": () => any(items, identity),
  "any/1": ([condition = nothing]) => any(items, condition),
  "any/2": ([source = nothing, condition = nothing]) => any(source, condition),
  "all/0": () => all(items, identity),
  "all/1": ([condition = nothing]) => all(items, condition),
  "all/2": ([source = nothing, condition = nothing]) => all(source, condition),
  "map/1": map,
  "map_values/1": mapValues,
  "walk/1": walk,
  "add/1": ([source = nothing]) =>
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
  "path/1": ([filter = nothing]) =>
    many((env, input, emit) => eachPath(filter, env, input, ({ keys }) => emit(keys))),
  "paths/0": () => paths(everything),
  "paths/1": (args) => paths(pipe(everything, select(args))),
  "del/1": del,
  "pick/1": pick,
  "getpath/1": getPathOf,
  "tostream/0": () => toStream,
  "fromstream/1": fromStream,
  ...regexBuilders,
};

function limiting(count: Value) {
  if (count === 0) return "none" as const;
  let left = Number(count);
  return {
    take: () => true,
    after: (end: Break) => {
      left--;
      if (!(left > 0)) throw end;
    },
  };
}

function skipping(count: Value) {
  if (count === 0) return "all" as const;
  let left = Number(count);
  return { take: () => --left < 0, after: () => undefined };
}

export function builderOf(name: string, arity: number): Builder | undefined {
  const key = `${name}/${arity}`;
  return Object.hasOwn(builders, key) ? builders[key] : undefined;
}

export const builderNames: readonly string[] = Object.keys(builders);

