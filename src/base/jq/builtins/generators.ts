import { iterate, pipe } from "../compiler/combine.ts";
import {
  type Env,
  type Filter,
  firstOf,
  type Get,
  identity,
  many,
  one,
  type Path,
  traced,
} from "../compiler/filter.ts";
import { Break, ErrorValue, notFor } from "../fault.ts";
import { compare } from "../values/compare.ts";
import { add, subtract } from "../values/operators.ts";
import { isNumber, isTruthy, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";
import { forEach } from "./regexes.ts";

/** The items of the input. */
export const items = iterate(identity);

/** `select(condition)` */
export function select([condition = identity]: readonly Filter[]): Filter {
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
export function recurse([step = identity]: readonly Filter[]): Filter {
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
export const everything = recurse([
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
export function whileHolds([condition = identity, update = identity]: readonly Filter[]): Filter {
  const chosen = select([condition]);
  return pipe(chosen, recurse([pipe(update, chosen)]));
}

/** `until(condition; next)` */
export function until([condition = identity, next = identity]: readonly Filter[]): Filter {
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
export function repeat([step = identity]: readonly Filter[]): Filter {
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

export function range(args: readonly Filter[]): Filter {
  return many((env, input, emit) => {
    forEach(args, env, input, (values) => {
      const [from = null, to = null, step = null] = boundsOf(values);
      for (const value of [from, to, step]) if (!isNumber(value)) throw notFor("range", value);
      const direction = compare(step, 0, env.work);
      for (let at = from; direction * compare(at, to, env.work) < 0; at = add(at, step, env.work)) {
        env.work.spend(1);
        emit(at);
      }
    });
  });
}

/** From, to and step. */
function boundsOf(values: readonly Value[]): readonly Value[] {
  if (values.length === 1) return [0, ...values, 1];
  return values.length === 2 ? [...values, 1] : values;
}

/** Passes a result on, or not, or ends it all. */
type Gate = (pass: () => void) => void;

/** Only those results of `source` that a gate lets pass: a new one for each count. */
function gated(
  name: string,
  [count = identity, source = identity]: readonly Filter[],
  open: (count: Value, work: Work, end: Break) => Gate | undefined,
): Filter {
  const each = (env: Env, input: Value, use: (gate: Gate) => void): void => {
    count.run(env, input, (given) => {
      if (compare(given, 0, env.work) < 0) throw new ErrorValue(`${name} doesn't support negative count`);
      const end = new Break();
      const gate = open(given, env.work, end);
      try {
        if (gate !== undefined) use(gate);
      } catch (error) {
        if (error !== end) throw error;
        env.work.caught();
      }
    });
  };
  return traced(
    undefined,
    (env, input, emit) => each(env, input, (gate) => source.run(env, input, (value) => gate(() => emit(value)))),
    (env, input, path, emit) =>
      each(env, input, (gate) => source.trace(env, input, path, (value, reached) => gate(() => emit(value, reached)))),
  );
}

/** `limit(count; source)` */
export function limit(args: readonly Filter[]): Filter {
  return gated("limit", args, (count, work, end) => {
    if (count === 0) return undefined;
    let left = count;
    return (pass) => {
      work.spend(1);
      left = subtract(left, 1, work);
      pass();
      if (compare(left, 0, work) <= 0) throw end;
    };
  });
}

/** `skip(count; source)` */
export function skip(args: readonly Filter[]): Filter {
  return gated("skip", args, (count, work) => {
    if (count === 0) return (pass) => pass();
    let left = count;
    return (pass) => {
      work.spend(1);
      left = subtract(left, 1, work);
      if (compare(left, 0, work) < 0) pass();
    };
  });
}

/** `first(source)` */
export function first([source = identity]: readonly Filter[]): Filter {
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
        env.work.caught();
      }
    },
  );
}

/** `last(source)`: the last result stands nowhere, as in the original, though the way to it has to be one. */
export function last([source = identity]: readonly Filter[]): Filter {
  return traced(
    (env, input) => {
      let found: Value | undefined;
      source.run(env, input, (value) => {
        found = value;
      });
      return found;
    },
    () => undefined,
    (env, input, path, emit) => {
      let found: Value | undefined;
      source.trace(env, input, path, (value) => {
        found = value;
      });
      if (found !== undefined) emit(found, path);
    },
  );
}

export function isEmpty(source: Filter): Filter {
  return one((env, input) => firstOf(source, env, input) === undefined);
}

const negated = one((_env, input) => !isTruthy(input));

export function any(source: Filter, condition: Filter): Filter {
  return pipe(isEmpty(pipe(source, select([condition]))), negated);
}

export function all(source: Filter, condition: Filter): Filter {
  return isEmpty(pipe(source, select([pipe(condition, negated)])));
}
