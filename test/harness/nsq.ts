import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/base/errors.ts";
import { freePort } from "./free-port.ts";
import { projectRoot } from "./run.ts";
import { accepts, type ServerProcess, startServer } from "./server-process.ts";
import { tempDir } from "./temp-dir.ts";

export interface NsqServer extends ServerProcess {
  /** nsqlookupd's HTTP, as `hostAddress` has it. */
  readonly lookup: string;
  /** Of nsqd. */
  readonly address: string;
  publish(topic: string, bodies: readonly string[]): Promise<void>;
  create(topic: string): Promise<void>;
  /** Messages of a channel that were not finished. */
  waiting(topic: string, channel: string): Promise<number>;
}

const binary = join(projectRoot, ".tools/bin/nsq-server");

/** Built once; renamed into place, so that two test processes may build it at once. */
function build(): string {
  if (existsSync(binary)) return binary;
  const half = `${binary}.${process.pid}`;
  mkdirSync(join(projectRoot, ".tools/bin"), { recursive: true });
  execFileSync("go", ["build", "-trimpath", "-o", half, "."], {
    cwd: join(projectRoot, "test/tools/nsq"),
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 300_000,
  });
  renameSync(half, binary);
  return binary;
}

/** Why tests that need NSQ are skipped; in CI it has to be there. */
export function nsqMissing(): string | false {
  try {
    build();
    return false;
  } catch (error) {
    if (process.env.CI === "true") throw new Error(`CI needs NSQ: ${messageOf(error)}`);
    return `no NSQ: ${messageOf(error).slice(0, 200)}`;
  }
}

/** nsqlookupd and one nsqd, with messages on disk: each at once, or so many together every 20 ms. */
export async function startNsq({ syncEvery = 1 } = {}): Promise<NsqServer> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const [lookupTcp, lookupHttp, tcp, http] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const at = (port: number): string => `127.0.0.1:${port}`;
  const flags = {
    data: path,
    "lookup-tcp": at(lookupTcp),
    "lookup-http": at(lookupHttp),
    tcp: at(tcp),
    http: at(http),
    "sync-every": String(syncEvery),
  };
  const server = stack.use(
    await startServer({
      name: "nsq",
      command: build(),
      args: Object.entries(flags).map(([name, value]) => `-${name}=${value}`),
      isReady: async () => (await accepts(tcp)) && (await accepts(lookupHttp)),
    }),
  );
  const owned = stack.move();
  const ask = async (question: string, init: RequestInit = {}): Promise<string> => {
    const answer = await fetch(`http://${at(http)}${question}`, init);
    if (answer.status !== 200) throw new Error(`${question} answered ${answer.status}: ${await answer.text()}`);
    return answer.text();
  };
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    lookup: at(lookupHttp),
    address: at(tcp),
    async publish(topic, bodies) {
      await ask(`/mpub?topic=${topic}`, { method: "POST", body: bodies.join("\n") });
    },
    async create(topic) {
      await ask(`/topic/create?topic=${topic}`, { method: "POST" });
    },
    async waiting(topic, channel) {
      const stats = JSON.parse(await ask(`/stats?format=json&topic=${topic}&channel=${channel}`));
      const found = stats.topics[0]?.channels[0];
      return found === undefined ? 0 : found.depth + found.in_flight_count + found.deferred_count;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
