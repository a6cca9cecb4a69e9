import { sortTexts } from "../../go/bytes.ts";
import { fieldsOf, GoInt, GoList, GoStruct, itemsOf, nilFields, typeOf, type Value } from "../values.ts";
import { Failure, type Work } from "../work.ts";
import { type Flags, noFlags, pad } from "./flags.ts";
import { printBool, printFloat, printInt, printString } from "./verbs.ts";

/** `%v`: what an action writes, and `print`. @throws Failure */
export function printed(value: Value | undefined, work: Work): string {
  if (typeof value === "string") return value;
  return new Printer(work).print(value ?? null, "v", noFlags);
}

/** `%verb` of one argument. @throws Failure */
export function printArgument(value: Value, verb: string, flags: Flags, work: Work): string {
  if (value === null) return verb === "v" || verb === "T" ? pad("<nil>", flags) : `%!${verb}(<nil>)`;
  if (verb === "T") return printString(typeOf(value), "s", flags) ?? "";
  if (verb === "w") return badVerb(value, verb, flags, work);
  if (verb === "p") return printPointer(value, flags, work);
  return new Printer(work).print(value, verb, flags);
}

/** Addresses differ each time. */
function printPointer(value: Value, flags: Flags, work: Work): string {
  if (itemsOf(value) === undefined && fieldsOf(value) === undefined) return badVerb(value, "p", flags, work);
  throw new Failure("%p prints an address, which is not the same each time");
}

/** What a verb that a value does not know gives: `%!d(string=hi)`. */
function badVerb(value: Value, verb: string, flags: Flags, work: Work): string {
  return `%!${verb}(${typeOf(value)}=${new Printer(work, true).print(value, "v", flags)})`;
}

class Printer {
  readonly #work: Work;
  /** Within `%!d(…)` times and versions show their fields, which we do not have: their text stands for them. */
  readonly #isBad: boolean;
  #length = 0;

  constructor(work: Work, isBad = false) {
    this.#work = work;
    this.#isBad = isBad;
  }

  print(value: Value, verb: string, flags: Flags, depth = 0): string {
    this.#work.nest(depth);
    const items = itemsOf(value);
    if (items !== undefined) return this.#list(value, items, verb, flags, depth);
    const fields = fieldsOf(value);
    if (fields !== undefined) return this.#map(value, fields, verb, flags, depth);
    return this.#count(this.#scalar(value, verb, flags, depth));
  }

  #count(text: string): string {
    this.#length += text.length;
    this.#work.text(this.#length);
    return text;
  }

  #scalar(value: Value, verb: string, flags: Flags, depth: number): string {
    if (value === null) return depth > 0 && flags.sharpV ? "interface {}(nil)" : "<nil>";
    return scalarText(value, verb, flags) ?? this.#bad(value, verb, flags);
  }

  #bad(value: Value, verb: string, flags: Flags): string {
    return this.#isBad ? "" : badVerb(value, verb, flags, this.#work);
  }

  #list(value: Value, items: readonly Value[], verb: string, flags: Flags, depth: number): string {
    if (flags.sharpV && value instanceof GoList && value.isNil) return `${typeOf(value)}(nil)`;
    const texts = items.map((item) => this.print(item, verb, flags, depth + 1));
    return flags.sharpV ? `${typeOf(value)}{${texts.join(", ")}}` : `[${texts.join(" ")}]`;
  }

  #map(value: Value, fields: Readonly<Record<string, Value>>, verb: string, flags: Flags, depth: number): string {
    if (flags.sharpV && fields === nilFields) return `${typeOf(value)}(nil)`;
    const texts: string[] = [];
    for (const name of sortTexts(Object.keys(fields))) {
      const key = this.print(name, verb, flags, depth + 1);
      texts.push(`${key}:${this.print(fields[name] ?? null, verb, flags, depth + 1)}`);
    }
    return flags.sharpV ? `${typeOf(value)}{${texts.join(", ")}}` : `map[${texts.join(" ")}]`;
  }
}

/** undefined when the value does not know the verb. */
function scalarText(value: Value, verb: string, flags: Flags): string | undefined {
  if (typeof value === "string") return printString(value, verb, flags);
  if (typeof value === "number") return printFloat(value, verb, flags);
  if (typeof value === "boolean") return printBool(value, verb, flags);
  if (value instanceof GoInt) return printInt(value, verb, flags);
  if (!(value instanceof GoStruct)) return undefined;
  // Go prints the fields then, and the address of a time's zone is one of them.
  if (verb === "d") throw new Failure(`%d of a ${value.type} prints an address, which is not the same each time`);
  return printString(value.text(), verb, flags);
}
