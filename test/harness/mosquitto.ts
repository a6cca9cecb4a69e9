import { execFileSync } from "node:child_process";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { freePort } from "./free-port.ts";
import { accepts, findProgram, missing, type ServerProcess, startServer } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

export interface Mosquitto extends ServerProcess {
  /** `tcp://127.0.0.1:port` */
  readonly url: string;
  /** Writes its store, which it does once a second otherwise. */
  save(): Promise<void>;
  /** Another password of the only user, once it resolves; who is connected with the old one is thrown out. */
  changePassword(password: string): Promise<void>;
}

export const mosquittoMissing = missing("mosquitto", findProgram("mosquitto") !== undefined);

/** Debian's mosquitto with persistence; `login`: the only user. */
export async function startMosquitto(login?: { readonly user: string; readonly password: string }): Promise<Mosquitto> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const port = await freePort();
  const passwords = join(path, "passwords");
  const setPassword = (user: string, password: string): void => {
    const program = findProgram("mosquitto_passwd") ?? "mosquitto_passwd";
    execFileSync(program, ["-b", "-c", passwords, user, password], { stdio: "ignore" });
  };
  if (login) setPassword(login.user, login.password);
  const access = login ? `allow_anonymous false\npassword_file ${passwords}` : "allow_anonymous true";
  const file = join(path, "mosquitto.conf");
  const store = `persistence true\npersistence_location ${path}/\nautosave_interval 1`;
  await writeFile(file, `listener ${port} 127.0.0.1\nuser root\nmax_queued_messages 100000\n${store}\n${access}\n`);
  const server = stack.use(
    await startServer({
      name: "mosquitto",
      command: findProgram("mosquitto") ?? "mosquitto",
      args: ["-c", file],
      isReady: () => accepts(port),
    }),
  );
  const owned = stack.move();
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    url: `tcp://127.0.0.1:${port}`,
    async save() {
      const store = join(path, "mosquitto.db");
      const writtenAt = async (): Promise<bigint> =>
        (await stat(store, { bigint: true }).catch(() => undefined))?.mtimeNs ?? 0n;
      const before = await writtenAt();
      process.kill(server.pid, "SIGUSR1");
      await waitFor("the store to be written", async () => (await writtenAt()) !== before);
    },
    async changePassword(password) {
      if (!login) throw new Error("it has no user");
      setPassword(login.user, password);
      process.kill(server.pid, "SIGHUP"); // reads it again
      const open = () =>
        connectAsync(`mqtt://127.0.0.1:${port}`, { username: login.user, password, reconnectPeriod: 0 });
      await waitFor("the new password", async () => (await open().catch(() => undefined))?.endAsync().then(() => true));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
