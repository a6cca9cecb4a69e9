import { setOwn } from "../../json.ts";
import { expected, Fault, shown } from "../fault.ts";
import { fetch, fetchField, keyNoText, slice } from "../values/fetch.ts";
import type { Operator } from "../values/operators.ts";
import { fieldOf, isList, isObject, isTruthy, sortedKeys, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";
import { type Filter, type Get, identity, many, one, type Path, traced } from "./filter.ts";

/** `left | right` */
export function pipe(left: Filter, right: Filter): Filter {
  if (left === identity) return right;
  if (right === identity) return left;
  return traced(
    pipedGet(left.get, right.get),
    (env, input, emit) => left.run(env, input, (value) => right.run(env, value, emit)),
    (env, input, path, emit) =>
      left.trace(env, input, path, (value, reached) => right.trace(env, value, reached, emit)),
  );
}

function pipedGet(left: Get | undefined, right: Get | undefined): Get | undefined {
  if (left === undefined || right === undefined) return undefined;
  return (env, input) => {
    const value = left(env, input);
    return value === undefined ? undefined : right(env, value);
  };
}

/** `left, right` */
export function comma(left: Filter, right: Filter): Filter {
  return traced(
    undefined,
    (env, input, emit) => {
      env.work.spend(1);
      left.run(env, input, emit);
      right.run(env, input, emit);
    },
    (env, input, path, emit) => {
      env.work.spend(1);
      left.trace(env, input, path, emit);
      right.trace(env, input, path, emit);
    },
  );
}

/** `base.name` */
export function field(base: Filter, name: string): Filter {
  const { get } = base;
  const fetched = get && fieldGet(base, get, name);
  return traced(
    fetched,
    (env, input, emit) => base.run(env, input, (value) => emit(fetchField(value, name))),
    (env, input, path, emit) =>
      base.trace(env, input, path, (value, reached) => step(name, fetchField(value, name), value, reached, emit)),
  );
}

function fieldGet(base: Filter, get: Get, name: string): Get {
  if (base === identity) return (_env, input) => fetchField(input, name);
  return (env, input) => {
    const value = get(env, input);
    return value === undefined ? undefined : fetchField(value, name);
  };
}

function step(key: Value, found: Value, from: Value, path: Path, emit: (value: Value, path: Path) => void): void {
  path.check(from);
  emit(found, path.to(key, found));
}

/** `base[key]`, for each key anew. */
export function index(base: Filter, key: Filter): Filter {
  const got = bothGet(base, key, fetch);
  return traced(
    got,
    (env, input, emit) =>
      key.run(env, input, (at) => base.run(env, input, (value) => emit(fetch(value, at, env.work)))),
    (env, input, path, emit) =>
      key.run(env, input, (at) =>
        base.trace(env, input, path, (value, reached) => step(at, fetch(value, at, env.work), value, reached, emit)),
      ),
  );
}

/** `base[from:to]`; the bounds are null where there is none. */
export function sliced(base: Filter, from: Filter, to: Filter): Filter {
  return traced(
    sliceGet(base.get, from.get, to.get),
    (env, input, emit) =>
      from.run(env, input, (start) =>
        to.run(env, input, (end) => base.run(env, input, (value) => emit(slice(value, start, end, env.work)))),
      ),
    (env, input, path, emit) =>
      from.run(env, input, (start) =>
        to.run(env, input, (end) =>
          base.trace(env, input, path, (value, reached) =>
            step({ start, end }, slice(value, start, end, env.work), value, reached, emit),
          ),
        ),
      ),
  );
}

function sliceGet(base: Get | undefined, from: Get | undefined, to: Get | undefined): Get | undefined {
  if (base === undefined || from === undefined || to === undefined) return undefined;
  return (env, input) => {
    const start = from(env, input);
    const end = start === undefined ? undefined : to(env, input);
    const value = end === undefined ? undefined : base(env, input);
    if (start === undefined || end === undefined || value === undefined) return undefined;
    return slice(value, start, end, env.work);
  };
}

function eachItem(value: Value, work: Work, use: (key: Value, item: Value) => void): void {
  if (isList(value)) {
    for (let at = 0; at < value.length; at++) {
      work.spend(1);
      use(at, value[at] ?? null);
    }
  } else if (isObject(value)) {
    for (const key of sortedKeys(value)) {
      work.spend(1);
      use(key, fieldOf(value, key));
    }
  } else throw new Fault(() => `cannot iterate over: ${shown(value)}`);
}

/** `base[]` */
export function iterate(base: Filter): Filter {
  return traced(
    undefined,
    (env, input, emit) => base.run(env, input, (value) => eachItem(value, env.work, (_key, item) => emit(item))),
    (env, input, path, emit) =>
      base.trace(env, input, path, (value, reached) => {
        if (typeof value === "object" && value !== null && !reached.leadsTo(value)) {
          throw new Fault(() => `invalid path on iterating against: ${shown(value)}`);
        }
        eachItem(value, env.work, (key, item) => emit(item, reached.to(key, item)));
      }),
  );
}

function bothGet(left: Filter, right: Filter, apply: Operator): Get | undefined {
  const [getLeft, getRight] = [left.get, right.get];
  if (getLeft === undefined || getRight === undefined) return undefined;
  return (env, input) => {
    const b = getRight(env, input);
    const a = b === undefined ? undefined : getLeft(env, input);
    return a === undefined || b === undefined ? undefined : apply(a, b, env.work);
  };
}

/** `left + right` and the like: the right side is the outer loop. */
export function binary(left: Filter, right: Filter, apply: Operator): Filter {
  return traced(
    bothGet(left, right, apply),
    (env, input, emit) => right.run(env, input, (b) => left.run(env, input, (a) => emit(apply(a, b, env.work)))),
    (env, input, path, emit) =>
      right.trace(env, input, path, (b, reached) =>
        left.trace(env, input, reached, (a, last) => emit(apply(a, b, env.work), last)),
      ),
  );
}

/** `left // right` */
export function alternative(left: Filter, right: Filter): Filter {
  const [getLeft, getRight] = [left.get, right.get];
  const get: Get | undefined =
    getLeft && getRight
      ? (env, input) => {
          const value = getLeft(env, input);
          return value === undefined || !isTruthy(value) ? getRight(env, input) : value;
        }
      : undefined;
  return traced(
    get,
    (env, input, emit) => {
      let isFound = false;
      left.run(env, input, (value) => {
        if (!isTruthy(value)) return;
        isFound = true;
        emit(value);
      });
      if (!isFound) right.run(env, input, emit);
    },
    (env, input, path, emit) => {
      let isFound = false;
      left.trace(env, input, path, (value, reached) => {
        if (!isTruthy(value)) return;
        isFound = true;
        emit(value, reached);
      });
      if (!isFound) right.trace(env, input, path, emit);
    },
  );
}

/** `if condition then whenTrue else whenFalse end` */
export function conditional(condition: Filter, whenTrue: Filter, whenFalse: Filter): Filter {
  return traced(
    conditionalGet(condition.get, whenTrue.get, whenFalse.get),
    (env, input, emit) =>
      condition.run(env, input, (holds) => (isTruthy(holds) ? whenTrue : whenFalse).run(env, input, emit)),
    (env, input, path, emit) =>
      condition.run(env, input, (holds) => (isTruthy(holds) ? whenTrue : whenFalse).trace(env, input, path, emit)),
  );
}

function conditionalGet(condition?: Get, whenTrue?: Get, whenFalse?: Get): Get | undefined {
  if (condition === undefined || whenTrue === undefined || whenFalse === undefined) return undefined;
  return (env, input) => {
    const holds = condition(env, input);
    if (holds === undefined) return undefined;
    return isTruthy(holds) ? whenTrue(env, input) : whenFalse(env, input);
  };
}

/** `[items]` */
export function array(items: Filter): Filter {
  return one((env, input) => {
    const list: Value[] = [];
    items.run(env, input, (value) => {
      env.work.spend(1 / 8);
      list.push(value);
    });
    return list;
  });
}

/** `{key: value, …}`: the first entry is the outermost loop, the last one of a name counts. */
export function object(entries: readonly { readonly key: Filter; readonly value: Filter }[]): Filter {
  const parts = entries.flatMap(({ key, value }) => [key, value]);
  const gets = parts.map(({ get }) => get);
  if (gets.every((get) => get !== undefined)) return one(objectGet(gets));
  return many((env, input, emit) => {
    const found: Value[] = [];
    const next = (at: number): void => {
      const part = parts[at];
      if (part === undefined) {
        env.work.items(entries.length);
        emit(objectOf(found));
        return;
      }
      part.run(env, input, (value) => {
        found[at] = value;
        next(at + 1);
      });
    };
    next(0);
  });
}

function objectGet(gets: readonly Get[]): Get {
  return (env, input) => {
    env.work.spend(gets.length / 16);
    const found: Value[] = [];
    for (const get of gets) {
      const value = get(env, input);
      if (value === undefined) return undefined;
      found.push(value);
    }
    return objectOf(found);
  };
}

/** Keys and values in turn. The last key that is no text is the one that is complained about. */
function objectOf(found: readonly Value[]): Value {
  for (let at = found.length - 2; at >= 0; at -= 2) {
    const key = found[at] ?? null;
    if (typeof key !== "string") throw keyNoText(key);
  }
  const result: Record<string, Value> = {};
  for (let at = 0; at < found.length; at += 2) setOwn(result, String(found[at]), found[at + 1] ?? null);
  return result;
}

/** `try body catch handler`; without a handler the error is gone. What comes behind it is not within it. */
export function attempt(body: Filter, handler: Filter | undefined): Filter {
  return traced(
    attemptGet(body.get, handler),
    (env, input, emit) => {
      let behind: unknown;
      try {
        body.run(env, input, (value) => {
          try {
            emit(value);
          } catch (error) {
            behind = error; // told by itself: a `?//` in the body may go on after it, and fail within
            throw error;
          }
        });
      } catch (error) {
        if (error === behind || !(error instanceof Fault)) throw error;
        env.work.caught();
        handler?.run(env, error.value, emit);
      }
    },
    (env, input, path, emit) => {
      let behind: unknown;
      try {
        body.trace(env, input, path, (value, reached) => {
          try {
            emit(value, reached);
          } catch (error) {
            behind = error;
            throw error;
          }
        });
      } catch (error) {
        if (error === behind || !(error instanceof Fault)) throw error;
        env.work.caught();
        handler?.trace(env, error.value, path, emit);
      }
    },
  );
}

function attemptGet(body: Get | undefined, handler: Filter | undefined): Get | undefined {
  if (body === undefined || (handler !== undefined && handler.get === undefined)) return undefined;
  return (env, input) => {
    try {
      return body(env, input);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      env.work.caught();
      return handler?.get?.(env, error.value);
    }
  };
}

export function expectList(value: Value): readonly Value[] {
  if (isList(value)) return value;
  throw expected("an array", value);
}
