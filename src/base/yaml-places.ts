import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, type ScalarEvent } from "js-yaml";
import { yamlBoolean, yamlNumber } from "./yaml-scalars.ts";

/** Counts from 1; the column counts UTF-16 units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A value of a document, with where it is. */
export interface PlacedNode {
  /** Of the key, for a field; of the value, for an item and the document. -1: it is written nowhere. */
  readonly offset: number;
  readonly fields?: ReadonlyMap<string, PlacedNode>;
  readonly items?: readonly PlacedNode[];
}

export interface PlacedDocument {
  readonly root: PlacedNode;
  /** The offset of the first key of a pair of equal ones, by that of the second. */
  readonly duplicates: ReadonlyMap<number, number>;
}

/** The tree of the document that begins at `events[start]`. Linear; fields of merged mappings have no place of their own. */
export function placeDocument(text: string, events: readonly Event[], start: number): PlacedDocument {
  return new Placer(text, events).read(start);
}

/** Walks the events of one document once. */
class Placer {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #anchors = new Map<string, PlacedNode>();
  readonly #duplicates = new Map<number, number>();
  #next = 0;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  read(start: number): PlacedDocument {
    this.#next = start + 1;
    const root = this.#isEnd() ? { offset: -1 } : this.#readNode("", -1);
    return { root, duplicates: this.#duplicates };
  }

  #isEnd(): boolean {
    const event = this.#events[this.#next];
    return event === undefined || event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT;
  }

  /** `fallback` is where what stands around it is: for values that are not written. Nesting is bounded by the parser. */
  #readNode(path: string, fallback: number): PlacedNode {
    const event = this.#events[this.#next++];
    switch (event?.type) {
      case EVENT_ID.SCALAR: {
        const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
        const start = isQuoted ? event.valueStart - 1 : event.valueStart;
        const node = { offset: event.valueStart < 0 ? fallback : start };
        this.#keepAnchor(event, node);
        return node;
      }
      case EVENT_ID.ALIAS:
        return this.#anchors.get(this.#text.slice(event.anchorStart, event.anchorEnd)) ?? { offset: event.anchorStart };
      case EVENT_ID.SEQUENCE: {
        const items: PlacedNode[] = [];
        const node = { offset: event.start, items };
        this.#keepAnchor(event, node);
        while (!this.#isEnd()) items.push(this.#readNode(`${path}[${items.length}]`, event.start));
        this.#next++;
        return node;
      }
      case EVENT_ID.MAPPING: {
        const fields = new Map<string, PlacedNode>();
        const node = { offset: event.start, fields };
        this.#keepAnchor(event, node);
        while (!this.#isEnd()) this.#readField(fields, path, event.start);
        this.#next++;
        return node;
      }
      default:
        return { offset: -1 };
    }
  }

  #readField(fields: Map<string, PlacedNode>, path: string, fallback: number): void {
    const event = this.#events[this.#next];
    const key = event?.type === EVENT_ID.SCALAR ? this.#keyOf(event) : undefined;
    const { offset } = this.#readNode(path, fallback);
    const value = this.#isEnd() ? { offset: -1 } : this.#readNode(`${path}${path === "" ? "" : "."}${key}`, offset);
    if (key === undefined) return;
    const first = fields.get(key);
    if (first) this.#duplicates.set(offset, first.offset);
    else fields.set(key, { ...value, offset });
  }

  /** As the value's own key is spelt: `on` is `true`, `0x10` is `16`. */
  #keyOf(event: ScalarEvent): string {
    const text = getScalarValue(this.#text, event);
    if (event.style !== SCALAR_STYLE.PLAIN || event.tagStart >= 0) return text;
    return String(yamlBoolean(text) ?? yamlNumber(text) ?? text);
  }

  #keepAnchor(event: { readonly anchorStart: number; readonly anchorEnd: number }, node: PlacedNode): void {
    if (event.anchorStart >= 0) this.#anchors.set(this.#text.slice(event.anchorStart, event.anchorEnd), node);
  }
}

/** How many nodes are looked at for one path; keys with dots make several readings possible. */
const maxSteps = 1_000;

/** A node, and where the path goes on below it. */
interface Step {
  readonly node: PlacedNode;
  readonly end: number;
}

/**
 * The offset of the value that `path` names as problems write it (`spec.triggers[0].template`, keys with dots as they
 * are); of a missing one that of its nearest parent that is written.
 */
export function offsetOf(root: PlacedNode, path: string): number {
  const waiting: Step[] = [{ node: root, end: 0 }];
  let best: Step = { node: root, end: 0 };
  for (let steps = 0; steps < maxSteps; steps++) {
    const step = waiting.pop();
    if (!step) break;
    if (step.end > best.end) best = step;
    if (step.end >= path.length) break;
    waiting.push(...childrenOf(step, path));
  }
  return best.node.offset;
}

function childrenOf({ node, end }: Step, path: string): Step[] {
  const inBrackets = /^\[(\d{1,9})\]/.exec(path.slice(end, end + 12));
  const steps: Step[] = [];
  if (inBrackets?.[1] !== undefined) {
    // A number in brackets may be the key of a map, too.
    const child = node.items?.[Number(inBrackets[1])] ?? node.fields?.get(inBrackets[1]);
    if (child) steps.push({ node: child, end: end + inBrackets[0].length });
  }
  return node.fields ? [...steps, ...fieldsAt(node.fields, path, path[end] === "." ? end + 1 : end)] : steps;
}

/** The fields whose name stands in the path from there on, with dots and brackets or without. */
function fieldsAt(fields: ReadonlyMap<string, PlacedNode>, path: string, from: number): Step[] {
  const steps: Step[] = [];
  let end = from;
  do {
    end = boundaryAfter(path, end + 1);
    const node = fields.get(path.slice(from, end));
    if (node) steps.push({ node, end });
  } while (end < path.length && end - from < maxSteps);
  return steps;
}

/** The next `.`, `[` or the end. */
function boundaryAfter(path: string, from: number): number {
  let index = from;
  while (index < path.length && path[index] !== "." && path[index] !== "[") index++;
  return Math.min(index, path.length);
}

/** Turns offsets of `text` into places. The lines are looked for at the first question. */
export function placesIn(text: string): (offset: number) => Place {
  let starts: readonly number[] | undefined;
  return (offset) => {
    if (offset === 0) return { line: 1, column: 1 };
    starts ??= lineStarts(text);
    let [low, high] = [0, starts.length];
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: Math.max(offset - (starts[low] ?? 0), 0) + 1 };
  };
}

/** Lines end as in YAML: line feed, carriage return, or both. */
function lineStarts(text: string): readonly number[] {
  const starts = [0];
  if (!text.includes("\r")) {
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    return starts;
  }
  for (const match of text.matchAll(/\r\n|\n|\r/g)) starts.push(match.index + match[0].length);
  return starts;
}
