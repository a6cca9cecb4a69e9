import { TerminalError } from "../errors.ts";
import type { JsonObject, JsonValue } from "../json.ts";
import { memoize } from "../memo.ts";
import { Compiler } from "./path.ts";
import { deeper } from "./scan.ts";
import { stepText } from "./step.ts";
import { textOf } from "./text.ts";
import type { Path } from "./walk.ts";
import { Work } from "./work.ts";

/** A compiled path, of GJSON or of JSONPath. */
export interface ReadPath {
  /**
   * The value at the path; undefined when there is none (JSON's null is a value).
   * @throws TerminalError PATH_FAILED when it takes too much work; a path of keys and indexes alone never does.
   */
  read(document: JsonValue): JsonValue | undefined;
  /**
   * What `read` found as text: GJSON's `String()`, with null as "".
   * @throws TerminalError PATH_FAILED
   */
  text(found: JsonValue, document: JsonValue): string;
}

const maxLength = 4_000;
const maxBrackets = 100;

/**
 * Compiles a path of GJSON 1.19 (https://github.com/tidwall/gjson/blob/v1.19.0/SYNTAX.md). No path is wrong there: one that
 * makes no sense finds nothing, or something odd. `gjsonFault` tells what is odd about it.
 * @throws TerminalError MANIFEST_INVALID when it is longer or nested deeper than we take
 */
export const compileGjson: (path: string) => ReadPath = memoize(compile, 10_000);

function compile(path: string): ReadPath {
  refuseHuge(path);
  const steps = literalSteps(path);
  if (steps) return { read: literalRead(steps), text: textOf };
  let compiled: Path | undefined; // most paths of most Sensors never run in this process
  const step = (document: JsonValue, work: Work) => {
    compiled ??= new Compiler().path(path);
    return compiled.get({ value: document }, work);
  };
  return {
    read: (document) => step(document, new Work()).value,
    text(found, document) {
      if (!path.includes("@pretty")) return textOf(found);
      const work = new Work();
      return stepText({ ...step(document, work), value: found }, work);
    },
  };
}

/** @throws TerminalError MANIFEST_INVALID */
export function refuseHuge(path: string): void {
  const shown = JSON.stringify(path.length > 100 ? `${path.slice(0, 100)}…` : path);
  if (path.length > maxLength) {
    throw new TerminalError("MANIFEST_INVALID", `path ${shown} is longer than ${maxLength} characters`);
  }
  let depth = 0;
  for (const char of path) {
    depth += deeper(char);
    if (depth <= maxBrackets) continue;
    throw new TerminalError("MANIFEST_INVALID", `path ${shown} has more than ${maxBrackets} brackets in each other`);
  }
}

/** One step of a path that has none but keys and indexes. */
interface LiteralStep {
  readonly key: string;
  /** Undefined when it is none; what is escaped never is. */
  readonly index?: number;
}

/** Without wildcards, `#`, pipes and what modifiers, literals and multipaths begin with, unless escaped. */
const literal = /^(?!\.\.)(?:[^\\*?#|@!{[]|\\[^|])*$/s;

/** Undefined when the path has more than keys and indexes. */
function literalSteps(path: string): readonly LiteralStep[] | undefined {
  if (!literal.test(path)) return undefined;
  const steps: LiteralStep[] = [];
  let start = 0;
  for (let at = 0; at <= path.length; at++) {
    if (path[at] === "\\") at++;
    else if (at === path.length || path[at] === ".") {
      const raw = path.slice(start, at);
      const key = raw.replaceAll(/\\(.)/gs, "$1");
      steps.push(/^[0-9]{1,15}$/.test(raw) ? { key, index: Number(raw) } : { key });
      start = at + 1;
    }
  }
  return steps;
}

function literalRead(steps: readonly LiteralStep[]): ReadPath["read"] {
  return (document) => {
    let at: JsonValue | undefined = document;
    for (const step of steps) {
      at = childOf(at, step);
      if (at === undefined) return undefined;
    }
    return at;
  };
}

function childOf(value: JsonValue | undefined, step: LiteralStep): JsonValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return step.index === undefined ? undefined : value[step.index];
  return Object.hasOwn(value, step.key) ? (value as JsonObject)[step.key] : undefined;
}
