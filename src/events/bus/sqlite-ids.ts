import { randomInt } from "node:crypto";

const firstSlots = 256;

/**
 * Sequences by message id, without the ids: 16 bytes a slot, where a Map of a million texts takes 100 MiB. Open
 * addressing: a slot holds both halves of the id's hash and its sequence; sequence 0 means empty.
 */
export class IdTable {
  readonly #seed = randomInt(2 ** 32);
  #hashes = new Uint32Array(2 * firstSlots);
  #sequences = new Float64Array(firstSlots);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The newest sequence of what may be this id, and that `isOf` says is: another id can have the same hash. */
  find(id: string, isOf: (sequence: number) => boolean): number | undefined {
    if (this.#size === 0) return undefined;
    const [high, low] = this.#hash(id);
    const mask = this.#sequences.length - 1;
    let found: number | undefined;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const sequence = this.#sequences[slot] ?? 0;
      if (sequence === 0) return found;
      if (this.#hashes[2 * slot] !== high || this.#hashes[2 * slot + 1] !== low) continue;
      if (sequence > (found ?? 0) && isOf(sequence)) found = sequence;
    }
  }

  add(id: string, sequence: number): void {
    if (this.#size * 4 >= this.#sequences.length * 3) this.#grow();
    const [high, low] = this.#hash(id);
    this.#put(high, low, sequence);
    this.#size++;
  }

  #put(high: number, low: number, sequence: number): void {
    const mask = this.#sequences.length - 1;
    let slot = low & mask;
    while (this.#sequences[slot] !== 0) slot = (slot + 1) & mask;
    this.#hashes[2 * slot] = high;
    this.#hashes[2 * slot + 1] = low;
    this.#sequences[slot] = sequence;
  }

  #grow(): void {
    const [hashes, sequences] = [this.#hashes, this.#sequences];
    this.#hashes = new Uint32Array(2 * hashes.length);
    this.#sequences = new Float64Array(2 * sequences.length);
    for (const [slot, sequence] of sequences.entries()) {
      if (sequence !== 0) this.#put(hashes[2 * slot] ?? 0, hashes[2 * slot + 1] ?? 0, sequence);
    }
  }

  /** Two multiplicative hashes over UTF-16 code units; seeded, so that nobody can choose ids that fall together. */
  #hash(id: string): readonly [high: number, low: number] {
    let high = this.#seed;
    let low = ~this.#seed;
    for (let index = 0; index < id.length; index++) {
      const unit = id.charCodeAt(index);
      high = Math.imul(high ^ unit, 0x9e3779b1);
      low = Math.imul(low ^ unit, 0x85ebca6b);
      high ^= high >>> 15;
      low ^= low >>> 13;
    }
    return [Math.imul(high ^ (low >>> 16), 0xc2b2ae35) >>> 0, Math.imul(low ^ (high >>> 16), 0x27d4eb2f) >>> 0];
  }
}
