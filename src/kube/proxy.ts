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

/** Connections to one server that belong together. */
export interface ConnectionPool {
  readonly dispatcher: Dispatcher;
  /** Lets requests under way end. */
  close(): Promise<void>;
  /** Breaks off what is open, watches too. */
  destroy(): Promise<void>;
}

/** Through a proxy. An agent forgets its pools once it is closed: they are destroyed one by one. */
export function createProxyPool({ Pool: PoolOf, ProxyAgent }: Undici, options: ProxyOptions): ConnectionPool {
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
  return {
    dispatcher: agent,
    close: () => agent.close(),
    async destroy() {
      await Promise.all([agent.destroy(), ...pools.map((pool) => pool.destroy())]);
    },
  };
}
