/** So many removals at least between two renewals: each costs a pass over what is left. */
const leastGone = 32;

/**
 * A map in order of insertion whose entries come and go, thousands a second. Of a `Map` the collector keeps all: each
 * change of its table's size leaves the old one pointing at the new one, so that once one of them is old, all that
 * follow count as used, with the entries that they had, until the next full collection. This one begins a new `Map`
 * now and then, to which no old one points, and has none while it is empty.
 */
export class ChurnMap<Key, Value> {
  #map: Map<Key, Value> | undefined;
  #gone = 0;

  get size(): number {
    return this.#map?.size ?? 0;
  }

  get(key: Key): Value | undefined {
    return this.#map?.get(key);
  }

  has(key: Key): boolean {
    return this.#map?.has(key) === true;
  }

  set(key: Key, value: Value): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  delete(key: Key): boolean {
    const map = this.#map;
    if (map === undefined || !map.has(key)) return false;
    if (map.size === 1) {
      this.clear();
      return true;
    }
    map.delete(key);
    this.#gone += 1;
    if (this.#gone >= leastGone && this.#gone >= map.size) {
      this.#map = new Map(map);
      this.#gone = 0;
    }
    return true;
  }

  clear(): void {
    this.#map = undefined;
    this.#gone = 0;
  }

  /** Of an iteration that goes on, what is added or removed meanwhile may or may not be seen. */
  keys(): Iterable<Key> {
    return this.#map?.keys() ?? [];
  }

  entries(): Iterable<[Key, Value]> {
    return this.#map?.entries() ?? [];
  }

  values(): Iterable<Value> {
    return this.#map?.values() ?? [];
  }
}
