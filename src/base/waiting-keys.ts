/** Keys that wait for their run, each in a lane. Lanes take turns; in each, keys are taken in the order of asking. */
export class WaitingKeys {
  readonly #laneOf: (key: string) => string;
  readonly #lanes = new Map<string, Set<string>>();
  /** Lanes of those that wait: a key's own may be another by the time it is taken. */
  readonly #known = new Map<string, string>();

  constructor(laneOf: (key: string) => string) {
    this.#laneOf = laneOf;
  }

  get size(): number {
    return this.#known.size;
  }

  /** One that waits already keeps its place. */
  add(key: string): void {
    if (this.#known.has(key)) return;
    const lane = this.#laneOf(key);
    const keys = this.#lanes.get(lane) ?? new Set();
    this.#lanes.set(lane, keys.add(key));
    this.#known.set(key, lane);
  }

  /** Takes the first key that `mayRun`, of the first lane that has a place; that lane is the last one next time. */
  take(
    hasPlace: (lane: string) => boolean,
    mayRun: (key: string) => boolean,
  ): { readonly key: string; readonly lane: string } | undefined {
    for (const [lane, keys] of this.#lanes) {
      if (!hasPlace(lane)) continue;
      for (const key of keys) {
        if (!mayRun(key)) continue;
        keys.delete(key);
        this.#known.delete(key);
        this.#lanes.delete(lane);
        if (keys.size > 0) this.#lanes.set(lane, keys);
        return { key, lane };
      }
    }
    return undefined;
  }
}
