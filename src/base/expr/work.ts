import { failed } from "./fault.ts";

/** About one for each turn of a loop, each item that is looked at, and each 64 characters that are read or written. */
const maxSteps = 1_000_000;
/** Items of all lists and maps that are made: the limit of the original. */
const maxItems = 1_000_000;
/** Characters of one text. */
const maxText = 16 * 1_024 * 1_024;
/** Lists and maps within each other that are compared, printed or encoded. */
const maxNesting = 1_000;

/** What one evaluation may still use. */
export class Work {
  #steps = maxSteps;
  #items = maxItems;

  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw failed(`the expression takes more than ${maxSteps} steps`);
  }

  /** Before so many items are made. */
  allocate(items: number): void {
    this.#items -= items;
    if (this.#items <= 0) throw failed(`the expression makes lists of more than ${maxItems} items`);
  }

  /** Before a text of that many characters is read or made. */
  text(length: number): void {
    if (length > maxText) throw failed(`a text of ${length} characters is longer than ${maxText}`);
    this.spend(length / 64);
  }

  nest(depth: number): void {
    this.spend(1);
    if (depth > maxNesting) throw failed(`lists and maps stand in each other deeper than ${maxNesting}`);
  }
}
