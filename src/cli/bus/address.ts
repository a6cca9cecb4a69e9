import { EngineError } from "../../base/errors.ts";

/** One server of a bus. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** Without credentials: may be shown. */
  readonly text: string;
  /** `tls://`: a server that does not speak TLS will not do. */
  readonly wantsTls: boolean;
}

export interface BusUrl {
  readonly servers: readonly [Address, ...Address[]];
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

/** More servers than any bus has. */
const maxServers = 20;

/**
 * `nats://[user:password@]host[:port]`, several joined by commas; the first says the credentials, as for the engine.
 * @throws EngineError USAGE
 */
export function parseBusUrl(text: string): BusUrl {
  const parsed = text.split(",", maxServers).map((part) => parseUrl(part.trim()));
  const [first, ...others] = parsed.map(addressOf);
  const { username, password } = parsed[0] ?? { username: "", password: "" };
  if (first === undefined) throw usage();
  const servers = [first, ...others] as const;
  if (username === "") return { servers };
  const user = decodeURIComponent(username);
  return password === "" ? { servers, token: user } : { servers, user, pass: decodeURIComponent(password) };
}

function parseUrl(text: string): URL {
  const full = text.includes("://") ? text : `nats://${text}`;
  if (!URL.canParse(full)) throw usage();
  const url = new URL(full);
  if (!["nats:", "tls:"].includes(url.protocol) || url.hostname === "") throw usage();
  return url;
}

function addressOf({ protocol, hostname, port }: URL): Address {
  const number = port === "" ? 4222 : Number(port);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: number, text: `${hostname}:${number}`, wantsTls: protocol === "tls:" };
}

/** The text itself is not quoted: it may hold a password. */
function usage(): EngineError {
  return new EngineError("USAGE", "the bus's URL must be like nats://host:4222 or tls://user:password@host:4222");
}
