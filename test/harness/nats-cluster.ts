import { type JetStreamManager, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { freePort } from "./free-port.ts";
import { type NatsRelease, type NatsServer, startNatsServer } from "./nats-server.ts";
import { waitFor } from "./wait.ts";

/** Servers of one cluster on loopback, each with a store of its own. */
export interface NatsCluster extends AsyncDisposable {
  /** Of all servers, joined by commas. */
  readonly url: string;
  readonly servers: ReadonlyMap<string, NatsServer>;
  /** The name of the server that leads a stream; undefined while none does, or none answers. */
  leaderOf(stream: string): Promise<string | undefined>;
  ask<T>(question: (jsm: JetStreamManager) => Promise<T>): Promise<T>;
}

/** Resolves once JetStream keeps copies on all servers: it has a leader before that one has seen the others. */
export async function startNatsCluster(size: number, release: NatsRelease = "installed"): Promise<NatsCluster> {
  await using stack = new AsyncDisposableStack();
  const names = Array.from({ length: size }, (_, index) => `n${index + 1}`);
  const routes = await Promise.all(names.map(async () => `nats://127.0.0.1:${await freePort()}`));
  const servers = new Map<string, NatsServer>();
  for (const [index, name] of names.entries()) {
    const cluster = ["--cluster_name", "test", "--cluster", routes[index] ?? "", "--routes", routes.join(",")];
    servers.set(name, stack.use(await startNatsServer({ release, args: ["--name", name, ...cluster] })));
  }
  const url = [...servers.values()].map((server) => server.url).join(",");
  const ask: NatsCluster["ask"] = (question) => askCluster(url, question);
  await waitFor("the cluster to know its servers", () => ask(holdsCopies(size)).catch(() => undefined), 30_000);
  const owned = stack.move();
  return {
    url,
    servers,
    ask,
    leaderOf: (stream) =>
      ask(async (jsm) => (await jsm.streams.info(stream)).cluster?.leader || undefined).catch(() => undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function holdsCopies(copies: number): (jsm: JetStreamManager) => Promise<boolean> {
  const name = "copies-on-all";
  return async ({ streams }) => {
    await streams.add({ name, subjects: [name], storage: StorageType.Memory, num_replicas: copies });
    return await streams.delete(name);
  };
}

async function askCluster<T>(url: string, question: (jsm: JetStreamManager) => Promise<T>): Promise<T> {
  const nc = await connect({ servers: url.split(","), reconnect: false, timeout: 2_000 });
  try {
    return await question(await jetstreamManager(nc, { timeout: 2_000 }));
  } finally {
    await nc.close();
  }
}
