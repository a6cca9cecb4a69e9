import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Dispatcher } from "undici";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { type ProxyRules, shownProxy } from "../../base/http-proxy.ts";

type Undici = Pick<typeof import("undici"), "ProxyAgent">;

/** Requests of an agent that go through proxies. */
export interface ProxyAgents {
  /** `send` through the proxy of `origin`; undefined where it is reached straight. */
  through<Answer>(
    origin: string | URL | undefined,
    send: (dispatcher: Dispatcher) => Promise<Answer>,
  ): Promise<Answer> | undefined;
  close(): Promise<void>;
}

/**
 * The proxy connects, so that its addresses are not looked at here: a name that leads where none may go is refused as far
 * as this machine can resolve it.
 */
export function createProxyAgents(
  { ProxyAgent }: Undici,
  { of }: ProxyRules,
  requestTls: object,
  refusalOf: (address: string) => string | undefined,
): ProxyAgents {
  const agents = new Map<string, Dispatcher>();
  const agentOf = (proxy: string): Dispatcher => {
    const known = agents.get(proxy);
    if (known) return known;
    const made = openAgent(ProxyAgent, proxy, requestTls);
    agents.set(proxy, made);
    return made;
  };
  return {
    through(origin, send) {
      const url = new URL(String(origin));
      const proxy = of(url);
      if (proxy === undefined) return undefined;
      return checkAddresses(url, refusalOf).then(async () => {
        try {
          return await send(agentOf(proxy));
        } catch (error) {
          if (error instanceof EngineError) throw error;
          throw new Error(`through the proxy ${shownProxy(proxy)}: ${messageOf(error)}`, { cause: error });
        }
      });
    },
    close: async () => void (await Promise.all([...agents.values()].map((agent) => agent.close()))),
  };
}

function openAgent(Agent: Undici["ProxyAgent"], proxy: string, requestTls: object): Dispatcher {
  try {
    return new Agent({ uri: proxy, connections: 64, requestTls: requestTls as never });
  } catch (error) {
    const message = `the proxy ${shownProxy(proxy)} is none: expected http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT`;
    throw new TerminalError("HTTP_REFUSED", message, error);
  }
}

async function checkAddresses({ hostname }: URL, refusalOf: (address: string) => string | undefined): Promise<void> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const addresses = isIP(host) ? [host] : await resolved(host);
  const refusal = addresses.map(refusalOf).find((reason) => reason !== undefined);
  if (refusal !== undefined)
    throw new TerminalError("HTTP_REFUSED", host === hostname ? `"${host}": ${refusal}` : refusal);
}

/** None where only the proxy knows the name. */
async function resolved(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
