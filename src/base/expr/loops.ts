import { bytesOf } from "../go/bytes.ts";
import { failed } from "./fault.ts";
import type { Compile, Evaluate, Frame, Scope } from "./frame.ts";
import type { NodeOf } from "./syntax/nodes.ts";
import { hashOf } from "./values/equality.ts";
import { lengthOf } from "./values/fetch.ts";
import { toBool } from "./values/numbers.ts";
import { AnyMap, Byte, isList, itemAt, typeOf, type Value } from "./values/values.ts";
import type { Work } from "./work.ts";

/** Runs in the scope of the loop. */
type Loop = (frame: Frame, scope: Scope) => Value;

/** A closure over the items of a list: `filter(list, # > 1)`. */
export function compileLoop(node: NodeOf<"loop">, compile: Compile): Evaluate {
  const list = compile(node.list);
  const run = loopOf(node, compile);
  return (frame) => {
    const outer = frame.scope;
    const scope = scopeOf(list(frame), frame.work);
    frame.scope = scope;
    const result = run(frame, scope);
    frame.scope = outer;
    return result;
  };
}

/** Strings are lists of bytes. Maps have a length only: a closure that does not look at its item runs over them, too. */
function scopeOf(value: Value, work: Work): Scope {
  const length = lengthOf(value, work);
  if (length === undefined) throw failed(`a value of type ${typeOf(value)} is no list`);
  const item = itemOf(value);
  return { length, item, index: 0, accumulated: null };
}

function itemOf(value: Value): Scope["item"] {
  if (isList(value)) return (index) => (index < value.length ? itemAt(value, index) : outside(index, value.length));
  if (typeof value !== "string") return () => outside(0, 0, typeOf(value));
  const bytes = bytesOf(value);
  return (index) => {
    const byte = bytes[index];
    return byte === undefined ? outside(index, bytes.length) : new Byte(byte);
  };
}

function outside(index: number, length: number, type?: string): never {
  throw failed(
    type === undefined ? `index ${index} is outside of a list of ${length}` : `a value of type ${type} has no items`,
  );
}

/** Calls `turn` for each item until it gives a value. */
function forEach(frame: Frame, scope: Scope, turn: () => Value | undefined): Value | undefined {
  for (; scope.index < scope.length; scope.index++) {
    frame.work.spend(1);
    const value = turn();
    if (value !== undefined) return value;
  }
  return undefined;
}

function backwards(frame: Frame, scope: Scope, turn: () => Value | undefined): Value | undefined {
  for (scope.index = scope.length - 1; scope.index >= 0; scope.index--) {
    frame.work.spend(1);
    const value = turn();
    if (value !== undefined) return value;
  }
  return undefined;
}

function loopOf(node: NodeOf<"loop">, compile: Compile): Loop {
  const closures = node.closures.map(compile);
  const [closure] = closures;
  if (closure === undefined) throw new Error("a loop has a closure");
  switch (node.name) {
    case "map":
      return mapping(closure);
    case "groupBy":
      return grouping(closure);
    case "reduce":
      return reducing(closure, node.initial && compile(node.initial));
    default:
      return testing(node, closures, compile);
  }
}

function mapping(closure: Evaluate): Loop {
  return (frame, scope) => {
    const results: Value[] = [];
    forEach(frame, scope, () => void results.push(closure(frame)));
    frame.work.allocate(results.length);
    return results;
  };
}

function grouping(closure: Evaluate): Loop {
  return (frame, scope) => {
    const groups = new Map<unknown, [Value, Value[]]>();
    forEach(frame, scope, () => {
      const key = closure(frame);
      const hash = hashOf(key);
      const group = groups.get(hash);
      const item = scope.item(scope.index);
      if (group === undefined) groups.set(hash, [key, [item]]);
      else group[1].push(item);
      return undefined;
    });
    return new AnyMap("map[interface {}][]interface {}", groups);
  };
}

/** Without a first value it is the first item. */
function reducing(closure: Evaluate, initial: Evaluate | undefined): Loop {
  return (frame, scope) => {
    if (initial !== undefined) scope.accumulated = initial(frame);
    else {
      scope.accumulated = scope.item(0);
      scope.index = 1;
    }
    forEach(frame, scope, () => {
      scope.accumulated = closure(frame);
      return undefined;
    });
    return scope.accumulated;
  };
}

/** Loops that ask of each item whether it is one of those that are wanted. */
function testing(node: NodeOf<"loop">, closures: readonly Evaluate[], compile: Compile): Loop {
  const holds = (frame: Frame): boolean => closures.every((closure) => toBool(closure(frame)));
  const found = node.map ? compile(node.map) : ({ scope }: Frame): Value => scope?.item(scope.index) ?? null;
  const walk = node.name.startsWith("findLast") ? backwards : forEach;
  const search =
    (wanted: boolean, result: Evaluate, otherwise: Value): Loop =>
    (frame, scope) =>
      orElse(
        walk(frame, scope, () => (holds(frame) === wanted ? result(frame) : undefined)),
        otherwise,
      );
  switch (node.name) {
    case "all":
      return search(false, () => false, true);
    case "any":
      return search(true, () => true, false);
    case "none":
      return search(true, () => false, true);
    case "find":
    case "findLast":
      return node.throws === true ? throwing(search(true, found, noneFound)) : search(true, found, null);
    case "findIndex":
    case "findLastIndex":
      return search(true, ({ scope }) => BigInt(scope?.index ?? 0), null);
    case "filter":
      return filtering(holds, found);
    default:
      return counting(holds, node.name === "one");
  }
}

/** Nil may well be what was found. */
function orElse(value: Value | undefined, otherwise: Value): Value {
  return value === undefined ? otherwise : value;
}

const noneFound: Value = new AnyMap("map[interface {}]interface {}", new Map());

function throwing(loop: Loop): Loop {
  return (frame, scope) => {
    const value = loop(frame, scope);
    return value === noneFound ? outside(0, 0) : value;
  };
}

function filtering(holds: (frame: Frame) => boolean, found: Evaluate): Loop {
  return (frame, scope) => {
    const results: Value[] = [];
    forEach(frame, scope, () => {
      if (holds(frame)) results.push(found(frame));
      return undefined;
    });
    frame.work.allocate(results.length);
    return results;
  };
}

function counting(holds: (frame: Frame) => boolean, isOne: boolean): Loop {
  return (frame, scope) => {
    let count = 0;
    forEach(frame, scope, () => {
      if (holds(frame)) count++;
      return undefined;
    });
    return isOne ? count === 1 : BigInt(count);
  };
}
