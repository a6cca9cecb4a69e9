import type { MissingKey } from "./fields.ts";
import type { Value } from "./values.ts";
import { Failure, LimitReached, type Work } from "./work.ts";

interface Variable {
  readonly name: string;
  value: Value | undefined;
}

/** What a command of a template is compiled to. */
export type Evaluate = (run: Execution, dot: Value | undefined) => Value | undefined;

/** How a list of nodes ended: a loop has to be left, or to go on with its next turn. */
export type Flow = "break" | "continue" | undefined;

export type Run = (run: Execution, dot: Value | undefined) => Flow;

/** One execution of a template: its output, its variables and what it may still use. */
export class Execution {
  readonly work: Work;
  readonly missingKey: MissingKey;
  /** The templates that `define` and `block` made. */
  readonly named: ReadonlyMap<string, Run>;
  /** What is evaluated now, for messages. */
  at: { readonly at: number; readonly text: string } | undefined;
  output = "";
  #variables: Variable[] = [];
  #depth = 0;

  constructor(work: Work, missingKey: MissingKey, named: ReadonlyMap<string, Run>) {
    this.work = work;
    this.missingKey = missingKey;
    this.named = named;
  }

  write(text: string): void {
    this.output += text;
    // Characters are counted here, bytes once at the end: there are never fewer.
    if (this.output.length > this.work.limits.maxBytes) {
      throw new LimitReached(`its output is longer than ${this.work.limits.maxBytes} bytes`);
    }
  }

  /** For a block: variables that it sets end with it. */
  nested(run: Run, dot: Value | undefined): Flow {
    const { length } = this.#variables;
    this.#descend();
    const flow = run(this, dot);
    this.#depth--;
    this.#variables.length = length;
    return flow;
  }

  /** For a template that is called: it sees no variables but `$`, which is its dot. */
  called(run: Run, dot: Value | undefined): void {
    const outer = this.#variables;
    this.#variables = [{ name: "$", value: dot }];
    this.#descend();
    run(this, dot);
    this.#depth--;
    this.#variables = outer;
  }

  #descend(): void {
    this.work.spend();
    if (++this.#depth > this.work.limits.maxDepth) {
      throw new LimitReached(`templates and blocks stand in each other deeper than ${this.work.limits.maxDepth}`);
    }
  }

  declare(name: string, value: Value | undefined): void {
    this.#variables.push({ name, value });
  }

  /** Sets the newest variable (1) or the one before (2): what a loop does at each turn. */
  setNewest(place: 1 | 2, value: Value | undefined): void {
    const variable = this.#variables.at(-place);
    if (variable !== undefined) variable.value = value;
  }

  assign(name: string, value: Value | undefined): void {
    this.#find(name).value = value;
  }

  read(name: string): Value | undefined {
    return this.#find(name).value;
  }

  #find(name: string): Variable {
    for (let index = this.#variables.length - 1; index >= 0; index--) {
      const variable = this.#variables[index];
      if (variable?.name === name) return variable;
    }
    throw new Failure(`the variable ${name} is not set`);
  }
}
