import { type JsonValue, parseJson, setOwn } from "../json.ts";
import { compileModifier, parseModifier } from "./modifiers.ts";
import { modifierAt } from "./parts.ts";
import { endOfBrackets, endOfQuotes } from "./scan.ts";
import { parseSelectors, type Selector, selectorKey } from "./selectors.ts";
import type { Step } from "./step.ts";
import { type Path, type Paths, Run, Tail } from "./walk.ts";
import type { Work } from "./work.ts";

/** Paths and tails of one path by their text; each is parsed when a value first needs it. */
export class Compiler implements Paths {
  readonly #paths = new Map<string, Path>();
  readonly #tails = new Map<string, Tail>();

  path(text: string): Path {
    return remembered(this.#paths, text, () => compilePath(text, this));
  }

  tail(text: string): Tail {
    return remembered(this.#tails, text, () => new Tail(text, this));
  }
}

/** More than that many are the same path's over values of ever other shapes. */
const maxRemembered = 1_000;

function remembered<Value>(known: Map<string, Value>, text: string, create: () => Value): Value {
  let value = known.get(text);
  if (value === undefined) {
    if (known.size >= maxRemembered) known.clear();
    value = create();
    known.set(text, value);
  }
  return value;
}

function compilePath(text: string, compiler: Compiler): Path {
  if (text.length > 1) {
    const modifier = modifierAt(text);
    if (modifier !== undefined) return modifierPath(text, modifier, compiler);
    const literal = text.startsWith("!") ? literalPath(text, compiler) : undefined;
    if (literal) return literal;
    if (text.startsWith("[") || text.startsWith("{")) return multipath(text, compiler);
    if (text.startsWith("..")) return linesPath(compiler.tail(text.slice(2)));
  }
  return plainPath(text, compiler);
}

/** The path behind `|` or a dot; what else follows is not looked at. */
function restPath(rest: string, compiler: Compiler): Path | undefined {
  return rest.startsWith("|") || rest.startsWith(".") ? compiler.path(rest.slice(1)) : undefined;
}

function modifierPath(text: string, name: string, compiler: Compiler): Path {
  const { argument, rest } = parseModifier(text, name);
  const modify = compileModifier(name, argument, (path) => {
    const read = compiler.path(path);
    return (value, work) => read.get({ value }, work).value;
  });
  const next = restPath(rest, compiler);
  return { get: (step, work) => (next ? next.get(modify(step, work), work) : modify(step, work)) };
}

/** `!` and JSON, or one of the words. */
function literalPath(text: string, compiler: Compiler): Path | undefined {
  const behind = text.slice(1);
  const isOpen = /^[{["+\-0-9]/.test(behind);
  const end = isOpen ? endOfLiteral(behind) : (/[.|]/.exec(behind)?.index ?? behind.length);
  const written = behind.slice(0, end);
  if (!isOpen && !/^(?:true|false|null|nan|inf)$/i.test(written)) return undefined;
  const value = literalValue(written);
  const next = restPath(behind.slice(end), compiler);
  return { get: (_, work) => (next ? next.get({ value }, work) : { value }) };
}

/** A number or a string goes on to the first bracket that closes, as the original's reader has it. */
function endOfLiteral(text: string): number {
  return endOfBrackets(`(${text.slice(1)}`, 0);
}

/** The first value in the text. */
function literalValue(written: string): JsonValue | undefined {
  const isText = written.startsWith('"');
  const number = /^[-+]?[0-9][-+.0-9eE]*/.exec(written)?.[0].replace(/^\+/, "");
  const text = isText ? written.slice(0, endOfQuotes(written, 0)) : (number ?? written);
  try {
    return parseJson(text);
  } catch {
    return undefined; // NaN, infinities and what is no JSON: no value of ours
  }
}

function multipath(text: string, compiler: Compiler): Path {
  const parsed = parseSelectors(text);
  // One that does not end is the key "", and behind one that ends only `|` and `.` keep it: as in the original.
  if (!parsed) return plainPath("", compiler);
  const { selectors, rest } = parsed;
  const next = restPath(rest, compiler);
  if (rest !== "" && !next) return plainPath(rest, compiler);
  const make = text.startsWith("[") ? listOf(selectors, compiler) : objectOf(selectors, compiler);
  return {
    get(step, work) {
      const value = make(step, work);
      return next ? next.get({ value }, work) : { value };
    },
  };
}

type Make = (step: Step, work: Work) => JsonValue;

function listOf(selectors: readonly Selector[], compiler: Compiler): Make {
  const paths = selectors.map(({ path }) => compiler.path(path));
  return (step, work) => {
    const list: JsonValue[] = [];
    for (const path of paths) {
      const { value } = path.get(step, work);
      if (value === undefined) continue;
      work.weigh(value);
      list.push(value);
    }
    return list;
  };
}

/** Of one key the first, which is what paths find; the original writes all. */
function objectOf(selectors: readonly Selector[], compiler: Compiler): Make {
  const fields = selectors.map((selector) => ({ key: selectorKey(selector), path: compiler.path(selector.path) }));
  return (step, work) => {
    const object: Record<string, JsonValue> = {};
    for (const { key, path } of fields) {
      const { value } = path.get(step, work);
      if (value === undefined) continue;
      work.weigh(value);
      if (!Object.hasOwn(object, key)) setOwn(object, key, value);
    }
    return object;
  };
}

/** JSON Lines: one value is one line. */
function linesPath(tail: Tail): Path {
  return {
    get({ value }, work) {
      const run = new Run(work);
      tail.inList(value === undefined ? [] : [value], run);
      return run.result();
    },
  };
}

function plainPath(text: string, compiler: Compiler): Path {
  const tail = compiler.tail(text);
  return {
    tail,
    get({ value }, work) {
      const run = new Run(work);
      tail.enter(value, run);
      return run.result();
    },
  };
}
