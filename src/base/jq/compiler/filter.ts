import { Break, Fault, shown } from "../fault.ts";
import { isList, type Value } from "../values/values.ts";
import type { Work } from "../work.ts";

export type Get = (env: Env, input: Value) => Value | undefined;
export type Run = (env: Env, input: Value, emit: (value: Value) => void) => void;
export type Trace = (env: Env, input: Value, path: Path, emit: (value: Value, path: Path) => void) => void;

/**
 * A part of a program. Results go to `emit` one by one, and all that comes behind runs within that call; `first`,
 * `break` and errors end it by a throw.
 */
export interface Filter {
  /** Where there is one result at most: it, or undefined. All that can be done without callbacks is. */
  readonly get: Get | undefined;
  readonly run: Run;
  /** The same with where each result stands: for `path(…)`, `del(…)`, `|=` and their like. */
  readonly trace: Trace;
}

/** What stands for a parameter without `$`: a filter, in the place where it was written. */
export interface Closure {
  readonly filter: Filter;
  readonly env: Env;
}

/** What names stand for, innermost first. The compiler knows how many steps out each is. */
export class Env {
  readonly parent: Env | undefined;
  readonly work: Work;
  /** Calls within each other. */
  readonly depth: number;
  readonly value: Value;
  readonly closure: Closure | undefined;
  readonly label: Break | undefined;

  constructor(
    parent: Env | undefined,
    work: Work,
    depth: number,
    value: Value = null,
    closure: Closure | undefined = undefined,
    label: Break | undefined = undefined,
  ) {
    this.parent = parent;
    this.work = work;
    this.depth = depth;
    this.value = value;
    this.closure = closure;
    this.label = label;
  }

  bind(value: Value): Env {
    return new Env(this, this.work, this.depth, value);
  }

  close(closure: Closure): Env {
    return new Env(this, this.work, this.depth, null, closure);
  }

  mark(label: Break): Env {
    return new Env(this, this.work, this.depth, null, undefined, label);
  }

  out(steps: number): Env {
    let env: Env = this;
    for (let left = steps; left > 0; left--) env = env.parent ?? env;
    return env;
  }
}

/** Where a value stands, from the value that `path(…)` was asked about. */
export class Path {
  readonly key: Value;
  /** What was found there. */
  readonly value: Value;
  readonly parent: Path | undefined;

  constructor(value: Value, key: Value = null, parent: Path | undefined = undefined) {
    this.value = value;
    this.key = key;
    this.parent = parent;
  }

  get keys(): Value[] {
    const keys: Value[] = [];
    for (let path: Path = this; path.parent !== undefined; path = path.parent) keys.push(path.key);
    return keys.reverse();
  }

  to(key: Value, value: Value): Path {
    return new Path(value, key, this);
  }

  /** Whether `value` is still what stands here, so that a path may go on from it. */
  leadsTo(value: Value): boolean {
    if (value === this.value || (Number.isNaN(value) && Number.isNaN(this.value))) return true;
    return isList(value) && value.length === 0 && isList(this.value) && this.value.length === 0;
  }

  check(value: Value): void {
    if (!this.leadsTo(value)) throw new Fault(() => `invalid path against: ${shown(value)}`);
  }
}

/** A filter of one result at most that leads to no place. */
export function one(get: Get): Filter {
  return {
    get,
    run(env, input, emit) {
      const value = get(env, input);
      if (value !== undefined) emit(value);
    },
    trace(env, input, path, emit) {
      const value = get(env, input);
      if (value !== undefined) emit(value, path);
    },
  };
}

/** A filter of any number of results that lead to no place. */
export function many(run: Run): Filter {
  return { get: undefined, run, trace: (env, input, path, emit) => run(env, input, (value) => emit(value, path)) };
}

/** One with places, which is quicker where it has one result at most. */
export function traced(get: Get | undefined, run: Run, trace: Trace): Filter {
  if (get === undefined) return { get, run, trace };
  return { get, run: one(get).run, trace };
}

export const identity: Filter = traced(
  (_env, input) => input,
  (_env, input, emit) => emit(input),
  (_env, input, path, emit) => emit(input, path),
);

export function constant(value: Value): Filter {
  return one(() => value);
}

/** Ends `search` from within; the value is what `found` was called with. */
export function firstOf(filter: Filter, env: Env, input: Value): Value | undefined {
  if (filter.get !== undefined) return filter.get(env, input);
  const end = new Break();
  let found: Value | undefined;
  try {
    filter.run(env, input, (value) => {
      found = value;
      throw end;
    });
  } catch (error) {
    if (error !== end) throw error;
    env.work.caught();
  }
  return found;
}

/** The paths of all results, each checked to lead to its value. */
export function eachPath(filter: Filter, env: Env, input: Value, use: (keys: readonly Value[]) => void): void {
  filter.trace(env, input, new Path(input), (value, path) => {
    path.check(value);
    const { keys } = path;
    env.work.spend(1);
    env.work.items(keys.length);
    use(keys);
  });
}
