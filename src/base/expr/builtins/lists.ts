import { EngineError } from "../../errors.ts";
import { compareText } from "../../go/bytes.ts";
import { failed } from "../fault.ts";
import type { Builtin } from "../frame.ts";
import { hashOf } from "../values/equality.ts";
import { fetch, sliced } from "../values/fetch.ts";
import { fieldsByName } from "../values/print.ts";
import {
  AnyMap,
  Duration,
  fieldOf,
  isFields,
  isList,
  itemAt,
  itemsOf,
  type List,
  NamedInt,
  Time,
  TypedList,
  typeOf,
  type Value,
} from "../values/values.ts";
import type { Work } from "../work.ts";

/** Whatever is wrong with it, the result is nil. */
function tolerant(of: Value | undefined, by: Value, work: Work): Value {
  try {
    return fetch(of ?? null, by, work);
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}

function listOf(name: string, value: Value | undefined): List {
  if (value === undefined || !isList(value))
    throw failed(`${name} takes a list, not a value of type ${typeOf(value ?? null)}`);
  return value;
}

/** Floats are no count here, unlike elsewhere. */
const take: Builtin = ([given, count = null], { work }) => {
  const list = listOf("take", given);
  const wanted =
    count instanceof Duration ? count.nanoseconds : count instanceof NamedInt ? BigInt(count.value) : count;
  if (typeof wanted !== "bigint") throw failed(`take takes an integer, not a value of type ${typeOf(count)}`);
  if (wanted > BigInt(list.length)) return list;
  if (wanted < 0n) throw failed("take takes no less than 0 items");
  return sliced(list, 0, Number(wanted), work);
};

type Entry = readonly [key: Value, value: Value];

/** Go's order is not the same each time; here names are in order, other keys in that of their coming. */
function entriesOf(name: string, map: Value | undefined, work: Work): readonly Entry[] {
  const value = map ?? null;
  if (!(value instanceof AnyMap) && !isFields(value)) {
    throw failed(`${name} takes a map, not a value of type ${typeOf(value)}`);
  }
  const entries = value instanceof AnyMap ? [...value.entries.values()] : fieldsByName(value);
  work.spend(entries.length);
  return entries;
}

function pair(entry: readonly Value[]): TypedList {
  return new TypedList("[2]interface {}", 2, (index) => entry[index] ?? null);
}

const toPairs: Builtin = ([map], { work }) => {
  const pairs = entriesOf("toPairs", map, work).map(pair);
  return new TypedList("[][2]interface {}", pairs.length, (index) => pairs[index] ?? null);
};

const fromPairs: Builtin = ([given], { work }) => {
  const entries = new Map<unknown, Entry>();
  const list = listOf("fromPairs", given);
  work.spend(list.length);
  for (const item of itemsOf(list)) {
    if (!isList(item) || item.length !== 2) throw failed("fromPairs takes lists of a key and a value");
    const key = itemAt(item, 0);
    entries.set(hashOf(key), [key, itemAt(item, 1)]);
  }
  return new AnyMap("map[interface {}]interface {}", entries);
};

interface Sortable {
  readonly item: Value;
  readonly by: Value;
}

/** What an item is sorted by: a field of a map, itself otherwise. */
function sortKey(item: Value, field: string): Value {
  if (item instanceof Time) throw failed("times cannot be sorted");
  if (item instanceof AnyMap) {
    const entry = item.entries.get(hashOf(field));
    if (entry === undefined) throw failed(`an item that is sorted has no field ${JSON.stringify(field)}`);
    return entry[1];
  }
  if (!isFields(item)) return item;
  if (!Object.hasOwn(item, field)) throw failed(`an item that is sorted has no field ${JSON.stringify(field)}`);
  return fieldOf(item, field);
}

/** Stable, where the original may change the order of what is equal in lists of more than twelve. */
function sorted(given: Value | undefined, field: string, direction: Value | undefined, work: Work): Value {
  const list = listOf("sort", given);
  const isDescending = direction !== undefined && isDescendingText(direction);
  work.spend(list.length * 4);
  const sortables = itemsOf(list).map((item): Sortable => ({ item, by: sortKey(item, field) }));
  const [first] = sortables;
  for (const { by } of sortables) {
    if (first && typeOf(by) !== typeOf(first.by)) {
      throw failed(`items of different types cannot be sorted: ${typeOf(first.by)} and ${typeOf(by)}`);
    }
  }
  if (sortables.length > 1 && first) checkSortable(first.by);
  sortables.sort((left, right) => order(left.by, right.by) * (isDescending ? -1 : 1));
  return sortables.map(({ item }) => item);
}

function isDescendingText(direction: Value): boolean {
  if (direction !== "asc" && direction !== "desc") throw failed('the order of a sort is "asc" or "desc"');
  return direction === "desc";
}

function checkSortable(value: Value): void {
  const isKnown = ["int", "float64", "string", "time.Duration", "time.Month", "time.Weekday"].includes(typeOf(value));
  if (!isKnown) throw failed(`values of type ${typeOf(value)} cannot be sorted`);
}

/** Of two values of one type that can be sorted. */
function order(left: Value, right: Value): number {
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  const [a, b] = [orderable(left), orderable(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function orderable(value: Value): bigint | number {
  if (value instanceof Duration) return value.nanoseconds;
  if (value instanceof NamedInt) return value.value;
  return typeof value === "bigint" || typeof value === "number" ? value : 0;
}

const sortBy: Builtin = ([list, field = null, direction], { work }) => {
  if (typeof field !== "string") throw failed(`sortBy takes the name of a field, not a value of type ${typeOf(field)}`);
  return sorted(list, field, direction, work);
};

export const listBuiltins: readonly (readonly [string, Builtin])[] = [
  ["first", ([list], { work }) => tolerant(list, 0n, work)],
  ["last", ([list], { work }) => tolerant(list, -1n, work)],
  ["get", ([of, by = null], { work }) => tolerant(of, by, work)],
  ["take", take],
  ["keys", ([map], { work }) => entriesOf("keys", map, work).map(([key]) => key)],
  ["values", ([map], { work }) => entriesOf("values", map, work).map(([, value]) => value)],
  ["toPairs", toPairs],
  ["fromPairs", fromPairs],
  ["sort", ([list, direction], { work }) => sorted(list, "", direction, work)],
  ["sortBy", sortBy],
];
