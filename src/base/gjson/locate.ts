import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { Compiler } from "./path.ts";
import { splitPipe } from "./scan.ts";
import type { Path, Tail } from "./walk.ts";
import { Work } from "./work.ts";

/** Keys and indexes from the root down. */
export type Place = readonly (string | number)[];

/**
 * Where in a document the values stand that the path finds. None for what the path makes itself: lengths, modifiers,
 * literals, multipaths, and all that is behind a pipe.
 * @throws TerminalError PATH_FAILED when it takes too much work
 */
export type Locator = (document: JsonValue) => readonly Place[];

/** The path is parsed when a document first needs it. */
export function compileLocator(path: string): Locator {
  const compiler = new Compiler();
  return (document) => {
    const search = new Search(new Work());
    search.path(compiler.path(path), document, []);
    return search.result();
  };
}

/** The walk of `walk.ts`, but for places. */
class Search {
  #found: readonly Place[] | undefined;
  #hasPipe = false;
  readonly #work: Work;

  constructor(work: Work) {
    this.#work = work;
  }

  result(): readonly Place[] {
    return this.#hasPipe ? [] : (this.#found ?? []);
  }

  path(path: Path, value: JsonValue, at: Place): void {
    if (path.tail) this.#enter(path.tail, value, at);
  }

  #enter(tail: Tail, value: JsonValue | undefined, at: Place): boolean {
    this.#work.spend();
    if (Array.isArray(value)) return this.#inList(tail, value, at);
    return isJsonObject(value) && this.#inObject(tail, value, at);
  }

  #inObject(tail: Tail, object: JsonObject, at: Place): boolean {
    const { part, matches } = tail.ofObject;
    if (part.pipe !== undefined) this.#hasPipe = true;
    if (!matches) return Object.hasOwn(object, part.key) && this.#take(tail, part, object[part.key], [...at, part.key]);
    for (const [key, child] of Object.entries(object)) {
      this.#work.spend(1 + key.length / 16);
      if (matches(key) && this.#take(tail, part, child, [...at, key])) return true;
    }
    return false;
  }

  #take(tail: Tail, { rest }: { readonly rest?: string }, value: JsonValue | undefined, at: Place): boolean {
    if (rest !== undefined) return this.#enter(tail.paths.tail(rest), value, at);
    this.#found = [at];
    return true;
  }

  #inList(tail: Tail, list: readonly JsonValue[], at: Place): boolean {
    const { part } = tail.ofList;
    if (part.kind === "each") {
      this.#found = list.flatMap((item, index) => this.#behind(tail, part.key, item, [...at, index]));
      return true;
    }
    if (part.pipe !== undefined) this.#hasPipe = true;
    if (part.kind === "index") {
      return part.index < list.length && this.#take(tail, part, list[part.index], [...at, part.index]);
    }
    if (part.kind === "query") return this.#query(tail, list, at);
    if (part.kind !== "length") return false;
    this.#found = []; // it is nowhere in the document
    return true;
  }

  /** A path that is read anew from an item of a list. */
  #behind(tail: Tail, path: string, item: JsonValue, at: Place): readonly Place[] {
    const { left, right } = splitPipe(path);
    if (right !== undefined) this.#hasPipe = true;
    const search = new Search(this.#work);
    search.path(tail.paths.path(left), item, at);
    return search.result();
  }

  #query(tail: Tail, list: readonly JsonValue[], at: Place): boolean {
    const { part, test } = tail.ofList;
    if (part.kind !== "query" || !test) return false;
    const found: Place[] = [];
    for (const [index, item] of list.entries()) {
      if (!tail.takes(item, part.path, test, this.#work)) continue;
      const place = [...at, index];
      const places = part.rest === undefined ? [place] : this.#behind(tail, part.rest, item, place);
      if (!part.all) {
        this.#found = places;
        return true;
      }
      for (const one of places) found.push(one);
    }
    if (part.all) this.#found ??= found;
    return false;
  }
}
