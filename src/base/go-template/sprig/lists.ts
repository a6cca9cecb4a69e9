import { sortTexts } from "../../go/bytes.ts";
import { any, count, type FunctionTable, fn, type GoFunction, reads, text, variadic } from "../function.ts";
import { GoInt, GoList, isTrue, itemsOf, kindOf, nilList, strings, type Value } from "../values.ts";
import { Failure, type Work } from "../work.ts";
import { toInt } from "./cast.ts";
import { equalDeep } from "./equal.ts";
import { stringOf } from "./strings.ts";

/** @throws Failure where it is no list; nil is none. */
function listIn(value: Value, verb: string, work: Work): readonly Value[] {
  const items = itemsOf(value);
  if (items === undefined) throw new Failure(`Cannot ${verb} type ${value === null ? "nil" : kindOf(value)}`);
  work.spend(items.length / 8);
  return items;
}

/** A text for each item that is not nil; what is no list counts as one item. */
export function textsOf(value: Value, work: Work): string[] {
  const items = itemsOf(value) ?? [value];
  work.spend(items.length);
  return items.filter((item) => item !== null).map((item) => stringOf(item, work));
}

function join(separator: string, value: Value, work: Work): string {
  const texts = textsOf(value, work);
  work.text(texts.reduce((length, each) => length + each.length + separator.length, 0));
  return texts.join(separator);
}

function has(items: readonly Value[], wanted: Value, work: Work): boolean {
  return items.some((item) => equalDeep(wanted, item, work));
}

function unique(items: readonly Value[], work: Work): Value[] {
  const result: Value[] = [];
  for (const item of items) if (!has(result, item, work)) result.push(item);
  return result;
}

/** What sizes that are no sizes give is the original's arithmetic. */
function chunk(size: number, value: Value, work: Work): Value {
  const items = listIn(value, "chunk", work);
  const length = Math.floor((items.length - 1) / size) + 1;
  if (!(length >= 0 && length <= items.length) || (size === -1 && length > 0)) {
    throw new Failure(`chunks cannot have ${size} items`);
  }
  if (size < 0) return new GoList("[][]interface {}", length === 0 ? [] : [items]);
  const chunks = Array.from({ length }, (_, index) => items.slice(index * size, (index + 1) * size));
  return new GoList("[][]interface {}", chunks);
}

function slice(value: Value, indexes: readonly Value[], work: Work): Value {
  const items = itemsOf(value);
  if (items === undefined) throw new Failure(`list should be type of slice or array but ${kindOf(value)}`);
  if (items.length === 0) return null;
  work.spend(items.length / 8);
  const [from = 0, to = items.length] = indexes.map((index) => Number(toInt(index)));
  if (from < 0 || to > items.length || from > to) {
    throw new Failure(`slice bounds out of range: [${from}:${to}] of ${items.length} items`);
  }
  const part = items.slice(from, to);
  return value instanceof GoList ? new GoList(value.type, part) : part;
}

function concat(lists: readonly Value[], work: Work): Value {
  const all = lists.flatMap((list) => listIn(list, "concat", work));
  return all.length === 0 ? nilList() : all;
}

/** A nil list for an empty one. */
function rest(items: readonly Value[], from: number, to: number): Value {
  return items.length === 0 ? nilList() : items.slice(from, to);
}

/** Numbers from `start` to before `stop`. @throws Failure when they are too many */
export function steps(start: number, stop: number, step: number, work: Work): GoInt[] {
  const length = (stop < start ? step < 0 : step > 0) ? Math.ceil((stop - start) / step) : 0;
  work.spend(length);
  return Array.from({ length }, (_, index) => new GoInt("int", BigInt(start + index * step)));
}

/** The end is part of it. */
function sequence(bounds: readonly number[], work: Work): string {
  const [first = 0, second = 0, third] = bounds;
  if (bounds.length === 0 || bounds.length > 3) return "";
  const [start, step, end] =
    bounds.length === 1
      ? [1, undefined, first]
      : third === undefined
        ? [first, undefined, second]
        : [first, second, third];
  const direction = end < start ? -1 : 1;
  if (step !== undefined && direction < 0 && step > 0) return "";
  return steps(start, end + direction, step ?? direction, work)
    .map(({ value }) => value)
    .join(" ");
}

/** A list function has a second name, under which the original reports errors in another way; here both are the same. */
function twice(name: string, body: GoFunction): FunctionTable {
  return { [name]: body, [`must${name.charAt(0).toUpperCase()}${name.slice(1)}`]: body };
}

function ofList(verb: string, make: (items: readonly Value[], work: Work) => Value): GoFunction {
  return fn([any], (value, work) => make(listIn(value, verb, work), work));
}

const push = fn([any, any], (list, value, work) => [...listIn(list, "push on", work), value]);

export const listFunctions: FunctionTable = {
  list: variadic([], any, (items) => items),
  tuple: variadic([], any, (items) => items),
  ...twice("append", push),
  ...twice("push", push),
  ...twice(
    "prepend",
    fn([any, any], (list, value, work) => [value, ...listIn(list, "prepend on", work)]),
  ),
  ...twice(
    "first",
    ofList("find first on", (items) => items[0] ?? null),
  ),
  ...twice(
    "last",
    ofList("find last on", (items) => items.at(-1) ?? null),
  ),
  ...twice(
    "rest",
    ofList("find rest on", (items) => rest(items, 1, items.length)),
  ),
  ...twice(
    "initial",
    ofList("find initial on", (items) => rest(items, 0, items.length - 1)),
  ),
  ...twice(
    "reverse",
    ofList("find reverse on", (items) => items.toReversed()),
  ),
  ...twice(
    "compact",
    ofList("compact on", (items) => items.filter(isTrue)),
  ),
  ...twice("uniq", ofList("find uniq on", unique)),
  ...twice(
    "without",
    variadic([any], any, (list, omitted, work) =>
      listIn(list, "find without on", work).filter((item) => !has(omitted, item, work)),
    ),
  ),
  ...twice(
    "has",
    fn([any, any], (wanted, list, work) => list !== null && has(listIn(list, "find has on", work), wanted, work)),
  ),
  ...twice("slice", variadic([any], any, slice)),
  ...twice("chunk", fn([count, any], chunk)),
  concat: variadic([], any, concat),
  join: fn([text, any], join),
  sortAlpha: fn([any], (list, work) => {
    const texts = itemsOf(list) === undefined ? [stringOf(list, work)] : textsOf(list, work);
    reads(work, ...texts);
    work.spend(texts.length * Math.log2(texts.length + 1));
    return strings(sortTexts(texts));
  }),
  toStrings: fn([any], (value, work) => strings(textsOf(value, work))),
  until: fn([count], (stop, work) => new GoList("[]int", steps(0, stop, stop < 0 ? -1 : 1, work))),
  untilStep: fn(
    [count, count, count],
    (start, stop, step, work) => new GoList("[]int", steps(start, stop, step, work)),
  ),
  seq: variadic([], count, sequence),
};
