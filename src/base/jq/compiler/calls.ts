import type { ValueFunction } from "../builtins/function.ts";
import type { Value } from "../values/values.ts";
import { Env, type Filter, type Get, type Path, traced } from "./filter.ts";
import type { CompiledFunction } from "./scope.ts";

/** A parameter without `$`: it runs where it was written. */
export function callClosure(steps: number): Filter {
  const closureOf = (env: Env) => {
    env.work.spend(1);
    const { closure } = env.out(steps);
    if (closure === undefined) throw new Error("no closure");
    return closure;
  };
  return traced(
    undefined,
    (env, input, emit) => {
      const closure = closureOf(env);
      closure.filter.run(closure.env, input, emit);
    },
    (env, input, path, emit) => {
      const closure = closureOf(env);
      closure.filter.trace(closure.env, input, path, emit);
    },
  );
}

/** `steps` leads to where the function was defined. Parameters with `$` run first, the first one is the outermost loop. */
export function callFunction(found: CompiledFunction, steps: number, args: readonly Filter[]): Filter {
  if (found.body === undefined) found.isRecursive = true;
  const values = args.filter((_, at) => found.params[at]?.startsWith("$"));
  const enter = (env: Env): Env => {
    const depth = env.depth + 1;
    env.work.call(depth);
    let inner = new Env(env.out(steps), env.work, depth);
    for (const filter of args) inner = inner.close({ filter, env });
    return inner;
  };
  const bodyOf = (): Filter => {
    if (found.body === undefined) throw new Error(`${found.name} is not compiled`);
    return found.body;
  };
  const bind = (env: Env, input: Value, use: (inner: Env) => void): void => {
    const next = (inner: Env, at: number): void => {
      const value = values[at];
      if (value === undefined) use(inner);
      else value.run(env, input, (given) => next(inner.bind(given), at + 1));
    };
    next(enter(env), 0);
  };
  return traced(
    found.isSingle ? callGet(bodyOf, enter, values) : undefined,
    (env, input, emit) => bind(env, input, (inner) => bodyOf().run(inner, input, emit)),
    (env, input, path, emit) => bind(env, input, (inner) => bodyOf().trace(inner, input, path, emit)),
  );
}

function callGet(bodyOf: () => Filter, enter: (env: Env) => Env, values: readonly Filter[]): Get | undefined {
  const gets = values.map(({ get }) => get);
  if (!gets.every((get) => get !== undefined)) return undefined;
  return (env, input) => {
    let inner = enter(env);
    for (const get of gets) {
      const value = get(env, input);
      if (value === undefined) return undefined;
      inner = inner.bind(value);
    }
    return bodyOf().get?.(inner, input);
  };
}

/** A function of values: the last argument is the outermost loop, unless its parameters are said to run in order. */
export function apply(known: ValueFunction, args: readonly Filter[]): Filter {
  const order = known.inOrder ? args.map((_, at) => at) : args.map((_, at) => args.length - 1 - at);
  return traced(
    applyGet(known, args, order),
    (env, input, emit) => {
      const given: Value[] = [];
      const next = (turn: number): void => {
        const at = order[turn];
        if (at === undefined) emit(known.call(input, given, env.work));
        else {
          args[at]?.run(env, input, (value) => {
            given[at] = value;
            next(turn + 1);
          });
        }
      };
      next(0);
    },
    (env, input, path, emit) => {
      const given: Value[] = [];
      const next = (turn: number, reached: Path): void => {
        const at = order[turn];
        if (at === undefined) emit(known.call(input, given, env.work), reached);
        else {
          args[at]?.trace(env, input, reached, (value, last) => {
            given[at] = value;
            next(turn + 1, known.inOrder ? reached : last);
          });
        }
      };
      next(0, path);
    },
  );
}

function applyGet(known: ValueFunction, args: readonly Filter[], order: readonly number[]): Get | undefined {
  const gets = args.map(({ get }) => get);
  if (!gets.every((get) => get !== undefined)) return undefined;
  const [first] = gets;
  if (first === undefined) return (env, input) => known.call(input, [], env.work);
  return (env, input) => {
    const given: Value[] = [];
    for (const at of order) {
      const value = gets[at]?.(env, input);
      if (value === undefined) return undefined;
      given[at] = value;
    }
    return known.call(input, given, env.work);
  };
}
