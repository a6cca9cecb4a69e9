import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { Compiler } from "./path.ts";
import { splitPipe } from "./scan.ts";
import type { Path, Tail } from "./walk.ts";
import { Work } from "./work.ts";

/** Keys and indexes from the root down. */
export type Place = readonly (string | number)[];

/**
 * Where in the document the values stand that a path finds. None for what the path makes itself: lengths, modifiers,
 * literals, multipaths, and all that is behind a pipe.
 * @throws TerminalError PATH_FAILED when it takes too much work
 */
export function locate(path: string, document: JsonValue): readonly Place[] {
  const search = new Search();
  search.path(new Compiler().path(path), document, []);
  return search.hasPipe ? [] : search.places;
}

/** The walk of `path.ts`, but for places. */
class Search {
  readonly places: Place[] = [];
  hasPipe = false;
  readonly #work = new Work();

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
    if (part.pipe !== undefined) this.hasPipe = true;
    if (!matches) return Object.hasOwn(object, part.key) && this.#take(tail, part, object[part.key], [...at, part.key]);
    for (const [key, child] of Object.entries(object)) {
      this.#work.spend(1 + key.length / 16);
      if (matches(key) && this.#take(tail, part, child, [...at, key])) return true;
    }
    return false;
  }

  #take(tail: Tail, { rest }: { readonly rest?: string }, value: JsonValue | undefined, at: Place): boolean {
    if (rest !== undefined) return this.#enter(tail.paths.tail(rest), value, at);
    this.places.push(at);
    return true;
  }

  #inList(tail: Tail, list: readonly JsonValue[], at: Place): boolean {
    const { part } = tail.ofList;
    if (part.kind === "each") {
      for (const [index, item] of list.entries()) this.#behind(tail, part.key, item, [...at, index]);
      return true;
    }
    if (part.pipe !== undefined) this.hasPipe = true;
    if (part.kind === "index") {
      return part.index < list.length && this.#take(tail, part, list[part.index], [...at, part.index]);
    }
    if (part.kind === "query") return this.#query(tail, list, at);
    return part.kind === "length"; // found, but nowhere
  }

  /** A path that is read anew from an item of a list. */
  #behind(tail: Tail, path: string, item: JsonValue, at: Place): void {
    const { left, right } = splitPipe(path);
    if (right !== undefined) this.hasPipe = true;
    this.path(tail.paths.path(left), item, at);
  }

  #query(tail: Tail, list: readonly JsonValue[], at: Place): boolean {
    const { part, test } = tail.ofList;
    if (part.kind !== "query" || !test) return false;
    for (const [index, item] of list.entries()) {
      if (!tail.takes(item, part.path, test, this.#work)) continue;
      if (part.rest === undefined) this.places.push([...at, index]);
      else this.#behind(tail, part.rest, item, [...at, index]);
      if (!part.all) return true;
    }
    return false;
  }
}
