import { isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import {
  type Auth,
  credsAuthenticator,
  errors,
  type NodeConnectionOptions,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import { EngineError, messageOf } from "../../base/errors.ts";

/** PEM texts. Present at all: only a server with TLS will do. */
export interface BusTls {
  /** Absent: the authorities of the system. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Takes any server for the right one. */
  readonly insecureSkipVerify?: boolean;
  /** The name that the certificate must have, wherever the server is reached; absent: the host of the URL. */
  readonly servername?: string;
}

/** How to show who we are, as contents, not file names. The first counts of creds, nkeySeed, token and user. */
export interface BusCredentials {
  /** A creds file: a JWT and its seed. */
  readonly creds?: string;
  /** The seed of an NKey (`SU…`). */
  readonly nkeySeed?: string;
  readonly token?: string;
  readonly user?: string;
  readonly pass?: string;
  readonly tls?: BusTls;
}

export interface ServerList {
  /** Without credentials. */
  readonly servers: readonly string[];
  /** For messages. */
  readonly shown: string;
  /** What the URLs say; of several, the first that says something. */
  readonly credentials: BusCredentials;
}

/** URLs joined by commas, e.g. `nats://user:pass@host:4222,host2`; `tls://` asks for TLS, a user without password is a token. */
export function readServers(text: string): ServerList {
  const urls = text.split(",").map((url) => url.trim());
  const servers = urls.map((url) => url.replace(/\/\/[^/@]*@/, "//").replace(/^[^/@]*@/, ""));
  const login = urls.map(loginOf).find((found) => found !== undefined);
  const isTls = urls.some((url) => url.startsWith("tls://"));
  return { servers, shown: servers.join(", "), credentials: { ...login, ...(isTls ? { tls: {} } : {}) } };
}

function loginOf(url: string): BusCredentials | undefined {
  const found = /^(?:[a-z]+:\/\/)?([^/@:]*)(?::([^/@]*))?@/.exec(url);
  if (!found) return undefined;
  const [, user = "", pass] = found.map((part) => (part === undefined ? undefined : decodeURIComponent(part)));
  return pass === undefined ? { token: user } : { user, pass };
}

/**
 * What was given beside the URL goes before what the URL says.
 * @throws EngineError BUS_UNAUTHORIZED for a seed or creds that cannot be used
 */
export function mergeCredentials(url: BusCredentials, given: BusCredentials): BusCredentials {
  const { creds, nkeySeed, token, user } = given;
  const hasLogin = [creds, nkeySeed, token, user].some((value) => value !== undefined);
  const merged = hasLogin ? given : { ...url, ...given };
  const tls = given.tls ?? url.tls;
  const all = tls === undefined ? merged : { ...merged, tls };
  try {
    authOf(all, "any"); // the library would break the connection off with it, over and over
  } catch (error) {
    throw new EngineError("BUS_UNAUTHORIZED", `the credentials for the bus cannot be used: ${messageOf(error)}`);
  }
  return all;
}

function authOf({ creds, nkeySeed, token, user, pass }: BusCredentials, nonce?: string): Auth {
  if (creds !== undefined) return credsAuthenticator(Buffer.from(creds))(nonce);
  if (nkeySeed !== undefined) return nkeyAuthenticator(Buffer.from(nkeySeed.trim()))(nonce);
  if (token !== undefined) return { auth_token: token };
  if (user === undefined) return undefined;
  return pass === undefined ? { user } : { user, pass };
}

interface MutableTls {
  ca?: string;
  cert?: string;
  key?: string;
  rejectUnauthorized?: boolean;
  servername?: string;
  checkServerIdentity?: (host: string, cert: PeerCertificate) => Error | undefined;
}

/** The library names no server to TLS where the URL has an address, and Node.js then looks for "localhost". */
function checkIdentity(host: string, cert: PeerCertificate, addresses: readonly string[]): Error | undefined {
  if (host !== "" && host !== "localhost") return checkServerIdentity(host, cert);
  const problems = addresses.map((address) => checkServerIdentity(address, cert));
  return problems.includes(undefined) ? undefined : problems[0];
}

function addressOf(server: string): string {
  const host = server.replace(/^[a-z]+:\/\//, "");
  return /^\[([^\]]*)\]/.exec(host)?.[1] ?? host.replace(/:\d+$/, "");
}

/** Options of a connection whose credentials can change: the library asks for them, and for TLS, at each connect. */
export class LiveCredentials {
  #current: BusCredentials;
  readonly #tls: MutableTls = {};

  constructor(servers: readonly string[], credentials: BusCredentials) {
    const addresses = servers.map(addressOf).filter((address) => isIP(address) !== 0);
    if (addresses.length > 0) this.#tls.checkServerIdentity = (host, cert) => checkIdentity(host, cert, addresses);
    this.#current = credentials;
    this.set(credentials);
  }

  get connectionOptions(): Pick<NodeConnectionOptions, "authenticator" | "tls"> {
    return {
      authenticator: (nonce) => authOf(this.#current, nonce),
      ...(this.#current.tls === undefined ? {} : { tls: this.#tls }),
    };
  }

  isSame(other: BusCredentials): boolean {
    return JSON.stringify(other) === JSON.stringify(this.#current);
  }

  set(credentials: BusCredentials): void {
    this.#current = credentials;
    const { ca, cert, key, servername, insecureSkipVerify = false } = credentials.tls ?? {};
    for (const name of ["ca", "cert", "key", "rejectUnauthorized", "servername"] as const) delete this.#tls[name];
    if (servername !== undefined) this.#tls.servername = servername;
    if (insecureSkipVerify) this.#tls.rejectUnauthorized = false;
    Object.assign(this.#tls, ca === undefined ? {} : { ca }, cert === undefined ? {} : { cert, key });
  }
}

/** Why no connection was made: refused credentials are told from a server that does not answer. */
export function connectError(shown: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const refused = [error, error instanceof Error ? error.cause : undefined].find(
    (one) => one instanceof errors.AuthorizationError || one instanceof errors.UserAuthenticationExpiredError,
  );
  if (refused)
    return new EngineError(
      "BUS_UNAUTHORIZED",
      `the bus at ${shown} refuses our credentials: ${messageOf(refused)}`,
      error,
    );
  return new EngineError("BUS_UNAVAILABLE", `the bus at ${shown} does not answer: ${messageOf(error)}`, error);
}
