import { Redis } from "ioredis";
import { freePort } from "./free-port.ts";
import { accepts, findProgram, missing, type ServerProcess, startServer } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

export interface RedisServer extends ServerProcess {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly port: number;
  /** Also after a restart; those who are logged in stay. */
  changePassword(password: string): Promise<void>;
}

export const redisMissing = missing("redis-server", findProgram("redis-server") !== undefined);

/** Debian's redis-server, which keeps every write before it answers. */
export async function startRedis(password?: string): Promise<RedisServer> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const port = await freePort();
  const access = password === undefined ? [] : ["--requirepass", password];
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
  const server = stack.use(
    await startServer({
      name: "redis-server",
      command: findProgram("redis-server") ?? "redis-server",
      args: ["--port", String(port), "--bind", "127.0.0.1", "--dir", path, ...durable, ...access],
      isReady: () => accepts(port),
    }),
  );
  let current = password;
  const setPassword = async (from: string | undefined, to: string): Promise<void> => {
    const redis = new Redis(port, "127.0.0.1", from === undefined ? {} : { password: from });
    await redis.config("SET", "requirepass", to);
    redis.disconnect();
  };
  const owned = stack.move();
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    async changePassword(to) {
      await setPassword(current, to);
      current = to;
    },
    async start() {
      await server.start();
      if (current !== undefined && current !== password) await setPassword(password, current);
    },
    port,
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
