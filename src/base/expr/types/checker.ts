import { messageOf } from "../../errors.ts";
import { compileRegex, type Regex } from "../../regex.ts";
import { invalid } from "../fault.ts";
import { isLoopName, type Node, type NodeOf } from "../syntax/nodes.ts";
import { binaryType } from "./binary-types.ts";
import { builtinNames, builtinTypes, misfitOf } from "./builtin-types.ts";
import { methodOf } from "./methods.ts";
import {
  anyType,
  boolType,
  floatType,
  functionType,
  groupsType,
  intType,
  isAny,
  isAssignable,
  isBool,
  isInteger,
  isNumber,
  listType,
  mapType,
  nameOf,
  sliceOf,
  stringType,
  type Type,
} from "./types.ts";

/** What the checker found out; nodes that it did not look at are in none of these. */
export interface Facts {
  readonly types: Map<Node, Type | undefined>;
  /** Patterns of `matches` that stand in the expression. */
  readonly patterns: Map<Node, Regex>;
  /** Calls of a builtin under another name: `let f = trim; f(s)`. */
  readonly aliases: Map<Node, string>;
}

interface Checked {
  readonly type: Type | undefined;
  /** What all items of a list in the expression are. */
  readonly item?: Type | undefined;
  readonly builtin?: string;
}

interface Scope {
  readonly list: Type | undefined;
  readonly variables: ReadonlyMap<string, Type>;
}

/**
 * Nothing is known of the values that will come: what stands in the expression is checked among itself.
 * @throws TerminalError EXPRESSION_INVALID
 */
export function check(source: string, root: Node): Facts {
  const facts: Facts = { types: new Map(), patterns: new Map(), aliases: new Map() };
  new Checker(source, facts).visit(root);
  return facts;
}

class Checker {
  readonly #source: string;
  readonly #facts: Facts;
  readonly #scopes: Scope[] = [];
  readonly #variables: { readonly name: string; readonly found: Checked }[] = [];

  constructor(source: string, facts: Facts) {
    this.#source = source;
    this.#facts = facts;
  }

  visit(node: Node): Checked {
    const found = this.#check(node);
    this.#facts.types.set(node, found.type);
    return found;
  }

  #type(node: Node): Type | undefined {
    return this.visit(node).type;
  }

  #fault(node: Node, what: string): Error {
    return invalid(this.#source, node.at, what);
  }

  #check(node: Node): Checked {
    switch (node.kind) {
      case "identifier":
        return this.#identifier(node);
      case "binary":
        return { type: this.#binary(node) };
      case "let":
        return this.#let(node);
      case "list":
        return this.#list(node);
      case "chain":
        return this.visit(node.inner);
      case "member":
        return this.#member(node);
      case "call":
        return { type: this.#call(node) };
      default:
        return { type: this.#plain(node) };
    }
  }

  #plain(node: Node): Type | undefined {
    switch (node.kind) {
      case "bool":
        return boolType;
      case "int":
        return intType;
      case "float":
        return floatType;
      case "string":
        return stringType;
      case "pointer":
        return this.#pointer(node);
      case "unary":
        return this.#unary(node);
      case "conditional":
        return this.#conditional(node);
      case "map":
        for (const { key, value } of node.pairs) {
          this.visit(key);
          this.visit(value);
        }
        return mapType;
      case "slice":
        return this.#slice(node);
      case "builtin":
        return this.#builtin(node);
      case "loop":
        return this.#loop(node);
      default:
        return undefined;
    }
  }

  #identifier({ name }: NodeOf<"identifier">): Checked {
    const variable = this.#variables.findLast((known) => known.name === name);
    if (variable !== undefined) return variable.found;
    return name === "$env" ? { type: mapType } : fromEnvironment(name);
  }

  #unary(node: NodeOf<"unary">): Type {
    const type = this.#type(node.operand);
    const isNot = node.operator === "not" || node.operator === "!";
    if (isNot ? isBool(type) || isAny(type) : isNumber(type)) return isNot ? boolType : (type ?? anyType);
    if (!isNot && isAny(type)) return anyType;
    throw this.#fault(node, `${node.operator} does not go with ${nameOf(type)}`);
  }

  #binary(node: NodeOf<"binary">): Type | undefined {
    const { operator, left, right } = node;
    const leftType = this.#type(left);
    const found = this.visit(right);
    if (operator === "matches" && right.kind === "string") this.#facts.patterns.set(node, this.#pattern(right));
    const type = binaryType({ operator, left: leftType, right: found.type, item: found.item });
    if (typeof type === "string") throw this.#fault(node, type);
    return type;
  }

  #pattern(node: NodeOf<"string">): Regex {
    try {
      return compileRegex(node.value);
    } catch (error) {
      throw this.#fault(node, messageOf(error));
    }
  }

  #conditional({ condition, whenTrue, whenFalse }: NodeOf<"conditional">): Type | undefined {
    const type = this.#type(condition);
    if (!isBool(type) && !isAny(type)) throw this.#fault(condition, `a condition cannot be of type ${nameOf(type)}`);
    const [first, second] = [this.#type(whenTrue), this.#type(whenFalse)];
    if (first === undefined || second === undefined) return first ?? second;
    return isAssignable(first, second) ? first : anyType;
  }

  #let(node: NodeOf<"let">): Checked {
    const { name } = node;
    if (builtinNames.has(name) || isLoopName(name)) throw this.#fault(node, `${name} is a function: call it otherwise`);
    if (this.#variables.some((known) => known.name === name)) throw this.#fault(node, `${name} is there already`);
    this.#variables.push({ name, found: this.visit(node.value) });
    const found = this.visit(node.body);
    this.#variables.pop();
    return found;
  }

  #list({ items }: NodeOf<"list">): Checked {
    const types = items.map((item) => this.#type(item));
    const [first] = types;
    const last = types.at(-1);
    const isUniform = first !== undefined && types.every((type) => type?.kind === first.kind);
    return { type: listType, item: isUniform ? last : undefined };
  }

  #member(node: NodeOf<"member">): Checked {
    const { base, property } = node;
    const of = this.#type(base);
    const by = this.#type(property);
    if (base.kind === "identifier" && base.name === "$env") {
      return property.kind === "string" ? fromEnvironment(property.value) : { type: anyType };
    }
    if (property.kind === "string") {
      if (of === undefined) throw this.#fault(node, `nil has no field ${property.value}`);
      const method = methodOf(of.name, property.value);
      if (method !== undefined) return { type: { ...functionType, name: "a method", ...method } };
    }
    return { type: this.#item(node, of, by) };
  }

  #item(node: NodeOf<"member">, of: Type | undefined, by: Type | undefined): Type {
    switch (of?.kind) {
      case "interface":
        return anyType;
      case "map":
        if (by === undefined || isAny(by) || isAssignable(by, of.key ?? anyType)) return of.item ?? anyType;
        throw this.#fault(node.property, `a key of a ${of.name} cannot be of type ${by.name}`);
      case "slice":
        if (isInteger(by) || isAny(by)) return of.item ?? anyType;
        throw this.#fault(node.property, `an index of a list is an integer, not of type ${nameOf(by)}`);
      default:
        throw this.#fault(node, `type ${nameOf(of)} has no fields or items`);
    }
  }

  #slice({ base, from, to, at }: NodeOf<"slice">): Type | undefined {
    const type = this.#type(base);
    if (type?.kind !== "interface" && type?.kind !== "string" && type?.kind !== "slice") {
      throw invalid(this.#source, at, `a value of type ${nameOf(type)} cannot be sliced`);
    }
    for (const index of [from, to]) {
      if (index === undefined) continue;
      const by = this.#type(index);
      if (!isInteger(by) && !isAny(by))
        throw this.#fault(index, `an index of a slice is an integer, not of type ${nameOf(by)}`);
    }
    return type;
  }

  /** Arguments of functions that come with the values are not looked at, as in the original. */
  #call(node: NodeOf<"call">): Type | undefined {
    const { type, builtin } = this.visit(node.callee);
    if (builtin !== undefined) return this.#alias(node, builtin);
    if (isAny(type)) return anyType;
    if (type?.kind !== "func") throw this.#fault(node, `a value of type ${nameOf(type)} cannot be called`);
    const args = node.args.map((arg) => this.#type(arg));
    const misfit = misfitOf("it", type.parameters ?? [], args);
    if (misfit !== undefined) throw this.#fault(node, misfit);
    return type.result;
  }

  #alias(node: NodeOf<"call">, builtin: string): Type {
    this.#facts.aliases.set(node, builtin);
    return this.#result(node, builtin, node.args);
  }

  #builtin(node: NodeOf<"builtin">): Type | undefined {
    const [of, property] = node.args;
    if (node.name !== "get" || of === undefined || node.args.length !== 2)
      return this.#result(node, node.name, node.args);
    // What is looked for is not looked at where nothing is known of what it is looked for in.
    if (of.kind === "identifier" && of.name === "$env") return property?.kind === "string" ? undefined : anyType;
    return isAny(this.#type(of)) ? anyType : this.#result(node, node.name, node.args);
  }

  #result(node: Node, name: string, args: readonly Node[]): Type {
    const type =
      builtinTypes.get(name)?.(
        name,
        args.map((arg) => this.#type(arg)),
      ) ?? `there is no function ${name}`;
    if (typeof type === "string") throw this.#fault(node, type);
    return type;
  }

  #loop(node: NodeOf<"loop">): Type {
    const list = this.#type(node.list);
    if (list?.kind !== "slice" && list?.kind !== "interface") {
      throw this.#fault(node.list, `${node.name} takes a list, not a value of type ${nameOf(list)}`);
    }
    const result = this.#closure(node, list);
    if (node.initial !== undefined) this.visit(node.initial);
    const item = list.item ?? anyType;
    switch (node.name) {
      case "map":
        return sliceOf(result);
      case "groupBy":
        return groupsType;
      case "reduce":
        return result;
      case "filter":
        return isAny(list) ? listType : sliceOf(item);
      case "find":
      case "findLast":
        return item;
      default:
        return ["count", "findIndex", "findLastIndex"].includes(node.name) ? intType : boolType;
    }
  }

  #closure(node: NodeOf<"loop">, list: Type): Type {
    const variables = new Map<string, Type>();
    if (node.name === "map" || node.name === "reduce") variables.set("index", intType);
    if (node.name === "reduce") variables.set("acc", anyType);
    const [closure = node.list] = node.closures;
    this.#scopes.push({ list, variables });
    const result = this.#type(closure);
    this.#scopes.pop();
    if (result === undefined) throw this.#fault(closure, "a closure cannot give nil");
    const isFree = ["map", "groupBy", "reduce"].includes(node.name);
    if (!isFree && !isBool(result) && !isAny(result)) {
      throw this.#fault(closure, `the closure of ${node.name} gives a bool, not a value of type ${result.name}`);
    }
    return result;
  }

  #pointer(node: NodeOf<"pointer">): Type {
    const scope = this.#scopes.at(-1);
    const type = node.name === "" ? (scope?.list?.item ?? anyType) : scope?.variables.get(node.name);
    if (type === undefined) throw this.#fault(node, `there is no #${node.name} here`);
    return type;
  }
}

/** Names of functions stand for functions, also where the values will have a field of that name. */
function fromEnvironment(name: string): Checked {
  if (builtinNames.has(name) || isLoopName(name)) return { type: functionType, builtin: name };
  return { type: anyType };
}
