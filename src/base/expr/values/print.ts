import { formatNanoseconds } from "../../duration.ts";
import { compareText } from "../../go/bytes.ts";
import { printFloat } from "../../go/float.ts";
import { timeText } from "../../go/time-format.ts";
import { failed } from "../fault.ts";
import type { Work } from "../work.ts";
import {
  AnyMap,
  Byte,
  Duration,
  type Fields,
  isFields,
  isList,
  itemsOf,
  NamedInt,
  Time,
  typeOf,
  type Value,
} from "./values.ts";

/** `%v` of Go. @throws EngineError EXPRESSION_FAILED */
export function print(value: Value, work: Work): string {
  return typeof value === "string" ? value : new Printer(work).print(value, 0);
}

class Printer {
  readonly #work: Work;
  #length = 0;

  constructor(work: Work) {
    this.#work = work;
  }

  print(value: Value, depth: number): string {
    this.#work.nest(depth);
    if (isList(value))
      return `[${itemsOf(value)
        .map((item) => this.print(item, depth + 1))
        .join(" ")}]`;
    if (value instanceof AnyMap) return this.#map(sortedEntries(value), depth);
    if (isFields(value)) return this.#map(fieldsByName(value), depth);
    return this.#count(scalar(value));
  }

  #map(entries: readonly (readonly [key: Value, value: Value])[], depth: number): string {
    const texts = entries.map(([key, value]) => `${this.print(key, depth + 1)}:${this.print(value, depth + 1)}`);
    return `map[${texts.join(" ")}]`;
  }

  #count(text: string): string {
    this.#length += text.length;
    this.#work.text(this.#length);
    return text;
  }
}

function scalar(value: Value): string {
  if (value === null) return "<nil>";
  if (typeof value === "number") return printFloat(value);
  if (value instanceof Byte) return String(value.value);
  if (value instanceof Duration) return formatNanoseconds(value.nanoseconds);
  if (value instanceof Time) return timeText(value.at);
  if (value instanceof NamedInt) return value.text;
  if (typeof value === "object") throw failed(`a value of type ${typeOf(value)} cannot be printed`);
  return String(value);
}

export function fieldsByName(fields: Fields): readonly (readonly [string, Value])[] {
  return Object.entries(fields).sort(([left], [right]) => compareText(left, right));
}

const kinds = ["nil", "int", "uint8", "float64", "bool", "string"];

/** Of keys of several types, Go's order is not the same each time. */
function sortedEntries(map: AnyMap): readonly (readonly [Value, Value])[] {
  return [...map.entries.values()].sort(([left], [right]) => {
    const byKind = kinds.indexOf(typeOf(left)) - kinds.indexOf(typeOf(right));
    if (byKind !== 0) return byKind;
    if (typeof left === "string" && typeof right === "string") return compareText(left, right);
    return Number(left) - Number(right);
  });
}
