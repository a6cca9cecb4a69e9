import { TerminalError } from "../errors.ts";
import { isJsonObject, type JsonValue } from "../json.ts";

/** About one for each value looked at, and for each sixteen characters written. A MiB of events takes up to a fifth. */
export const maxSteps = 5_000_000;

/** Lists and objects within each other. */
const maxNesting = 1_000;

/**
 * What one read may still use. Paths multiply: each `[@this,@this]` doubles what comes out, and each `@tostr` the
 * backslashes in it.
 */
export class Work {
  #left = maxSteps;

  /** @throws TerminalError PATH_FAILED */
  spend(steps = 1): void {
    this.#left -= steps;
    if (!(this.#left >= 0)) throw new TerminalError("PATH_FAILED", `the path takes more than ${maxSteps} steps`);
  }

  /** @throws TerminalError PATH_FAILED */
  nest(depth: number): void {
    this.spend();
    if (depth <= maxNesting) return;
    throw new TerminalError("PATH_FAILED", `lists and objects stand in each other deeper than ${maxNesting}`);
  }

  /** For what may stand in the result more than once: as much as it takes to write it. */
  weigh(value: JsonValue, depth = 0): void {
    this.nest(depth);
    if (typeof value === "string") this.spend(value.length / 16);
    else if (Array.isArray(value)) for (const item of value) this.weigh(item, depth + 1);
    else if (isJsonObject(value)) {
      for (const [key, child] of Object.entries(value)) {
        this.spend(key.length / 16);
        this.weigh(child, depth + 1);
      }
    }
  }

  /** For a walk that writes down the whole way to each value. */
  weighPlaces(value: JsonValue, depth = 0): void {
    this.nest(depth);
    this.spend(depth);
    if (typeof value !== "object" || value === null) return;
    for (const child of Object.values(value)) this.weighPlaces(child, depth + 1);
  }
}
