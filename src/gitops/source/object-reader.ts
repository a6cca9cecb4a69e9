import { PassThrough, type Readable } from "node:stream";
import { EngineError } from "../../base/errors.ts";
import type { GitCommand } from "./git-command.ts";
import { DamagedMirror, damaged } from "./git-errors.ts";

type ObjectType = "commit" | "tree" | "blob" | "tag";

export interface ObjectHead {
  /** All of its digits: what was asked for may be a part. */
  readonly id: string;
  readonly type: ObjectType;
  readonly size: number;
}

/** Reads objects of one mirror by id, one after the other, through one `git cat-file --batch`. */
export interface ObjectReader {
  /** Asks for objects that are opened next, in this order and up to the last: without it, each one costs a way to and fro. */
  ask(ids: readonly string[]): void;
  /** The next object; undefined when the mirror does not hold it. Its content must be read to its end before another. */
  open(id: string): Promise<ObjectHead | undefined>;
  /** The content of the object that is open. */
  content(): AsyncIterable<Buffer>;
}

export interface OpenReader {
  readonly reader: ObjectReader;
  /** Ends the child; what reads rejects. Resolves once it is gone. */
  close(): Promise<void>;
}

/** Starts the child; it runs until `close`. */
export function openObjectReader(git: GitCommand, gitDir: string): OpenReader {
  const stop = new AbortController();
  const requests = new PassThrough();
  const { promise: stdout, resolve: onStdout, reject: onFailure } = Promise.withResolvers<Readable>();
  const { promise: over, resolve: finish } = Promise.withResolvers<void>();
  const consume = (stream: Readable): Promise<void> => {
    onStdout(stream);
    return over;
  };
  const ended = git
    .reader(gitDir, { args: ["cat-file", "--batch"], input: requests, consume }, stop.signal)
    .then(damaged, (error: unknown) => (isCutOff(error) ? new DamagedMirror(error.message) : error));
  void ended.then(onFailure);
  stdout.catch(() => undefined);
  /** Why there is no more to read: damaged objects end it, and so does the system. */
  const end = async (): Promise<never> => {
    finish();
    throw await ended;
  };
  return {
    reader: readerOf(requests, stdout, end),
    async close() {
      stop.abort();
      finish();
      requests.destroy();
      await ended;
    },
  };
}

/** A file that Git has in memory became shorter. */
function isCutOff(error: unknown): error is EngineError {
  return error instanceof EngineError && error.message.endsWith("SIGBUS");
}

function readerOf(requests: PassThrough, stdout: Promise<Readable>, end: () => Promise<never>): ObjectReader {
  let bytes: AsyncIterator<Buffer> | undefined;
  let rest: Buffer = Buffer.alloc(0);
  let left = 0;
  /** Asked for, and not opened yet. */
  const asked: string[] = [];

  async function more(): Promise<Buffer> {
    if (rest.length > 0) {
      const chunk = rest;
      rest = Buffer.alloc(0);
      return chunk;
    }
    bytes ??= (await stdout)[Symbol.asyncIterator]();
    const next = await bytes.next();
    return next.done ? end() : next.value;
  }

  async function line(): Promise<string> {
    let found: Buffer = Buffer.alloc(0);
    for (;;) {
      found = Buffer.concat([found, await more()]);
      const end = found.indexOf(10);
      if (end >= 0) {
        rest = found.subarray(end + 1);
        return found.toString("latin1", 0, end);
      }
      if (found.length > maxLineBytes) throw new DamagedMirror("git cat-file answered with no object");
    }
  }

  function ask(ids: readonly string[]): void {
    asked.push(...ids);
    requests.write(ids.map((id) => `${id}\n`).join(""));
  }

  return {
    ask,
    async open(id) {
      if (left > 0) throw new Error("an object is still open");
      if (asked.length === 0) ask([id]);
      if (asked.shift() !== id) throw new Error("another object was asked for first");
      const answer = await line();
      const match = /^([0-9a-f]{40,64}) (commit|tree|blob|tag) (\d+)$/.exec(answer);
      if (match === null && answer.endsWith(" missing")) return undefined;
      if (match === null) throw new DamagedMirror(`git cat-file answered "${answer.slice(0, 100)}"`);
      const size = Number(match[3]);
      left = size + 1; // and a line feed
      return { id: match[1] ?? "", type: match[2] as ObjectType, size };
    },
    async *content() {
      while (left > 0) {
        const chunk = await more();
        const own = chunk.subarray(0, left);
        rest = chunk.subarray(own.length);
        left -= own.length;
        const part = left === 0 ? own.subarray(0, -1) : own;
        if (part.length > 0) yield part;
      }
    },
  };
}

const maxLineBytes = 1_024;

/** The content of the object that is open. The caller has compared its size with what may be held. */
export async function wholeContent(reader: ObjectReader): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of reader.content()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
