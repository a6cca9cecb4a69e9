import { freePort } from "./free-port.ts";
import { accepts, findProgram, missing, type ServerProcess, startServer } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

export interface RedisServer extends ServerProcess {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly port: number;
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
  const owned = stack.move();
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    port,
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
