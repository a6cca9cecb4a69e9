import type { Filter } from "./filter.ts";

/** A function of the program, or of the prelude. */
export interface CompiledFunction {
  readonly name: string;
  readonly params: readonly string[];
  /** That of the scope where it is defined. */
  readonly level: number;
  /** Set once it is compiled; calls of itself come before. */
  body: Filter | undefined;
  /** Whether calls may take it for a filter of one result at most. */
  isSingle: boolean;
  /** Whether it was called before its body was there. */
  isRecursive: boolean;
}

type Named =
  | { readonly kind: "variable" | "closure" | "label"; readonly name: string }
  | { readonly kind: "function"; readonly function: CompiledFunction };

/** Names known at one place of a program. What is found `n` levels further in stands `n` steps out at run time. */
export class Scope {
  readonly level: number;
  readonly #parent: Scope | undefined;
  readonly #named: Named | undefined;

  constructor(level = 0, parent: Scope | undefined = undefined, named: Named | undefined = undefined) {
    this.level = level;
    this.#parent = parent;
    this.#named = named;
  }

  with(kind: "variable" | "closure" | "label", name: string): Scope {
    return new Scope(this.level + 1, this, { kind, name });
  }

  /** Functions take no place at run time. */
  withFunction(definition: CompiledFunction): Scope {
    return new Scope(this.level, this, { kind: "function", function: definition });
  }

  /** In the body of a function: its call takes a place. */
  inCall(): Scope {
    return new Scope(this.level + 1, this);
  }

  /** Steps out to it; undefined where there is none. */
  find(kind: "variable" | "label", name: string): number | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#parent) {
      const named = scope.#named;
      if (named?.kind === kind && named.name === name) return this.level - scope.level;
    }
    return undefined;
  }

  /** A function, or the steps to a closure without parameters. */
  findFunction(name: string, arity: number): CompiledFunction | number | undefined {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#parent) {
      const named = scope.#named;
      if (named?.kind === "closure" && named.name === name && arity === 0) return this.level - scope.level;
      if (named?.kind !== "function") continue;
      const { function: found } = named;
      if (found.name === name && found.params.length === arity) return found;
    }
    return undefined;
  }
}
