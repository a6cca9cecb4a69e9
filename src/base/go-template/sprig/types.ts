import { any, bool, type FunctionTable, fn, text, variadic } from "../function.ts";
import { isTrue, kindOf, typeOf, type Value } from "../values.ts";
import { Failure } from "../work.ts";
import { equalDeep } from "./equal.ts";

/** The second value unless it is empty, or not there. */
function byDefault(otherwise: Value, [given]: readonly Value[]): Value {
  return given !== undefined && isTrue(given) ? given : otherwise;
}

/** What a value is, and what stands for it when it is empty. */
export const typeFunctions: FunctionTable = {
  typeOf: fn([any], typeOf),
  typeIs: fn([text, any], (name, value) => name === typeOf(value)),
  typeIsLike: fn([text, any], (name, value) => name === typeOf(value) || `*${name}` === typeOf(value)),
  kindOf: fn([any], (value) => kindOf(value)),
  kindIs: fn([text, any], (name, value) => name === kindOf(value)),
  deepEqual: fn([any, any], (a, b, work) => equalDeep(a, b, work)),
  default: variadic([any], any, byDefault),
  empty: fn([any], (value) => !isTrue(value)),
  coalesce: variadic([], any, (values) => values.find(isTrue) ?? null),
  all: variadic([], any, (values) => values.every(isTrue)),
  any: variadic([], any, (values) => values.some(isTrue)),
  ternary: fn([any, any, bool], (yes, no, condition) => (condition ? yes : no)),
  fail: fn([text], (message) => {
    throw new Failure(message);
  }),
};
