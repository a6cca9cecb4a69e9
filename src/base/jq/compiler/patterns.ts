import { Break, Fault, Halt } from "../fault.ts";
import type { Node, NodeOf, Pattern, PatternField } from "../syntax/nodes.ts";
import { fetch, fetchField } from "../values/fetch.ts";
import type { Value } from "../values/values.ts";
import { expectList } from "./combine.ts";
import { type Env, type Filter, type Get, traced } from "./filter.ts";
import type { Scope } from "./scope.ts";

export type Compile = (node: Node, scope: Scope) => Filter;

/** Takes a value apart; `next` runs for each way to do so, with the variables in its scope. */
export type Unfold = (env: Env, value: Value, next: (env: Env) => void) => void;

export interface CompiledPattern {
  readonly unfold: Unfold;
  readonly scope: Scope;
  /** Where the whole value gets one name, and nothing more. */
  readonly isName: boolean;
}

export function compilePattern(pattern: Pattern, scope: Scope, compile: Compile): CompiledPattern {
  switch (pattern.kind) {
    case "name":
      return {
        unfold: (env, value, next) => next(env.bind(value)),
        scope: scope.with("variable", pattern.name),
        isName: true,
      };
    case "array":
      return compileItems(pattern.items, scope, compile);
    default:
      return compileFields(pattern.fields, scope, compile);
  }
}

/** Each part unfolds its own value in the scope of those before it. */
type Part = (env: Env, whole: Value, next: (env: Env) => void) => void;

function inTurn(parts: readonly Part[], env: Env, whole: Value, next: (env: Env) => void, at = 0): void {
  const part = parts[at];
  if (part === undefined) next(env);
  else part(env, whole, (inner) => inTurn(parts, inner, whole, next, at + 1));
}

function compileItems(items: readonly Pattern[], scope: Scope, compile: Compile): CompiledPattern {
  let inner = scope;
  const parts = items.map((item, at): Part => {
    const compiled = compilePattern(item, inner, compile);
    inner = compiled.scope;
    return (env, whole, next) => compiled.unfold(env, whole === null ? null : (expectList(whole)[at] ?? null), next);
  });
  return { unfold: (env, whole, next) => inTurn(parts, env, whole, next), scope: inner, isName: false };
}

function compileFields(fields: readonly PatternField[], scope: Scope, compile: Compile): CompiledPattern {
  let inner = scope;
  const parts = fields.map((field): Part => {
    const name = field.key.kind === "literal" && typeof field.key.value === "string" ? field.key.value : undefined;
    const key = name === undefined ? compile(field.key, inner) : undefined;
    const patterns: CompiledPattern[] = [];
    for (const pattern of [field.name === undefined ? undefined : nameOf(field.name), field.pattern]) {
      if (pattern === undefined) continue;
      const compiled = compilePattern(pattern, inner, compile);
      inner = compiled.scope;
      patterns.push(compiled);
    }
    const steps = patterns.map(({ unfold }): Part => unfold);
    if (key === undefined) return (env, whole, next) => inTurn(steps, env, fetchField(whole, name ?? ""), next);
    return (env, whole, next) => key.run(env, whole, (at) => inTurn(steps, env, fetch(whole, at, env.work), next));
  });
  return { unfold: (env, whole, next) => inTurn(parts, env, whole, next), scope: inner, isName: false };
}

function nameOf(name: string): Pattern {
  return { kind: "name", name };
}

/** `source as pattern ?// pattern | body` */
export function compileBind(node: NodeOf<"bind">, scope: Scope, compile: Compile): Filter {
  const source = compile(node.source, scope);
  const [first] = node.patterns;
  if (first === undefined) throw new Error("a binding has a pattern");
  if (node.patterns.length > 1) return compileChoice(source, node, scope, compile);
  const { unfold, scope: inner, isName } = compilePattern(first, scope, compile);
  const body = compile(node.body, inner);
  return traced(
    isName ? boundGet(source.get, body.get) : undefined,
    (env, input, emit) =>
      source.run(env, input, (value) => unfold(env, value, (bound) => body.run(bound, input, emit))),
    (env, input, path, emit) =>
      source.run(env, input, (value) => unfold(env, value, (bound) => body.trace(bound, input, path, emit))),
  );
}

function boundGet(source: Get | undefined, body: Get | undefined): Get | undefined {
  if (source === undefined || body === undefined) return undefined;
  return (env, input) => {
    const value = source(env, input);
    return value === undefined ? undefined : body(env.bind(value), input);
  };
}

/**
 * Variables of all patterns are there in the body, null where the pattern that fits has none of that name. An error in the
 * body, or behind it, leads to the next pattern as well: so does the original.
 */
function compileChoice(source: Filter, node: NodeOf<"bind">, scope: Scope, compile: Compile): Filter {
  const names = [...new Set(node.patterns.flatMap(namesIn))];
  const choices = node.patterns.map((pattern): Unfold => {
    const { unfold, scope: inner } = compilePattern(pattern, scope, compile);
    const steps = names.map((name) => (namesIn(pattern).includes(name) ? inner.find("variable", name) : undefined));
    return (env, value, next) =>
      unfold(env, value, (found) => {
        next(steps.reduce((bound, at) => bound.bind(at === undefined ? null : found.out(at).value), env));
      });
  });
  const body = compile(
    node.body,
    names.reduce((inner, name) => inner.with("variable", name), scope),
  );
  const choose = (env: Env, value: Value, run: (bound: Env) => void, at = 0): void => {
    try {
      choices[at]?.(env, value, run);
    } catch (error) {
      const isOwn = error instanceof Fault || error instanceof Break || error instanceof Halt;
      if (!isOwn || at === choices.length - 1) throw error;
      env.work.caught();
      choose(env, value, run, at + 1);
    }
  };
  return traced(
    undefined,
    (env, input, emit) => source.run(env, input, (value) => choose(env, value, (b) => body.run(b, input, emit))),
    (env, input, path, emit) =>
      source.run(env, input, (value) => choose(env, value, (b) => body.trace(b, input, path, emit))),
  );
}

function namesIn(pattern: Pattern): string[] {
  if (pattern.kind === "name") return [pattern.name];
  if (pattern.kind === "array") return pattern.items.flatMap(namesIn);
  return pattern.fields.flatMap(({ name, pattern: inner }) => [
    ...(name === undefined ? [] : [name]),
    ...(inner === undefined ? [] : namesIn(inner)),
  ]);
}
