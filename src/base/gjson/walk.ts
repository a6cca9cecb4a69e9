import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { compileTest, type Test } from "./comparison.ts";
import { type ArrayPart, type ObjectPart, parseArrayPart, parseObjectPart } from "./parts.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import { splitPipe } from "./scan.ts";
import type { Step } from "./step.ts";
import type { Work } from "./work.ts";

type List = readonly JsonValue[];

/** A whole path, as `gjson.Get` takes it. */
export interface Path {
  get(step: Step, work: Work): Step;
  /** Set where it only goes down into the value: SJSON can change what stands there. */
  readonly tail?: Tail;
}

/** The paths and tails within one path, by their text. */
export interface Paths {
  path(text: string): Path;
  tail(text: string): Tail;
}

/** One walk down. What was set stays set when the walk turns back and tries the next key, as in the original. */
export class Run {
  value: JsonValue | undefined;
  /** Takes what is found, or nothing, once the walk is over. */
  pipe: Path | undefined;
  readonly work: Work;

  constructor(work: Work) {
    this.work = work;
  }

  result(): Step {
    const { value } = this;
    return this.pipe ? this.pipe.get({ value }, this.work) : { value };
  }
}

/** What is left of a path on its way down, with its next part read for objects, for lists, or both. */
export class Tail {
  readonly text: string;
  readonly paths: Paths;
  #ofObject: { readonly part: ObjectPart; readonly matches?: Pattern } | undefined;
  #ofList: { readonly part: ArrayPart; readonly test?: Test } | undefined;

  constructor(text: string, paths: Paths) {
    this.text = text;
    this.paths = paths;
  }

  get ofObject(): { readonly part: ObjectPart; readonly matches?: Pattern } {
    if (!this.#ofObject) {
      const part = parseObjectPart(this.text);
      this.#ofObject = part.isWild ? { part, matches: compilePattern(part.key) } : { part };
    }
    return this.#ofObject;
  }

  get ofList(): { readonly part: ArrayPart; readonly test?: Test } {
    if (!this.#ofList) {
      const part = parseArrayPart(this.text);
      this.#ofList = part.kind === "query" ? { part, test: compileTest(part.operator, part.value) } : { part };
    }
    return this.#ofList;
  }

  /** Whether the walk is over: that something was found, or that there is no use in the next key. */
  enter(value: JsonValue | undefined, run: Run): boolean {
    run.work.spend();
    if (Array.isArray(value)) return this.inList(value, run);
    return isJsonObject(value) && this.#inObject(value, run);
  }

  #inObject(object: JsonObject, run: Run): boolean {
    const { part, matches } = this.ofObject;
    if (part.pipe !== undefined) run.pipe = this.paths.path(part.pipe);
    if (!matches) return Object.hasOwn(object, part.key) && this.#take(object[part.key], part.rest, run);
    for (const [key, child] of Object.entries(object)) {
      run.work.spend(1 + key.length / 16);
      if (matches(key) && this.#take(child, part.rest, run)) return true;
    }
    return false;
  }

  #take(value: JsonValue | undefined, rest: string | undefined, run: Run): boolean {
    if (rest !== undefined) return this.paths.tail(rest).enter(value, run);
    run.value = value;
    return true;
  }

  inList(list: List, run: Run): boolean {
    const { part, test } = this.ofList;
    if (part.kind === "each") return this.#each(list, part.key, run);
    if (part.pipe !== undefined) run.pipe = this.paths.path(part.pipe);
    switch (part.kind) {
      case "index":
        return part.index < list.length && this.#take(list[part.index], part.rest, run);
      case "length":
        run.value = list.length;
        return true;
      case "query":
        return test !== undefined && this.#query(list, { part, test }, run);
      default:
        return false;
    }
  }

  #each(list: List, key: string, run: Run): boolean {
    const { left, right } = splitPipe(key);
    if (right !== undefined) run.pipe = this.paths.path(right);
    const path = this.paths.path(left);
    const found: JsonValue[] = [];
    for (const item of list) {
      const { value } = path.get({ value: item }, run.work);
      if (value !== undefined) found.push(value);
    }
    run.value = found;
    return true;
  }

  #query(list: List, { part, test }: QueryOf, run: Run): boolean {
    const behind = part.rest === undefined ? undefined : splitPipe(part.rest);
    const found: JsonValue[] = [];
    for (const item of list) {
      if (!this.takes(item, part.path, test, run.work)) continue;
      if (behind?.right !== undefined) run.pipe = this.paths.path(behind.right);
      const value = behind ? this.paths.path(behind.left).get({ value: item }, run.work).value : item;
      if (!part.all) {
        run.value = value;
        return true;
      }
      if (value !== undefined) found.push(value);
    }
    if (part.all && run.value === undefined) run.value = found;
    return false;
  }

  /** Whether a query takes the item: of a plain value only one without a path says something. */
  takes(item: JsonValue, path: string, test: Test, work: Work): boolean {
    work.spend();
    const isContainer = typeof item === "object" && item !== null;
    if (!isContainer) return path === "" && test(item);
    return test(this.paths.path(path).get({ value: item }, work).value);
  }
}

interface QueryOf {
  readonly part: Extract<ArrayPart, { kind: "query" }>;
  readonly test: Test;
}
