import { type Builder, builderOf } from "../builtins/builders.ts";
import { formatNames } from "../builtins/formats.ts";
import type { ValueFunction } from "../builtins/function.ts";
import { valueFunctionOf } from "../builtins/functions.ts";
import { preludeOf } from "../builtins/prelude.ts";
import { Fault, invalid, shown } from "../fault.ts";
import type { Definition, Node, NodeOf } from "../syntax/nodes.ts";
import { negative } from "../values/numbers.ts";
import { add, operators } from "../values/operators.ts";
import { isNumber, isTruthy } from "../values/values.ts";
import { apply, callClosure, callFunction } from "./calls.ts";
import {
  alternative,
  array,
  attempt,
  binary,
  comma,
  conditional,
  field,
  index,
  iterate,
  object,
  pipe,
  sliced,
} from "./combine.ts";
import { constant, type Filter, identity, one } from "./filter.ts";
import { compileLabel, compileLoop } from "./loops.ts";
import { compileBind } from "./patterns.ts";
import { type CompiledFunction, Scope } from "./scope.ts";
import { compileUpdate } from "./updates.ts";

/** How many functions that call themselves may be compiled twice, to find out how many results they have. */
const maxRetries = 32;

/** Compiles one program. Functions of the prelude are compiled when they are first called, once for each program. */
export class Compiler {
  readonly #source: string;
  readonly #prelude = new Map<string, CompiledFunction>();
  #retries = 0;

  constructor(source: string) {
    this.#source = source;
  }

  readonly compile = (node: Node, scope: Scope): Filter => {
    switch (node.kind) {
      case "identity":
        return identity;
      case "literal":
        return constant(node.value);
      case "index":
        return this.#index(node, scope);
      case "slice":
        return this.#slice(node, scope);
      case "iterate":
        return iterate(this.compile(node.base, scope));
      case "pipe":
        return pipe(this.compile(node.left, scope), this.compile(node.right, scope));
      case "comma":
        return comma(this.compile(node.left, scope), this.compile(node.right, scope));
      case "array":
        return node.items === undefined ? constant([]) : array(this.compile(node.items, scope));
      case "object":
        return this.#object(node, scope);
      default:
        return this.#compileOperator(node, scope);
    }
  };

  #compileOperator(node: Node, scope: Scope): Filter {
    switch (node.kind) {
      case "binary": {
        const operator = operators[node.operator];
        if (operator === undefined) throw new Error(`no operator ${node.operator}`);
        return binary(this.compile(node.left, scope), this.compile(node.right, scope), operator);
      }
      case "alternative":
        return alternative(this.compile(node.left, scope), this.compile(node.right, scope));
      case "logic":
        return this.#logic(node, scope);
      case "sign":
        return this.#sign(node, scope);
      case "update":
        return compileUpdate(node, scope, this.compile);
      case "text":
        return this.#text(node, scope);
      case "format":
        return this.#format(node.format, node.at);
      case "recurse":
        return this.#builder("recurse", [], node.at) ?? identity;
      default:
        return this.#compileControl(node, scope);
    }
  }

  #compileControl(node: Node, scope: Scope): Filter {
    switch (node.kind) {
      case "if": {
        const whenFalse = node.whenFalse === undefined ? identity : this.compile(node.whenFalse, scope);
        return conditional(this.compile(node.condition, scope), this.compile(node.whenTrue, scope), whenFalse);
      }
      case "try":
        return attempt(this.compile(node.body, scope), node.handler && this.compile(node.handler, scope));
      case "reduce":
      case "foreach":
        return compileLoop(node, scope, this.compile);
      case "label":
        return compileLabel(node, scope, this.compile);
      case "break":
        return this.#break(node, scope);
      case "bind":
        return compileBind(node, scope, this.compile);
      case "def":
        return this.compile(node.rest, scope.withFunction(this.#define(node.definition, scope)));
      case "variable":
        return this.#variable(node, scope);
      case "call":
        return this.#call(node, scope);
      default:
        throw new Error(`no node ${node.kind}`);
    }
  }

  #index(node: NodeOf<"index">, scope: Scope): Filter {
    const base = this.compile(node.base, scope);
    if (node.key.kind === "literal" && typeof node.key.value === "string") return field(base, node.key.value);
    return index(base, this.compile(node.key, scope));
  }

  #slice(node: NodeOf<"slice">, scope: Scope): Filter {
    const bound = (part: Node | undefined) => (part === undefined ? constant(null) : this.compile(part, scope));
    return sliced(this.compile(node.base, scope), bound(node.from), bound(node.to));
  }

  #object({ entries }: NodeOf<"object">, scope: Scope): Filter {
    return object(
      entries.map(({ key, value }) => ({ key: this.compile(key, scope), value: this.compile(value, scope) })),
    );
  }

  #logic({ operator, left, right }: NodeOf<"logic">, scope: Scope): Filter {
    const truth = pipe(
      this.compile(right, scope),
      one((_env, input) => isTruthy(input)),
    );
    const condition = this.compile(left, scope);
    return operator === "and"
      ? conditional(condition, truth, constant(false))
      : conditional(condition, constant(true), truth);
  }

  #sign({ operator, operand }: NodeOf<"sign">, scope: Scope): Filter {
    const change = one((_env, input) => {
      if (!isNumber(input)) {
        throw new Fault(() => `cannot ${operator === "-" ? "negate" : "plus"}: ${shown(input)}`);
      }
      return operator === "-" ? negative(input) : input;
    });
    return pipe(this.compile(operand, scope), change);
  }

  #text({ parts, format, at }: NodeOf<"text">, scope: Scope): Filter {
    const formatted = this.#format(format ?? "@text", at);
    const filters = parts.map((part) =>
      typeof part === "string" ? constant(part) : pipe(this.compile(part, scope), formatted),
    );
    return filters.reduce((left, right) => binary(left, right, add));
  }

  #format(format: string, at: number): Filter {
    const name = formatNames[format];
    const literal: Node = { kind: "literal", at, value: format.slice(1) };
    return this.#call(
      { kind: "call", name: name ?? "format", args: name === undefined ? [literal] : [], at },
      new Scope(),
    );
  }

  #break({ name, at }: NodeOf<"break">, scope: Scope): Filter {
    const steps = scope.find("label", name);
    if (steps === undefined) throw invalid(this.#source, at, `label not defined: $${name}`);
    return one((env) => {
      throw env.out(steps).label ?? new Error("a label");
    });
  }

  #variable({ name, at }: NodeOf<"variable">, scope: Scope): Filter {
    const steps = scope.find("variable", name);
    if (steps !== undefined) return one((env) => env.out(steps).value);
    if (name === "ENV") return constant({});
    throw invalid(this.#source, at, `variable not defined: $${name}`);
  }

  #define(definition: Definition, scope: Scope): CompiledFunction {
    const { name, params } = definition;
    const mayRetry = this.#retries < maxRetries;
    const found: CompiledFunction = {
      name,
      params,
      level: scope.level,
      body: undefined,
      isSingle: mayRetry,
      isRecursive: false,
    };
    found.body = this.#body(definition, scope.withFunction(found));
    if (found.body.get !== undefined || !found.isSingle) return found;
    found.isSingle = false;
    if (!found.isRecursive) return found;
    this.#retries++;
    found.body = this.#body(definition, scope.withFunction(found));
    return found;
  }

  /** Parameters take their places in the order of `callFunction`. */
  #body({ params, body }: Definition, scope: Scope): Filter {
    let inner = scope.inCall();
    for (const param of params) inner = inner.with("closure", param.replace("$", ""));
    for (const param of params) if (param.startsWith("$")) inner = inner.with("variable", param.slice(1));
    return this.compile(body, inner);
  }

  #call(node: NodeOf<"call">, scope: Scope): Filter {
    const { name, args, at } = node;
    const found = scope.findFunction(name, args.length);
    if (typeof found === "number") return callClosure(found);
    const filters = args.map((arg) => this.compile(arg, scope));
    const defined = found ?? this.#preludeFunction(name, args.length);
    if (defined !== undefined) return callFunction(defined, scope.level - defined.level, filters);
    const built = this.#builder(name, filters, at);
    if (built !== undefined) return built;
    const known: ValueFunction | undefined = valueFunctionOf(name, args.length);
    if (known === undefined) throw invalid(this.#source, at, `function not defined: ${name}/${args.length}`);
    return apply(known, filters);
  }

  #builder(name: string, args: readonly Filter[], at: number): Filter | undefined {
    if ((name === "input" || name === "inputs") && args.length === 0) {
      throw invalid(this.#source, at, `${name}/0 is not allowed: a program has one input`);
    }
    const build: Builder | undefined = builderOf(name, args.length);
    return build?.(args);
  }

  #preludeFunction(name: string, arity: number): CompiledFunction | undefined {
    const key = `${name}/${arity}`;
    const known = this.#prelude.get(key);
    if (known !== undefined) return known;
    const definition = preludeOf(key);
    if (definition === undefined) return undefined;
    const found = this.#define(definition, new Scope());
    this.#prelude.set(key, found);
    return found;
  }
}
