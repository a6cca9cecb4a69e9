import type { Regex } from "../regex.ts";
import { limitReached } from "./fault.ts";

export interface JqLimits {
  /**
   * About one for each result that is passed on, each call, each 8 items or 2 fields that are copied and each 64 characters.
   * A million take from a tenth of a second to one.
   */
  readonly maxSteps: number;
  /** Results of one run. */
  readonly maxOutputs: number;
  /** Of all results of one run as JSON, about, in characters. */
  readonly maxOutputSize: number;
  /** Calls within each other. */
  readonly maxDepth: number;
}

export const defaultJqLimits: JqLimits = {
  maxSteps: 1_000_000,
  maxOutputs: 100_000,
  maxOutputSize: 16 * 1_024 * 1_024,
  maxDepth: 1_000,
};

/** Characters of one text. */
const maxText = 16 * 1_024 * 1_024;
/** Lists and objects within each other that are compared, printed or changed. */
const maxNesting = 1_000;

/** What one run may still use. */
export class Work {
  readonly limits: JqLimits;
  /** Milliseconds since 1970; not there where a program may not ask for the time. */
  readonly now: (() => number) | undefined;
  readonly #regexes = new Map<string, Regex>();
  #steps: number;

  constructor(limits: JqLimits, now: (() => number) | undefined) {
    this.limits = limits;
    this.now = now;
    this.#steps = limits.maxSteps;
  }

  spend(steps: number): void {
    this.#steps -= steps;
    if (!(this.#steps >= 0)) throw limitReached(`takes more than ${this.limits.maxSteps} steps`);
  }

  /** Before a list or an object of that many items is made or read. */
  items(count: number): void {
    this.spend(count / 8);
  }

  /** Before so many fields are copied, sorted or looked for: each takes as long as a hundred items. */
  fields(count: number): void {
    this.spend(count / 2);
  }

  /** Where an error or a `break` ended something. */
  caught(): void {
    this.spend(10);
  }

  /** Before a text of that many characters is read or made. */
  text(length: number): void {
    if (!(length <= maxText)) throw limitReached(`makes a text of ${length} characters, ${maxText} are allowed`);
    this.spend(length / 64);
  }

  /** Before `part` is looked for in a text, both by their lengths. */
  search(text: number, part: number): void {
    this.text(text);
    this.spend((text / 64) * (part / 16));
  }

  /** A regular expression that this run has compiled already, or else may compile: it takes as long as a thousand steps. */
  regex(pattern: string, compile: () => Regex): Regex {
    const known = this.#regexes.get(pattern);
    if (known !== undefined) return known;
    this.spend(1_000 + pattern.length);
    const compiled = compile();
    this.#regexes.set(pattern, compiled);
    return compiled;
  }

  nest(depth: number): void {
    this.spend(1 / 4);
    if (depth > maxNesting) throw limitReached(`has lists and objects in each other deeper than ${maxNesting}`);
  }

  call(depth: number): void {
    this.spend(1);
    if (depth > this.limits.maxDepth) throw limitReached(`has more than ${this.limits.maxDepth} calls in each other`);
  }
}
