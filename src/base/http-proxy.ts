import { BlockList, isIP } from "node:net";

/** Which requests go through a proxy, as Go's `http.ProxyFromEnvironment` decides. */
export interface ProxyRules {
  /** The same for the same rules. It may hold a password. */
  readonly key: string;
  /** Undefined: straight. The proxy's URL may hold a password. */
  of(url: URL): string | undefined;
}

type Matcher = (host: string, port: string) => boolean;

/** Of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, each also in lower case. */
export function createProxyRules(env: Readonly<Record<string, string | undefined>>): ProxyRules {
  const value = (name: string): string => env[name] || env[name.toLowerCase()] || "";
  const proxies: Readonly<Record<string, string>> = {
    "http:": withScheme(value("HTTP_PROXY")),
    "https:": withScheme(value("HTTPS_PROXY")),
  };
  const exceptions = value("NO_PROXY");
  const matchers = exceptions
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
    .map(matcherOf);
  return {
    key: JSON.stringify([proxies, exceptions]),
    of({ protocol, hostname, port }) {
      const proxy = proxies[protocol];
      if (!proxy) return undefined;
      const host = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
      if (host === "localhost" || loopback.check(host, isIP(host) === 6 ? "ipv6" : "ipv4")) return undefined;
      const shownPort = port || (protocol === "https:" ? "443" : "80");
      return matchers.some((matches) => matches(host, shownPort)) ? undefined : proxy;
    },
  };
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function withScheme(proxy: string): string {
  return proxy === "" || proxy.includes("://") ? proxy : `http://${proxy}`;
}

/** `*`, an address, a network, a domain with all below it, `.domain` or `*.domain` with what is below it; a port at will. */
function matcherOf(entry: string): Matcher {
  if (entry === "*") return () => true;
  const network = networkOf(entry);
  if (network) return (host) => isIP(host) !== 0 && network.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
  const { host: wanted, port: wantedPort } = splitPort(entry);
  const isPort = (port: string): boolean => wantedPort === undefined || port === wantedPort;
  if (isIP(wanted) !== 0) return (host, port) => host === wanted && isPort(port);
  const below = wanted.replace(/^\*(?=\.)/, "");
  if (below.startsWith(".")) return (host, port) => host.endsWith(below) && isPort(port);
  return (host, port) => (host === wanted || host.endsWith(`.${wanted}`)) && isPort(port);
}

function networkOf(entry: string): BlockList | undefined {
  const [address = "", bits = "", ...more] = entry.split("/");
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  const isFine = more.length === 0 && isIP(address) !== 0 && /^\d{1,3}$/.test(bits);
  if (!isFine || Number(bits) > (family === "ipv6" ? 128 : 32)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return list;
}

function splitPort(entry: string): { readonly host: string; readonly port?: string } {
  if (isIP(entry) !== 0) return { host: entry };
  const [, host = entry, port] = /^(.*?):(\d+)$/.exec(entry) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, "$1"), ...(port !== undefined && { port }) };
}

/** Without user and password. What is no URL may hold them anywhere. */
export function shownProxy(proxy = ""): string {
  const url = URL.parse(proxy);
  return url?.host ? `"${url.protocol}//${url.host}"` : "(no URL)";
}
