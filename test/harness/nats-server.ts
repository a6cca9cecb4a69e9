import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdirSync, readFileSync, renameSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../src/base/errors.ts";
import { freePort } from "./free-port.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

/** `installed`: what the machine has (Debian: 2.9). `current`: the release pinned in `test/tools/nats-server`, built here. */
export type NatsRelease = "installed" | "current";

export interface NatsServerOptions {
  readonly release?: NatsRelease;
  /** The text of a configuration file: accounts, users, TLS. */
  readonly config?: string;
  /** Default true. */
  readonly jetstream?: boolean;
  readonly args?: readonly string[];
  /** Default: a directory of its own, removed on disposal. */
  readonly storeDir?: string;
}

/** A real nats-server on a loopback port of its own; `stop` and `kill` leave its store, `restart` takes it up again. */
export interface NatsServer extends AsyncDisposable {
  /** Another one after `move`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
  /** SIGKILL: what a crash leaves behind. */
  kill(): Promise<void>;
  /** With `config` if the server had one: its new text. */
  restart(config?: string): Promise<void>;
  /** Stopped if it runs, and started again with the same store on another port. */
  move(): Promise<void>;
  /** The server reads its configuration file anew, which gets this text. */
  reload(config: string): Promise<void>;
}

function installed(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "nats-server")).find(isExecutable);
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const currentModule = join(root, "test/tools/nats-server");
const nameOfModule = "github.com/nats-io/nats-server/v2";

/** The version that `test/tools/nats-server/go.mod` pins, e.g. `2.15.3`. */
function currentVersion(): string {
  const found = /nats-server\/v2 v(\S+)/.exec(readFileSync(join(currentModule, "go.mod"), "utf8"));
  if (!found?.[1]) throw new Error("test/tools/nats-server/go.mod names no version of nats-server");
  return found[1];
}

/** Built once for each version; renamed into place, so that two test processes may build it at once. */
function buildCurrent(): string {
  const folder = join(root, ".tools/bin");
  const path = join(folder, `nats-server-${currentVersion()}`);
  if (isExecutable(path)) return path;
  const half = `${path}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  execFileSync("go", ["build", "-trimpath", "-o", half, nameOfModule], {
    cwd: currentModule,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 600_000,
  });
  renameSync(half, path);
  return path;
}

function binary(release: NatsRelease): string {
  if (release === "current") return buildCurrent();
  const path = installed();
  if (path === undefined) throw new Error("nats-server is not installed");
  return path;
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
export function natsServerMissing(release: NatsRelease = "installed"): string | undefined {
  try {
    binary(release);
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw new Error(`CI needs the ${release} nats-server: ${messageOf(error)}`);
    return `no ${release} nats-server: ${messageOf(error).slice(0, 200)}`;
  }
}

export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const path = binary(options.release ?? "installed");
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir());
  const storeDir = options.storeDir ?? folder.path;
  let port = await freePort();
  const file = join(folder.path, "nats.conf");
  const hasJetStream = options.jetstream ?? true;
  // In the file, not as a flag: a reload would switch it off.
  const writeConfig = (text: string): Promise<void> =>
    writeFile(file, hasJetStream ? `${text}\njetstream { store_dir: ${JSON.stringify(storeDir)} }\n` : text);
  if (options.config !== undefined) await writeConfig(options.config);
  const jetstream = hasJetStream ? ["-js", "-sd", storeDir] : [];
  const own = options.config === undefined ? jetstream : ["-c", file];
  const run = (): Promise<ChildProcess> =>
    start(path, ["-a", "127.0.0.1", "-p", String(port), ...own, ...(options.args ?? [])], port);
  let child = await run();
  const owned = stack.move();

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  return {
    get url() {
      return `nats://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    get pid() {
      return child.pid ?? 0;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    async restart(config) {
      await end("SIGTERM");
      if (config !== undefined) await writeConfig(config);
      child = await run();
    },
    async move() {
      await end("SIGTERM");
      port = await freePort();
      child = await run();
    },
    async reload(text) {
      await writeConfig(text);
      child.kill("SIGHUP");
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await owned.disposeAsync();
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
