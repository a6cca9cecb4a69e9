import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createConnection, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

export interface NatsServerOptions {
  /** Default true. */
  readonly jetstream?: boolean;
  readonly args?: readonly string[];
}

/** A real nats-server on a loopback port of its own; `stop` and `kill` leave its store, `restart` takes it up again. */
export interface NatsServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
  /** SIGKILL: what a crash leaves behind. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

function binary(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "nats-server")).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why tests that need a nats-server are skipped; in CI it has to be there. */
export function natsServerMissing(): string | undefined {
  if (binary() !== undefined) return undefined;
  if (process.env.CI === "true") throw new Error("nats-server is not installed: CI needs it");
  return "nats-server is not installed";
}

export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const path = binary();
  if (path === undefined) throw new Error("nats-server is not installed");
  const store = await tempDir();
  const port = await freePort();
  const jetstream = (options.jetstream ?? true) ? ["-js", "-sd", store.path] : [];
  const args = ["-a", "127.0.0.1", "-p", String(port), ...jetstream, ...(options.args ?? [])];
  let child = await start(path, args, port);

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  return {
    url: `nats://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    async restart() {
      await end("SIGTERM");
      child = await start(path, args, port);
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await store[Symbol.asyncDispose]();
    },
  };
}

async function start(path: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(path, args, { stdio: "ignore" });
  await waitFor("nats-server to listen", () => {
    if (child.exitCode !== null) throw new Error(`nats-server ended with code ${child.exitCode}`);
    return canConnect(port);
  });
  return child;
}

async function canConnect(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  try {
    await once(socket, "data"); // the INFO line
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
