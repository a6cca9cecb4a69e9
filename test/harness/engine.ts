import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, type RunResult, run } from "./run.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

export interface EngineOptions {
  /** Manifests to apply; none by default. */
  readonly dir?: string;
  /** Default: a directory of its own, removed on disposal. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Told at once, long before the engine is ready. */
  readonly onSpawn?: (pid: number) => void;
  /** The program to run instead of the sources: the published bundle. */
  readonly main?: string;
}

export interface EngineEndpoints {
  readonly server: string;
  readonly ingress: string;
  readonly kube: string;
  /** With the password; absent when no repository is served. */
  readonly git?: string;
  readonly kubeconfig: string;
  readonly token: string;
  readonly pid: number;
}

/** `tiphys up` in a process of its own. Disposal kills it if it still runs. */
export interface RunningEngine extends AsyncDisposable {
  readonly endpoints: EngineEndpoints;
  readonly dataDir: string;
  readonly pid: number;
  /** What it wrote so far, standard output and error together. */
  readonly output: string;
  /** A request to the API with the token, e.g. `/api/v1/tiphys/events`. */
  api(path: string, init?: RequestInit): Promise<Response>;
  /** A command of `tiphys` against this engine. */
  cli(args: readonly string[]): Promise<RunResult>;
  kill9(): Promise<void>;
  /** SIGINT; gives the exit code. Fails when it takes longer than 20 s. */
  stop(): Promise<number | null>;
}

const mainFile = join(projectRoot, "bin", "tiphys.js");
/** CI names the bundle, which starts with less of the processor: a third of it for a command of the command line. */
const engineFile = process.env.TIPHYS_MAIN ?? mainFile;
const startDeadlineMs = 30_000;
/** Characters of output that are kept at least. */
const keptOutput = 4 * 1024 * 1024;

/** `tiphys …` without an engine. */
export function tiphys(args: readonly string[], cwd?: string): Promise<RunResult> {
  return run(process.execPath, [engineFile, ...args], cwd === undefined ? {} : { cwd });
}

/** Resolves when `/readyz` answers 200; rejects with the output when the engine ends before. */
export async function startEngine(options: EngineOptions = {}): Promise<RunningEngine> {
  await using stack = new AsyncDisposableStack();
  const dataDir = options.dataDir ?? stack.use(await tempDir()).path;
  const child = spawn(process.execPath, engineArgs(options, dataDir), {
    cwd: projectRoot,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", NODE_TEST_CONTEXT: undefined, ...options.env },
  });
  stack.defer(() => end(child, "SIGKILL"));
  const output = collect(child);
  if (child.pid !== undefined) options.onSpawn?.(child.pid);
  const endpoints = await waitReady(child, dataDir, output);
  const owned = stack.move();
  return {
    endpoints,
    dataDir,
    pid: endpoints.pid,
    get output() {
      return output();
    },
    api: (path, init) => {
      const headers = { authorization: `Bearer ${readFileSync(endpoints.token, "utf8").trim()}` };
      return fetch(endpoints.server + path, { ...init, headers: { ...headers, ...init?.headers } });
    },
    cli: (args) => tiphys(["--data-dir", dataDir, ...args]),
    kill9: () => end(child, "SIGKILL"),
    stop: () => stopInOrder(child, output),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function engineArgs({ dir, args = [], main = engineFile }: EngineOptions, dataDir: string): string[] {
  const ports = ["--port", "0", "--ingress-port", "0", "--kube-port", "0", "--git-port", "0"];
  return [main, "--data-dir", dataDir, "up", ...(dir === undefined ? [] : [dir]), ...ports, ...args];
}

async function waitReady(child: ChildProcess, dataDir: string, output: () => string): Promise<EngineEndpoints> {
  const file = join(dataDir, "endpoints.json");
  return waitFor(
    "the engine to be ready",
    async () => {
      if (hasEnded(child)) throw new Error(`the engine ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
      const endpoints = readEndpoints(file);
      // A file that a killed engine left names another process.
      if (endpoints?.pid !== child.pid || endpoints === undefined) return undefined;
      const ready = await fetch(`${endpoints.server}/readyz`).catch(() => undefined);
      await ready?.body?.cancel();
      return ready?.status === 200 ? endpoints : undefined;
    },
    startDeadlineMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output()}`, { cause: error });
  });
}

function readEndpoints(file: string): EngineEndpoints | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as EngineEndpoints;
  } catch {
    return undefined;
  }
}

function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.length > 2 * keptOutput) text = text.slice(-keptOutput);
    });
  }
  return () => text;
}

async function stopInOrder(child: ChildProcess, output: () => string): Promise<number | null> {
  child.kill("SIGINT");
  await waitFor("the engine to stop", () => hasEnded(child), 20_000).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output()}`, { cause: error });
  });
  return child.exitCode;
}

async function end(child: ChildProcess, signal: "SIGKILL"): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
