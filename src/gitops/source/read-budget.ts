import { TerminalError } from "../../base/errors.ts";

interface SizedFile {
  readonly path: string;
  readonly bytes: number;
}

const maxNamed = 3;

/** Files that were to be read together and are too large for that. `sizes`: of those that were looked at, the last one too. */
export class FilesTooLarge extends TerminalError {
  readonly sizes: readonly SizedFile[];

  constructor(sizes: readonly SizedFile[], maxBytes: number) {
    const message = `the files have more than the ${maxBytes} bytes allowed; ${largestOf(sizes)}`;
    super("GIT_TOO_LARGE", message);
    this.sizes = sizes;
  }
}

/** Counts what is read together. */
export class ReadBudget {
  readonly #maxBytes: number;
  readonly #sizes: SizedFile[] = [];
  #left: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#left = maxBytes;
  }

  /** @throws FilesTooLarge */
  take(path: string, bytes: number): void {
    this.#sizes.push({ path, bytes });
    this.#left -= bytes;
    if (this.#left < 0) throw new FilesTooLarge(this.#sizes, this.#maxBytes);
  }
}

/** `the largest of the first 12: "a.yaml" (9000000 bytes), "b.yaml" (80 bytes)`. */
export function largestOf(sizes: readonly SizedFile[]): string {
  const named = [...sizes]
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, maxNamed)
    .map(({ path, bytes }) => `${JSON.stringify(path)} (${bytes} bytes)`);
  const what = sizes.length > maxNamed ? `the largest of the first ${sizes.length}` : "read so far";
  return `${what}: ${named.join(", ")}`;
}
