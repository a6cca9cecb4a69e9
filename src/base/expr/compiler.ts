import { builtins } from "./builtins/builtins.ts";
import { failed, invalid } from "./fault.ts";
import type { Compile, Evaluate, Frame } from "./frame.ts";
import { compileLoop } from "./loops.ts";
import { both, inSet, matching, ofType } from "./operators.ts";
import type { Node, NodeOf } from "./syntax/nodes.ts";
import { builtinTypes } from "./types/builtin-types.ts";
import type { Facts } from "./types/checker.ts";
import { anyType, isPlain } from "./types/types.ts";
import { negate } from "./values/arithmetic.ts";
import { fetch, len, slice } from "./values/fetch.ts";
import { toBool, toInt, toText } from "./values/numbers.ts";
import { ExprFunction, type Fields, fieldOf, isFields, isNil, range, typeOf, type Value } from "./values/values.ts";

/** Variables around a node, by name, each with its number. */
type Variables = readonly { readonly name: string; readonly index: number }[];

export interface Compiled {
  readonly run: Evaluate;
  readonly variables: number;
}

/** @throws TerminalError EXPRESSION_INVALID */
export function compile(source: string, root: Node, facts: Facts): Compiled {
  const compiler = new Compiler(source, facts);
  return { run: compiler.compile(root), variables: compiler.count };
}

/** What an optional member of nil gives: the rest of its chain is left out, and the chain gives that nil. */
const broken: Value = new ExprFunction(() => null);

class Compiler {
  count = 0;
  readonly #source: string;
  readonly #facts: Facts;
  #variables: Variables = [];

  constructor(source: string, facts: Facts) {
    this.#source = source;
    this.#facts = facts;
  }

  readonly compile: Compile = (node) => {
    switch (node.kind) {
      case "nil":
        return () => null;
      case "bool":
      case "int":
      case "float":
      case "string":
        return constant(node.value);
      case "constant list":
        return constant(node.items);
      case "constant range":
        return constant(range(node.from, node.to < node.from ? 0 : Number(node.to - node.from + 1n)));
      case "identifier":
        return this.#identifier(node);
      case "pointer":
        return this.#pointer(node);
      case "unary":
        return this.#unary(node);
      case "binary":
        return this.#binary(node);
      case "conditional":
        return this.#conditional(node);
      case "let":
        return this.#let(node);
      default:
        return this.#composed(node);
    }
  };

  #composed(node: Node): Evaluate {
    switch (node.kind) {
      case "list":
        return this.#list(node);
      case "map":
        return this.#map(node);
      case "chain": {
        const inner = this.#link(node.inner);
        return (frame) => {
          const value = inner(frame);
          return value === broken ? frame.nil : value;
        };
      }
      case "member":
      case "call":
        return this.#unbroken(node);
      case "slice":
        return this.#slice(node);
      case "builtin":
        return this.#builtin(node, node.name, node.args);
      case "loop":
        return compileLoop(node, this.compile);
      default:
        // Sets stand on the right of `in` only, which looks into them itself.
        throw invalid(this.#source, node.at, `${node.kind} stands where a value is expected`);
    }
  }

  #identifier({ name }: NodeOf<"identifier">): Evaluate {
    const variable = this.#variables.findLast((known) => known.name === name);
    if (variable !== undefined) {
      const { index } = variable;
      return ({ variables }) => variables[index] ?? null;
    }
    return name === "$env" ? ({ values }) => values : ({ values }) => fieldOf(values, name);
  }

  #pointer(node: NodeOf<"pointer">): Evaluate {
    switch (node.name) {
      case "":
        return ({ scope }) => scope?.item(scope.index) ?? null;
      case "index":
        return ({ scope }) => BigInt(scope?.index ?? 0);
      case "acc":
        return ({ scope }) => scope?.accumulated ?? null;
      default:
        throw invalid(this.#source, node.at, `there is no #${node.name}`);
    }
  }

  #unary({ operator, operand }: NodeOf<"unary">): Evaluate {
    const value = this.compile(operand);
    switch (operator) {
      case "+":
        return value;
      case "-":
        return (frame) => negate(value(frame));
      default:
        return (frame) => !toBool(value(frame));
    }
  }

  #binary(node: NodeOf<"binary">): Evaluate {
    const { operator } = node;
    const left = this.compile(node.left);
    if (operator === "in" && node.right.kind === "constant set") return inSet(left, node.right.items);
    const right = this.compile(node.right);
    switch (operator) {
      case "and":
      case "&&":
        return (frame) => (toBool(left(frame)) ? right(frame) : false);
      case "or":
      case "||":
        return (frame) => (toBool(left(frame)) ? true : right(frame));
      case "??":
        return (frame) => {
          const value = left(frame);
          return isNil(value) ? right(frame) : value;
        };
      case "matches":
        return matching(left, right, this.#facts.patterns.get(node));
      case "==":
        return this.#equality(node, left, right);
      default:
        return both(operator, left, right);
    }
  }

  /** Of two integers, or two strings, as far as the checker knows; that they turn out to be none is an error. */
  #equality(node: NodeOf<"binary">, left: Evaluate, right: Evaluate): Evaluate {
    const [type, other] = [this.#facts.types.get(node.left), this.#facts.types.get(node.right)];
    const isStrict = type?.kind === other?.kind && isPlain(type) && isPlain(other);
    if (!isStrict || (type?.kind !== "int" && type?.kind !== "string")) return both("==", left, right);
    const wanted = type.kind;
    return (frame) => ofType(left(frame), wanted) === ofType(right(frame), wanted);
  }

  #conditional(node: NodeOf<"conditional">): Evaluate {
    const [condition, whenTrue, whenFalse] = [node.condition, node.whenTrue, node.whenFalse].map(this.compile);
    if (!condition || !whenTrue || !whenFalse) throw new Error("a conditional has three parts");
    return (frame) => (toBool(condition(frame)) ? whenTrue(frame) : whenFalse(frame));
  }

  #let(node: NodeOf<"let">): Evaluate {
    const value = this.compile(node.value);
    const outer = this.#variables;
    const index = this.count++;
    this.#variables = [...outer, { name: node.name, index }];
    const body = this.compile(node.body);
    this.#variables = outer;
    return (frame) => {
      frame.variables[index] = value(frame);
      return body(frame);
    };
  }

  #list(node: NodeOf<"list">): Evaluate {
    const items = node.items.map(this.compile);
    return (frame) => {
      const values = items.map((item) => item(frame));
      frame.work.allocate(values.length);
      return values;
    };
  }

  /** Of two with the same key, the first stays. */
  #map(node: NodeOf<"map">): Evaluate {
    const pairs = node.pairs.map(({ key, value }) => [this.compile(key), this.compile(value)] as const);
    return (frame) => {
      const entries = pairs.map(([key, value]) => [key(frame), value(frame)] as const);
      frame.work.allocate(entries.length);
      return fieldsOf(entries.reverse().map(([key, value]) => [toText(key), value]));
    };
  }

  /** A member or a call outside of a chain. */
  #unbroken(node: NodeOf<"member" | "call">): Evaluate {
    if (node.kind === "call") return this.#call(node, this.compile);
    const base = this.compile(node.base);
    const get = this.#access(node);
    return (frame) => get(base(frame), frame);
  }

  /** One within a chain: what is below it may have broken the chain. */
  #link(node: Node): Evaluate {
    if (node.kind === "call") return this.#call(node, (callee) => this.#link(callee));
    if (node.kind !== "member") return this.compile(node);
    const base = this.#link(node.base);
    const get = this.#access(node);
    const { isOptional } = node;
    return (frame) => {
      const of = base(frame);
      if (of === broken || !isOptional || !isNil(of)) return of === broken ? broken : get(of, frame);
      frame.nil = of;
      return broken;
    };
  }

  #access({ property }: NodeOf<"member">): (of: Value, frame: Frame) => Value {
    if (property.kind === "string") {
      const { value: name } = property;
      return (of, frame) => (isFields(of) ? fieldOf(of, name) : fetch(of, name, frame.work));
    }
    const by = this.compile(property);
    return (of, frame) => fetch(of, by(frame), frame.work);
  }

  #call(node: NodeOf<"call">, compileCallee: Compile): Evaluate {
    const alias = this.#facts.aliases.get(node);
    if (alias !== undefined) return this.#builtin(node, alias, node.args);
    const args = node.args.map(this.compile);
    const callee = compileCallee(node.callee);
    return (frame) => {
      const values = args.map((arg) => arg(frame));
      const target = callee(frame);
      if (target === broken) return broken;
      frame.work.spend(1);
      if (!(target instanceof ExprFunction)) throw failed(`a value of type ${typeOf(target)} cannot be called`);
      return target.call(values);
    };
  }

  #slice(node: NodeOf<"slice">): Evaluate {
    const base = this.compile(node.base);
    const from = node.from && this.compile(node.from);
    const to = node.to && this.compile(node.to);
    return (frame) => {
      const of = base(frame);
      const end = to === undefined ? BigInt(len(of, frame.work)) : toInt(to(frame));
      return slice(of, from === undefined ? 0n : toInt(from(frame)), end, frame.work);
    };
  }

  #builtin(node: Node, name: string, nodes: readonly Node[]): Evaluate {
    const call = builtins.get(name);
    if (call === undefined) throw new Error(`there is no builtin ${name}`);
    const fault = this.#facts.types.has(node) ? undefined : misfitOfAny(name, nodes.length);
    if (fault !== undefined) {
      return () => {
        throw failed(fault);
      };
    }
    const args = nodes.map(this.compile);
    return (frame) => {
      const values = args.map((arg) => arg(frame));
      frame.work.spend(1);
      return call(values, frame);
    };
  }
}

/** What the checker has not looked at, arguments of functions that come with the values, may still be too few. */
function misfitOfAny(name: string, count: number): string | undefined {
  const type = builtinTypes.get(name)?.(name, new Array(count).fill(anyType));
  return typeof type === "string" ? type : undefined;
}

function constant(value: Value): Evaluate {
  return () => value;
}

function fieldsOf(entries: readonly (readonly [string, Value])[]): Fields {
  // A name such as __proto__ is one like any other here.
  return Object.fromEntries(entries);
}
