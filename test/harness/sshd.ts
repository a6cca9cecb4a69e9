import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

/** Debian's openssh-server, as this user, on a loopback port of its own: whoever has the key may read this machine. */
export interface SshServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  /** The one that is let in; PEM. */
  readonly privateKey: string;
  /** One that is not. */
  readonly otherKey: string;
  /** As in `authorized_keys`. */
  readonly hostKey: string;
  /** For a `known_hosts` file. */
  readonly knownHosts: string;
  urlOf(path: string): string;
  /** From now on only a new key is let in, which is returned; who is there stays. */
  rotateKey(): Promise<string>;
}

const path = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].find(existsSync);

/** Why tests that need an sshd are skipped; in CI it has to be there. */
export function sshdMissing(): string | undefined {
  if (path !== undefined) return undefined;
  if (process.env.CI === "true") throw new Error("CI needs sshd: Debian's openssh-server");
  return "sshd is not installed (Debian: openssh-server)";
}

/** `forced`: a command that runs in place of what is asked for. */
export async function startSshd(options: { readonly forced?: string } = {}): Promise<SshServer> {
  if (path === undefined) throw new Error("sshd is not installed");
  // Debian makes it when the service starts; sshd wants it of root only.
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir());
  const file = (name: string): string => join(folder.path, name);
  const makeKey = (name: string): void => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file(name)]);
  };
  for (const name of ["host", "user", "other"]) makeKey(name);
  const port = await freePort();
  const forced = options.forced === undefined ? "" : `command=${JSON.stringify(options.forced)} `;
  const authorize = async (name: string): Promise<void> =>
    writeFile(file("authorized"), forced + (await readFile(file(`${name}.pub`), "utf8")), { mode: 0o600 });
  await authorize("user");
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${file("host")}`,
    `AuthorizedKeysFile ${file("authorized")}`,
    `PidFile ${file("pid")}`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin yes",
    "AcceptEnv GIT_PROTOCOL",
    "Subsystem sftp internal-sftp",
    "LogLevel ERROR",
  ];
  await writeFile(file("config"), `${config.join("\n")}\n`);
  const child = spawn(path, ["-D", "-e", "-f", file("config")], { stdio: ["ignore", "ignore", "pipe"] });
  stack.defer(() => end(child));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString("utf8");
  });
  await waitFor("sshd to listen", () => {
    if (child.exitCode !== null) throw new Error(`sshd ended with code ${child.exitCode}: ${errors}`);
    return canConnect(port);
  });
  const user = userInfo().username;
  const hostKey = (await readFile(file("host.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
  const owned = stack.move();
  return {
    port,
    user,
    privateKey: await readFile(file("user"), "utf8"),
    otherKey: await readFile(file("other"), "utf8"),
    hostKey,
    knownHosts: `[127.0.0.1]:${port} ${hostKey}\n`,
    urlOf: (repository) => `ssh://${user}@127.0.0.1:${port}${repository}`,
    async rotateKey() {
      makeKey("rotated");
      await authorize("rotated");
      return readFile(file("rotated"), "utf8");
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

async function canConnect(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  try {
    await once(socket, "data"); // its greeting
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
