import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createConnection } from "node:net";
import { delimiter, join } from "node:path";
import { waitFor } from "./wait.ts";

export interface ServerCommand {
  /** How errors name it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly isReady: () => Promise<boolean>;
  readonly deadlineMs?: number;
}

/** A server in a process of its own, on the same port and store from one start to the next. */
export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  /** SIGTERM, then waits. */
  stop(): Promise<void>;
  /** SIGKILL: what a crash leaves behind. */
  kill(): Promise<void>;
  /** Resolves once it can be used; at once where it runs. */
  start(): Promise<void>;
}

export interface HttpServerProcess extends ServerProcess {
  readonly url: string;
}

const keptOutput = 4_000;

/** One that is asked over HTTP on a port of loopback. Its pid is another one after a restart. */
export async function startHttpServer(command: ServerCommand, port: number): Promise<HttpServerProcess> {
  const server = await startServer(command);
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Starts it; disposal kills it. */
export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    if (child && child.exitCode === null && child.signalCode === null) return; // a second one would be nobody's to end
    let output = "";
    const own = spawn(command.command, command.args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...command.env },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      detached: true, // scripts start others: all of the group are ended together
    });
    child = own;
    for (const stream of [own.stdout, own.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-keptOutput);
      });
    }
    const ready = async (): Promise<boolean> => {
      if (own.exitCode !== null) throw new Error(`${command.name} ended with ${own.exitCode}:\n${output}`);
      return command.isReady();
    };
    await waitFor(`${command.name} to listen`, ready, command.deadlineMs ?? 15_000).catch(async (error: unknown) => {
      await end("SIGKILL");
      throw new Error(`${String(error)}\n${output}`, { cause: error });
    });
  }

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    process.kill(-child.pid, signal);
    await ended;
  }

  await start();
  return {
    get pid() {
      return child?.pid ?? 0;
    },
    start,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    [Symbol.asyncDispose]: () => end("SIGKILL"),
  };
}

/** Whether something listens; what it says is nobody's concern here. */
export async function accepts(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The path of a program that the machine has. */
export function findProgram(name: string, ...folders: readonly string[]): string | undefined {
  const all = [...folders, ...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return all.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why tests that need a program are skipped; in CI it has to be there. */
export function missing(name: string, isThere: boolean): string | false {
  if (isThere) return false;
  if (process.env.CI === "true") throw new Error(`CI needs ${name}`);
  return `${name} is not installed`;
}
