import type { Dispatcher, Pool } from "undici";

/** What `proxyUrl` may be (spec argo-cd-engine 6.1). */
const protocols = ["http:", "https:", "socks5:"];

/** Undefined: it is fine. The URL may hold a password, so that it is not repeated. */
export function proxyProblem(url: string): string | undefined {
  const isFine = URL.canParse(url) && protocols.includes(new URL(url).protocol);
  return isFine ? undefined : `must be a URL that starts with ${protocols.map((name) => `${name}//`).join(", ")}`;
}

interface ProxyOptions {
  readonly proxyUrl: string;
  /** Of the server behind the proxy. */
  readonly requestTls: object;
  readonly pool: Pool.Options;
}

type Undici = Pick<typeof import("undici"), "Pool" | "ProxyAgent">;

/** Connections through a proxy. `destroy` breaks off what is open, watches too: the agent alone would leave them. */
export function createProxyPool({ Pool: PoolOf, ProxyAgent }: Undici, options: ProxyOptions): Dispatcher {
  const pools: Pool[] = [];
  const agent = new ProxyAgent({
    ...options.pool,
    uri: options.proxyUrl,
    requestTls: options.requestTls as never,
    factory(origin, more) {
      const pool = new PoolOf(origin, more as Pool.Options);
      pools.push(pool);
      return pool;
    },
  });
  const destroyAgent = agent.destroy.bind(agent) as (error?: Error | null) => Promise<void>;
  agent.destroy = (async () => {
    await Promise.all([destroyAgent(), ...pools.map((pool) => pool.destroy())]);
  }) as typeof agent.destroy;
  return agent;
}
