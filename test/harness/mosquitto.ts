import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { accepts, findProgram, missing, type ServerProcess, startServer } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

export interface Mosquitto extends ServerProcess {
  /** `tcp://127.0.0.1:port` */
  readonly url: string;
}

export const mosquittoMissing = missing("mosquitto", findProgram("mosquitto") !== undefined);

/** Debian's mosquitto with persistence; `login`: the only user. */
export async function startMosquitto(login?: { readonly user: string; readonly password: string }): Promise<Mosquitto> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const port = await freePort();
  const passwords = join(path, "passwords");
  if (login) {
    const program = findProgram("mosquitto_passwd") ?? "mosquitto_passwd";
    execFileSync(program, ["-b", "-c", passwords, login.user, login.password], { stdio: "ignore" });
  }
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
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
