import { TerminalError } from "./errors.ts";

/** `$` alone, or with `.` or `[` behind it; `$oid` is a name. */
export function isJsonPath(path: string): boolean {
  return /^\$(?:[.[]|$)/.test(path);
}

const maxLength = 1_000;

/** Lists in brackets multiply what is found. */
const maxListed = 100;

/** A path that the library may have. */
export interface JsonPathText {
  /** As the library reads it. */
  readonly text: string;
  readonly isSingle: boolean;
  readonly isDeep: boolean;
}

/** @throws TerminalError MANIFEST_INVALID */
export function parseJsonPath(path: string): JsonPathText {
  if (path.length > maxLength) throw fault(`${path.slice(0, 100)}…`, `is longer than ${maxLength} characters`);
  const steps: Step[] = [];
  for (let at = 1; at < path.length; ) {
    const step = parseStep(path, path.slice(at));
    steps.push(step);
    at += step.length;
  }
  const depths = steps.filter((step) => step.isDeep).length;
  if (depths > 1) throw fault(path, 'may have ".." once only');
  if (steps.reduce((listed, { count }) => listed * Math.max(1, count), 1) > maxListed) {
    throw fault(path, `lists more than ${maxListed} places in its brackets`);
  }
  return {
    text: `$${steps.map((step) => step.text).join("")}`,
    isSingle: depths === 0 && steps.every((step) => step.count === 1),
    isDeep: depths > 0,
  };
}

interface Step {
  readonly text: string;
  /** Characters of the path. */
  readonly length: number;
  /** How many values it can find in one; 0 for as many as there are. */
  readonly count: number;
  /** `..`: in all that is below. */
  readonly isDeep?: boolean;
}

// Of names only what the library's own reader of paths takes for nothing else.
const letters = "[\\p{L}\\p{M}\\p{N}_./:*$+ -]+";
const quoted = `'${letters}'|"${letters}"`;
const word = `\\d{1,9}|'[\\w-]+'|"[\\w-]+"`;
const name = /^\.(?:([\p{L}\p{M}\p{N}_$-]+)|\*)/u;
const bracket = new RegExp(
  `^\\[\\s*(?:(\\*)|(-?\\d{1,9})|(${quoted})|(-?\\d{0,9}:-?\\d{0,9}(?::-?\\d{0,9})?))\\s*\\]`,
  "u",
);
const list = new RegExp(`^\\[\\s*(?:${word})(?:\\s*,\\s*(?:${word}))+\\s*\\]`, "u");

function parseStep(path: string, rest: string): Step {
  if (!rest.startsWith("..")) return parseShallow(path, rest);
  const skipped = rest.startsWith("..[") ? 2 : 1;
  const { text, length, count } = parseShallow(path, rest.slice(skipped));
  return { text: `..${text}`, length: length + skipped, count, isDeep: true };
}

function parseShallow(path: string, rest: string): Step {
  const named = name.exec(rest);
  if (named) {
    const [whole, key] = named;
    return { text: key === undefined ? "[*]" : nameText(key), length: whole.length, count: key === undefined ? 0 : 1 };
  }
  const single = bracket.exec(rest);
  if (single) return bracketStep(single);
  const several = list.exec(rest)?.[0];
  if (several === undefined) throw fault(path, reasonFor(rest));
  return listStep(several);
}

function listStep(several: string): Step {
  const parts = several.slice(1, -1).split(",");
  const texts = parts.map((part) => part.trim().replaceAll('"', "'"));
  return { text: `[${texts.join(",")}]`, length: several.length, count: parts.length };
}

function bracketStep([whole, star, index, key, slice]: RegExpExecArray): Step {
  const length = whole.length;
  if (star !== undefined) return { text: "[*]", length, count: 0 };
  if (key !== undefined) return { text: nameText(key.slice(1, -1)), length, count: 1 };
  if (slice !== undefined) return { text: `[${slice}]`, length, count: 0 };
  const number = Number(index);
  if (number >= 0) return { text: `[${number}]`, length, count: 1 };
  // The library knows an index from the end as a slice only.
  return { text: `[${number}:${number === -1 ? "" : number + 1}]`, length, count: 1 };
}

/** The library takes some names for steps of its own, unless there is a backtick before them. */
function nameText(name: string): string {
  return /^[\w-]+$/.test(name) ? `['${name}']` : `['\`${name}']`;
}

function reasonFor(rest: string): string {
  if (/^\[\s*[?(]/.test(rest)) return 'filters and scripts are refused; GJSON has them: `items.#(name=="x").value`';
  if (/^\[\s*['"]/.test(rest)) return `names such as ${shown(rest)} are not understood; GJSON reads them: a\\.b`;
  return `${shown(rest)} is not understood; known are .name, ['name'], [0], [*], [1:3], [0,1] and ..`;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 30));
}

function fault(path: string, what: string): TerminalError {
  return new TerminalError("MANIFEST_INVALID", `JSONPath ${JSON.stringify(path)}: ${what}`);
}
