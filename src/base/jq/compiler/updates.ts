import type { Node, NodeOf } from "../syntax/nodes.ts";
import { updateOperators } from "../values/operators.ts";
import { getPath, Update } from "../values/update.ts";
import { isList, isNumber, type Value } from "../values/values.ts";
import { type Env, eachPath, type Filter, firstOf, type Get, many, one } from "./filter.ts";
import type { Compile } from "./patterns.ts";
import type { Scope } from "./scope.ts";

/** `left = right`, `left |= right`, `left += right` and their like. */
export function compileUpdate(node: NodeOf<"update">, scope: Scope, compile: Compile): Filter {
  const left = compile(node.left, scope);
  const right = compile(node.right, scope);
  if (node.operator === "|=")
    return one((env, input) => modify(left, env, input, (value) => firstOf(right, env, value)));
  if (node.operator === "=") return assigning(node.left, left, right);
  const apply = updateOperators[node.operator];
  if (apply === undefined) throw new Error(`no update ${node.operator}`);
  return forEach(right, (env, input, operand) => modify(left, env, input, (value) => apply(value, operand, env.work)));
}

/** One result for each of `right`. */
function forEach(right: Filter, change: (env: Env, input: Value, operand: Value) => Value): Filter {
  const { get } = right;
  if (get === undefined) {
    return many((env, input, emit) => right.run(env, input, (operand) => emit(change(env, input, operand))));
  }
  const changed: Get = (env, input) => {
    const operand = get(env, input);
    return operand === undefined ? undefined : change(env, input, operand);
  };
  return one(changed);
}

function assigning(node: Node, left: Filter, right: Filter): Filter {
  const path = constantPath(node);
  if (path !== undefined) {
    return forEach(right, (env, input, operand) => new Update(env.work).set(input, path, operand));
  }
  return forEach(right, (env, input, operand) => {
    const update = new Update(env.work);
    let result = input;
    eachPath(left, env, input, (keys) => {
      result = update.set(result, keys, operand);
    });
    return result;
  });
}

/** Each value that `left` leads to, changed; places for which there is no new value are deleted, all at the end. */
export function modify(left: Filter, env: Env, input: Value, change: (value: Value) => Value | undefined): Value {
  const update = new Update(env.work);
  const deleted: Value[] = [];
  let result = input;
  eachPath(left, env, input, (keys) => {
    const before = getPath(result, keys, env.work);
    const after = change(before);
    update.release(before);
    if (after === undefined) deleted.push(keys);
    else result = update.set(result, keys, after);
  });
  return update.delete(result, deleted);
}

/** The path of `.a[0]["b"]`: it is not looked up before it is set. */
function constantPath(node: Node): Value[] | undefined {
  if (node.kind !== "index" && node.kind !== "slice") return undefined;
  const before = node.base.kind === "identity" ? [] : constantPath(node.base);
  const key = node.kind === "index" ? constantKey(node.key) : constantSlice(node);
  return before === undefined || key === undefined ? undefined : [...before, key];
}

function constantSlice({ from, to }: NodeOf<"slice">): Value | undefined {
  const start = from === undefined ? null : constantKey(from);
  const end = to === undefined ? null : constantKey(to);
  return start === undefined || end === undefined ? undefined : { start, end };
}

function constantKey(node: Node): Value | undefined {
  if (node.kind !== "literal" || isList(node.value)) return undefined;
  return isNumber(node.value) || typeof node.value === "string" ? node.value : undefined;
}
