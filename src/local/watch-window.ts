import type { Change, StoredObject } from "./store.ts";
import { rowKey } from "./stored-object.ts";

/** A change without its parsed objects, which take several times as much as their text. */
export type HeldChange = Omit<Change, "object" | "previous">;

/** `text` is let go where the store has it. */
type Kept = Omit<HeldChange, "text"> & { text: string | undefined };

/** Changes whose text is held in any case: most readers are no further behind. */
const recent = 256;

interface Reader {
  /** Everything up to here was seen or is of no interest. */
  cursor: number;
  wake: (() => void) | undefined;
  readonly resource: string;
}

export interface WindowReader extends Disposable {
  /** Changes after the last call, perhaps none; undefined when the window no longer holds them (410). */
  take(): readonly HeldChange[] | undefined;
  /** Resolves when `take` has something, or `signal` aborts. */
  changed(signal: AbortSignal): Promise<void>;
  readonly cursor: number;
}

/**
 * The latest changes, in memory and bounded: what watches read from. A slow reader holds nothing up and costs nothing:
 * it falls out of the window and is told so. With the text of before each change, lists are shown as they were. Of an
 * object's last change the text is that of the store, and read there once others have come since: of most objects it is
 * the longest of all, and nobody asks for it.
 */
export class WatchWindow {
  readonly #maxChanges: number;
  readonly #maxCharacters: number;
  readonly #readers = new Set<Reader>();
  #changes: Kept[] = [];
  /** So many of them, from the first on, were looked at for texts to let go. */
  #looked = 0;
  #characters = 0;
  /** How many changes of each object are held, and the last: its text is that of before of the next. */
  readonly #held = new Map<string, { readonly count: number; readonly last: Kept }>();
  readonly #readNow: ((change: Omit<Kept, "text">) => string | undefined) | undefined;
  /** The window holds all changes after this revision. */
  #since: number;
  #latest: number;

  /**
   * `readNow` gives what the store holds of an object; `keep` has to be told before that changes. Absent: all texts are
   * held.
   */
  constructor(
    revision: number,
    limits: { readonly maxChanges: number; readonly maxCharacters: number },
    readNow?: (change: Pick<Kept, "resource" | "namespace" | "name">) => string | undefined,
  ) {
    this.#readNow = readNow;
    this.#since = revision;
    this.#latest = revision;
    this.#maxChanges = limits.maxChanges;
    this.#maxCharacters = limits.maxCharacters;
  }

  /** The oldest revision that a watch may start from. */
  get oldest(): number {
    return this.#since;
  }

  publish(changes: readonly Change[]): void {
    const touched = new Set<string>();
    for (const change of changes) {
      this.#changes.push(this.#hold(change));
      this.#latest = change.revision;
      touched.add(change.resource);
    }
    this.#letGo();
    this.#trim();
    for (const reader of this.#readers) {
      if (reader.wake === undefined) continue;
      if (touched.has(reader.resource)) reader.wake();
      else reader.cursor = Math.max(reader.cursor, this.#latest);
    }
  }

  /**
   * What of a resource changed after `revision`, as it was then, by `rowKey`; undefined: it was not there. Undefined as a
   * whole: the window does not reach back so far.
   */
  before(resource: string, revision: number): ReadonlyMap<string, StoredObject | undefined> | undefined {
    if (revision < this.#since) return undefined;
    const found = new Map<string, StoredObject | undefined>();
    for (let index = this.#indexAfter(revision); index < this.#changes.length; index++) {
      const change = this.#changes[index];
      if (change?.resource !== resource || found.has(rowKey(change))) continue;
      const { namespace, name, previousText: text } = change;
      found.set(rowKey(change), text === undefined ? undefined : { namespace, name, text });
    }
    return found;
  }

  /** The store is about to replace `text`, or to remove it. */
  keep(object: Pick<Kept, "resource" | "namespace" | "name">, text: string): void {
    const held = this.#held.get(heldKey(object));
    if (held !== undefined) this.#takeBack(held.last, text);
  }

  #takeBack(change: Kept, text: string): void {
    if (change.text !== undefined) return;
    change.text = text;
    this.#characters += text.length;
  }

  /** Of what was published no write has changed anything yet: what is the last of its object is what the store holds. */
  #letGo(): void {
    if (this.#readNow === undefined) return;
    for (; this.#looked < this.#changes.length - recent; this.#looked++) {
      const change = this.#changes[this.#looked];
      if (change?.text === undefined || change.type === "DELETED") continue;
      if (this.#held.get(heldKey(change))?.last !== change) continue;
      this.#characters -= change.text.length;
      change.text = undefined;
    }
  }

  /** The caller disposes of the reader. */
  open(resource: string, from: number): WindowReader {
    const reader: Reader = { cursor: from, wake: undefined, resource };
    this.#readers.add(reader);
    return {
      take: () => this.#take(reader),
      changed: (signal) => waitFor(reader, signal, () => this.#latest > reader.cursor),
      get cursor() {
        return reader.cursor;
      },
      [Symbol.dispose]: () => {
        reader.wake?.();
        this.#readers.delete(reader);
      },
    };
  }

  #take(reader: Reader): readonly HeldChange[] | undefined {
    if (reader.cursor < this.#since) return undefined;
    const found: HeldChange[] = [];
    for (let index = this.#indexAfter(reader.cursor); index < this.#changes.length; index++) {
      const change = this.#changes[index];
      if (change?.resource !== reader.resource) continue;
      const text = change.text ?? this.#readNow?.(change);
      if (text === undefined) return undefined;
      found.push(isWhole(change) ? change : { ...change, text });
    }
    reader.cursor = Math.max(reader.cursor, this.#latest);
    return found;
  }

  /** Changes are in order of revision, so the first one after `cursor` is found by halving. */
  #indexAfter(cursor: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) > cursor) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Counts what is held for a change. The text of before is held once, though the store read it again. */
  #hold({ type, resource, namespace, name, revision, text, previousText }: Change): Kept {
    const key = heldKey({ resource, namespace, name });
    const held = this.#held.get(key);
    if (held && previousText !== undefined) this.#takeBack(held.last, previousText);
    const before = held && previousText === held.last.text ? held.last.text : previousText;
    const last: Kept = { type, resource, namespace, name, revision, text, previousText: before };
    this.#held.set(key, { count: (held?.count ?? 0) + 1, last });
    this.#characters += text.length + (held ? 0 : (previousText?.length ?? 0));
    return last;
  }

  /** Counts what is free without a change: its own text is that of before of the next. */
  #release(change: Kept): void {
    const key = heldKey(change);
    const { count = 1, last = change } = this.#held.get(key) ?? {};
    if (count > 1) this.#held.set(key, { count: count - 1, last });
    else this.#held.delete(key);
    this.#characters -= (change.previousText?.length ?? 0) + (count > 1 ? 0 : (change.text?.length ?? 0));
  }

  /** Cuts in one go to three quarters, so that the cost of moving the rest is spread over many changes. */
  #trim(): void {
    if (this.#changes.length <= this.#maxChanges && this.#characters <= this.#maxCharacters) return;
    let drop = 0;
    while (drop < this.#changes.length) {
      const left = this.#changes.length - drop;
      if (left <= this.#maxChanges * 0.75 && this.#characters <= this.#maxCharacters * 0.75) break;
      const change = this.#changes[drop];
      if (change) this.#release(change);
      this.#since = change?.revision ?? this.#since;
      drop++;
    }
    this.#changes = this.#changes.slice(drop);
    this.#looked = Math.max(0, this.#looked - drop);
  }
}

function heldKey(object: Pick<Kept, "resource" | "namespace" | "name">): string {
  return `${object.resource}/${rowKey(object)}`;
}

function isWhole(change: Kept): change is HeldChange {
  return change.text !== undefined;
}

function waitFor(reader: Reader, signal: AbortSignal, isReady: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || isReady()) return resolve();
    const done = (): void => {
      reader.wake = undefined;
      signal.removeEventListener("abort", done);
      resolve();
    };
    reader.wake = done;
    signal.addEventListener("abort", done, { once: true });
  });
}
