import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { memoryExceeded } from "./child-memory.ts";
import { type Clock, sleepFor } from "./clock.ts";
import { EngineError, messageOf, TerminalError } from "./errors.ts";

export interface ChildCall {
  /** A path, or a name looked up in `env.PATH`. Never a shell. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** All that it sees: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Standard input; empty by default. */
  readonly input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly timeoutMs: number;
  /** Of standard output when it is collected; more is an error. */
  readonly maxOutputBytes: number;
  /** Of it and those that it starts, where the system says how much that is; more is an error. */
  readonly maxMemoryBytes?: number;
  /** Reads standard output instead of collecting it. Its rejection ends the child and is the call's. */
  readonly consume?: (stdout: Readable) => Promise<void>;
  /** How errors name it: `git fetch`. Never with secrets. */
  readonly label: string;
}

export interface ChildResult {
  readonly code: number;
  /** Empty with `consume`. */
  readonly stdout: Buffer;
  /** The last 8 KiB. */
  readonly stderr: string;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

const maxErrorBytes = 8 * 1024;
/** Between asking the processes to end and ending them. */
const graceMs = 1_000;

/**
 * Runs a program in a process group of its own and settles once it ended and its output is read; whatever ends the call
 * early (abort, time, output) ends the whole group first. Any exit code is a result.
 * @throws TerminalError TOOL_MISSING, TOOL_OUTPUT_TOO_LARGE, TOOL_MEMORY_EXCEEDED; EngineError TOOL_TIMEOUT, TOOL_FAILED; the signal's reason
 */
export async function runChild(call: ChildCall, clock: Clock, signal: AbortSignal): Promise<ChildResult> {
  signal.throwIfAborted();
  const child: Child = spawn(call.command, [...call.args], {
    env: { ...call.env },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...(call.cwd === undefined ? {} : { cwd: call.cwd }),
  });
  const closed = endOf(child, call);
  const ended = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    if (failure !== undefined || ended.signal.aborted) return;
    failure = { error };
    endGroup(child, clock, ended.signal);
  };
  const onAbort = (): void => fail(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  sleepFor(clock, call.timeoutMs, ended.signal).then(() => fail(timeoutOf(call)), ignore);
  const { maxMemoryBytes } = call;
  if (maxMemoryBytes !== undefined && child.pid !== undefined) {
    memoryExceeded(child.pid, maxMemoryBytes, clock, ended.signal).then(() => fail(memoryOf(call)), ignore);
  }
  const output = call.consume ? consume(child, call.consume) : collect(child.stdout, call);
  output.catch(fail);
  feed(child, call.input).catch(fail);
  const errors = tail(child.stderr);
  try {
    const code = await closed;
    const stdout = await output;
    if (failure === undefined) return { code, stdout, stderr: errors() };
    throw failure.error;
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  } finally {
    ended.abort();
    signal.removeEventListener("abort", onAbort);
  }
}

function timeoutOf({ label, timeoutMs }: ChildCall): EngineError {
  return new EngineError("TOOL_TIMEOUT", `${label} did not end within ${timeoutMs / 1000} s`);
}

function memoryOf({ label, maxMemoryBytes }: ChildCall): TerminalError {
  return new TerminalError(
    "TOOL_MEMORY_EXCEEDED",
    `${label} used more than the ${maxMemoryBytes} bytes of memory allowed`,
  );
}

/** The exit code, once the process is gone and its streams are closed. */
function endOf(child: Child, { command, label, cwd }: ChildCall): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return; // a signal that could not be sent: its end comes as "close"
      if (error.code === "ENOENT" && cwd !== undefined && !existsSync(cwd)) {
        reject(new EngineError("TOOL_FAILED", `${label} cannot be started: the folder "${cwd}" is gone`, error));
        return;
      }
      const missing = error.code === "ENOENT" || error.code === "EACCES";
      const message = `${label} cannot be started: "${command}" ${missing ? "is not installed" : messageOf(error)}`;
      reject(missing ? new TerminalError("TOOL_MISSING", message) : new EngineError("TOOL_FAILED", message, error));
    });
    child.once("close", (code, killedBy) => {
      if (code !== null) resolve(code);
      else reject(new EngineError("TOOL_FAILED", `${label} was ended by ${killedBy ?? "the system"}`));
    });
  });
}

async function feed(child: Child, input: ChildCall["input"]): Promise<void> {
  const source =
    typeof input === "object" && Symbol.asyncIterator in input ? input : Readable.from(input ? [input] : []);
  try {
    await pipeline(source, child.stdin);
  } catch (error) {
    // A program may end without reading all of its input: its exit code says whether that is a failure.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EPIPE" && code !== "ERR_STREAM_PREMATURE_CLOSE" && code !== "ECONNRESET") throw error;
  }
}

async function consume(child: Child, read: (stdout: Readable) => Promise<void>): Promise<Buffer> {
  await read(child.stdout);
  child.stdout.resume();
  return Buffer.alloc(0);
}

async function collect(stdout: Readable, { maxOutputBytes, label }: ChildCall): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdout) {
    size += chunk.length;
    if (size > maxOutputBytes) {
      throw new TerminalError("TOOL_OUTPUT_TOO_LARGE", `${label} wrote more than the ${maxOutputBytes} bytes allowed`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function tail(stream: Readable): () => string {
  let text = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    text = Buffer.concat([text, chunk]).subarray(-maxErrorBytes);
  });
  stream.on("error", ignore);
  return () => text.toString("utf8");
}

/** SIGTERM first, since programs remove their lock files on it; SIGKILL when they do not end. */
function endGroup(child: Child, clock: Clock, ended: AbortSignal): void {
  kill(child, "SIGTERM");
  child.stdin.destroy();
  child.stdout.destroy();
  sleepFor(clock, graceMs, ended).then(() => {
    kill(child, "SIGKILL");
    child.stderr.destroy(); // one that left the group may hold it open for ever
  }, ignore);
}

function kill(child: Child, how: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, how);
  } catch {
    // ESRCH: it is gone already.
  }
}

function ignore(): void {
  // What ends a wait, not a failure.
}
