import { createHash } from "node:crypto";

/** Bytes that look like chance and follow from a seed: the same calls in the same order give the same. */
export class Chance {
  readonly #seed: string;
  #blocks = 0;
  #block = Buffer.alloc(0);
  #at = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  bytes(length: number): Buffer {
    const made = Buffer.alloc(length);
    for (let index = 0; index < length; index++) {
      if (this.#at === this.#block.length) this.#next();
      made[index] = this.#block[this.#at++] ?? 0;
    }
    return made;
  }

  #next(): void {
    this.#block = createHash("sha256")
      .update(`${this.#blocks++} ${this.#seed}`)
      .digest();
    this.#at = 0;
  }

  /** A whole number from 0 on and below `end`, which is at most 2^48: then none is more likely than another by much. */
  below(end: number): number {
    return this.bytes(6).readUIntBE(0, 6) % end;
  }

  /** So many of these characters. */
  textOf(characters: string, length: number): string {
    let text = "";
    for (let index = 0; index < length; index++) text += characters.charAt(this.below(characters.length));
    return text;
  }
}
