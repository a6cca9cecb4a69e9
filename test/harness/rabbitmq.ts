import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { accepts, findProgram, missing, type ServerProcess, startServer } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

export interface RabbitMq extends ServerProcess {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** With user name and password. */
  readonly url: string;
  /** Until its next start: with less than it needs it takes no messages. */
  limitMemory(bytes: number): Promise<void>;
  /** Those who are logged in stay. */
  changePassword(user: string, password: string): Promise<void>;
  /** One who may read everything, and write and declare nothing. */
  addReader(user: string, password: string): Promise<void>;
}

// Debian's script in /usr/sbin becomes another user first; this one stays who we are.
const script = findProgram("rabbitmq-server", "/usr/lib/rabbitmq/bin");

export const rabbitMqMissing = missing("rabbitmq-server", script !== undefined && findProgram("epmd") !== undefined);

/**
 * Debian's RabbitMQ with a store and a port mapper of its own. The user is guest, the password too.
 */
export async function startRabbitMq(): Promise<RabbitMq> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const [port, nodePort, mapperPort] = [await freePort(), await freePort(), await freePort()];
  // Started by Erlang, it would be a daemon that outlives the test.
  stack.use(
    await startServer({
      name: "epmd",
      command: findProgram("epmd") ?? "epmd",
      args: ["-port", String(mapperPort), "-address", "127.0.0.1"],
      isReady: () => accepts(mapperPort),
    }),
  );
  const ours = `listeners.tcp.1 = 127.0.0.1:${port}\nmnesia_table_loading_retry_limit = 3\n`;
  await writeFile(join(path, "rabbitmq.conf"), ours);
  await writeFile(join(path, "enabled_plugins"), "[].\n");
  const env = {
    HOME: path,
    ERL_EPMD_PORT: String(mapperPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: `tiphys${port}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(nodePort),
    RABBITMQ_CONFIG_FILE: join(path, "rabbitmq"),
    RABBITMQ_CONF_ENV_FILE: join(path, "none"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(path, "enabled_plugins"),
    RABBITMQ_MNESIA_BASE: path,
    RABBITMQ_LOG_BASE: path,
    RABBITMQ_LOGS: "-",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 1:1",
  };
  const server = stack.use(
    await startServer({
      name: "rabbitmq-server",
      command: script ?? "rabbitmq-server",
      args: [],
      env,
      isReady: () => accepts(port),
      deadlineMs: 120_000,
    }),
  );
  /** One of the server's own functions; `rabbitmqctl` asks for the same, and takes a second more to start. */
  const call = async (module: string, name: string, args: string): Promise<void> => {
    const asked = `ok = rpc:call('${env.RABBITMQ_NODENAME}', ${module}, ${name}, [${args}]), halt().`;
    const node = ["-noinput", "-hidden", "-start_epmd", "false", "-sname", `t${process.pid}@localhost`];
    await promisify(execFile)("erl", [...node, "-eval", asked], { env: { ...process.env, ...env }, timeout: 20_000 });
  };
  const users = "rabbit_auth_backend_internal";
  const owned = stack.move();
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    limitMemory: (bytes) => call("vm_memory_monitor", "set_vm_memory_high_watermark", `{absolute, ${bytes}}`),
    changePassword: (user, password) => call(users, "change_password", `<<"${user}">>, <<"${password}">>, <<"t">>`),
    async addReader(user, password) {
      await call(users, "add_user", `<<"${user}">>, <<"${password}">>, <<"t">>`);
      await call(users, "set_permissions", `<<"${user}">>, <<"/">>, <<>>, <<>>, <<".*">>, <<"t">>`);
    },
    address: `127.0.0.1:${port}`,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    // The script ends before what it started: a start at once would take the old one for the new one.
    async kill() {
      await server.kill();
      await waitFor("rabbitmq-server to be gone", async () => !(await accepts(port)));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
