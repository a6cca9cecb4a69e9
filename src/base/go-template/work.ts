import { messageOf } from "../errors.ts";
import { compileRegex, type Regex } from "../regex.ts";
import { Chance } from "./sprig/chance.ts";

export interface TemplateLimits {
  /** Bytes of the result, and of any text on the way to it. */
  readonly maxBytes: number;
  /** About one for each command, each turn of a loop and each sixteen characters that a function reads or writes. */
  readonly maxSteps: number;
  /** Blocks and templates within each other, at run time. */
  readonly maxDepth: number;
}

export const defaultLimits: TemplateLimits = { maxBytes: 1_048_576, maxSteps: 1_000_000, maxDepth: 500 };

/** A failure of one function or command; the place in the template is added where it is caught. */
export class Failure extends Error {}

/** One that no function may turn into a result. */
export class LimitReached extends Failure {}

/** Lists and objects within each other that are still printed, compared or copied: Go's own limit is far higher. */
const maxNesting = 1_000;

const maxPattern = 2_000;

/** When an execution takes place; `seed` decides what chance gives. */
export interface TemplateMoment {
  readonly nowMs: number;
  readonly seed: string;
}

/** What functions see of it: most templates have none that looks. */
interface Moment {
  readonly nowMs: number;
  readonly chance: Chance;
}

/** What one execution may still use. Every function that can take or give much says so here before it does. */
export class Work {
  readonly limits: TemplateLimits;
  readonly #regexes: Map<string, Regex>;
  readonly #given: TemplateMoment | undefined;
  #moment: Moment | undefined;
  #steps: number;

  constructor(limits: TemplateLimits, regexes: Map<string, Regex>, moment?: TemplateMoment) {
    this.limits = limits;
    this.#given = moment;
    this.#regexes = regexes;
    this.#steps = limits.maxSteps;
  }

  /** @throws Failure where the result may depend on the data alone */
  get moment(): Moment {
    if (this.#given === undefined) throw new Failure("neither the time nor chance is available here");
    this.#moment ??= { nowMs: this.#given.nowMs, chance: new Chance(this.#given.seed) };
    return this.#moment;
  }

  spend(steps = 1): void {
    this.#steps -= steps;
    if (!(this.#steps >= 0)) throw new LimitReached(`it takes more than ${this.limits.maxSteps} steps`);
  }

  /** Before a text of that many characters is made. */
  text(length: number): void {
    if (!(length <= this.limits.maxBytes)) {
      throw new LimitReached(`a text of ${length} characters is longer than ${this.limits.maxBytes}`);
    }
    this.spend(length / 16);
  }

  nest(depth: number): void {
    this.spend();
    if (depth > maxNesting) throw new LimitReached(`lists and maps stand in each other deeper than ${maxNesting}`);
  }

  /** Whether a pattern compiles. */
  hasRegex(source: string): boolean {
    try {
      this.regex(source);
      return true;
    } catch (error) {
      if (error instanceof LimitReached) throw error;
      return false;
    }
  }

  /** A pattern of the template or of the data, compiled once. @throws Failure */
  regex(source: string): Regex {
    const known = this.#regexes.get(source);
    if (known !== undefined) return known;
    if (source.length > maxPattern) throw new LimitReached(`a pattern is longer than ${maxPattern} characters`);
    if (!source.isWellFormed()) throw new Failure("a pattern is no valid UTF-8");
    this.spend(100 + source.length);
    const regex = compile(source);
    const [oldest] = this.#regexes.size < 32 ? [] : this.#regexes.keys();
    if (oldest !== undefined) this.#regexes.delete(oldest);
    this.#regexes.set(source, regex);
    return regex;
  }
}

/** @throws Failure */
function compile(source: string): Regex {
  try {
    return compileRegex(source);
  } catch (error) {
    throw new Failure(messageOf(error));
  }
}
