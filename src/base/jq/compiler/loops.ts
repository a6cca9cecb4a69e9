import { Break } from "../fault.ts";
import type { Loop, NodeOf } from "../syntax/nodes.ts";
import type { Value } from "../values/values.ts";
import { type Env, type Filter, type Get, identity, many, one, traced } from "./filter.ts";
import { type Compile, compilePattern, type Unfold } from "./patterns.ts";
import type { Scope } from "./scope.ts";

/** `reduce` and `foreach`. An update without a result leaves the state as it was, of several the last one counts. */
export function compileLoop(node: Loop, scope: Scope, compile: Compile): Filter {
  const source = compile(node.source, scope);
  const start = compile(node.start, scope);
  const { unfold, scope: inner } = compilePattern(node.pattern, scope, compile);
  const update = compile(node.update, inner);
  const extract = node.extract === undefined ? identity : compile(node.extract, inner);
  const parts = { source, start, unfold, update, extract };
  return node.kind === "reduce" ? reducing(parts) : stepping(parts);
}

interface Parts {
  readonly source: Filter;
  readonly start: Filter;
  readonly unfold: Unfold;
  readonly update: Filter;
  readonly extract: Filter;
}

function reducing({ source, start, unfold, update }: Parts): Filter {
  const reduce = (env: Env, input: Value, from: Value): Value => {
    let state = from;
    source.run(env, input, (value) => {
      env.work.spend(1);
      unfold(env, value, (bound) =>
        update.run(bound, state, (next) => {
          state = next;
        }),
      );
    });
    return state;
  };
  const { get } = start;
  if (get === undefined) {
    return many((env, input, emit) => start.run(env, input, (from) => emit(reduce(env, input, from))));
  }
  return one((env, input) => {
    const from = get(env, input);
    return from === undefined ? undefined : reduce(env, input, from);
  });
}

function stepping(parts: Parts): Filter {
  const { source, start, unfold, update, extract } = parts;
  return traced(
    undefined,
    (env, input, emit) =>
      start.run(env, input, (from) => {
        let state = from;
        source.run(env, input, (value) => {
          env.work.spend(1);
          unfold(env, value, (bound) =>
            update.run(bound, state, (next) => {
              state = next;
              extract.run(bound, next, emit);
            }),
          );
        });
      }),
    (env, input, path, emit) =>
      start.trace(env, input, path, (from, started) => {
        let state = from;
        source.trace(env, input, started, (value, reached) => {
          env.work.spend(1);
          unfold(env, value, (bound) =>
            update.trace(bound, state, reached, (next, changed) => {
              state = next;
              extract.trace(bound, next, changed, emit);
            }),
          );
        });
      }),
  );
}

/** `label $name | body` */
export function compileLabel(node: NodeOf<"label">, scope: Scope, compile: Compile): Filter {
  const body = compile(node.body, scope.with("label", node.name));
  const within = <Result>(env: Env, run: (marked: Env) => Result): Result | undefined => {
    const end = new Break();
    try {
      return run(env.mark(end));
    } catch (error) {
      if (error !== end) throw error;
      env.work.caught();
      return undefined;
    }
  };
  const { get } = body;
  const labelled: Get | undefined = get && ((env, input) => within(env, (marked) => get(marked, input)));
  return traced(
    labelled,
    (env, input, emit) => within(env, (marked) => body.run(marked, input, emit)),
    (env, input, path, emit) => within(env, (marked) => body.trace(marked, input, path, emit)),
  );
}
