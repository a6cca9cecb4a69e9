import { JetStreamApiError, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { type Auth, type Authenticator, connect, errors, type NatsConnection } from "@nats-io/transport-node";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { BusHealth } from "./bus.ts";

export interface BusCredentials {
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

/** PEM texts, and how the server's certificate is checked; as in `node:tls`. */
export interface BusTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the certificate must have; default: the server's as it is connected to. */
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface ConnectionOptions {
  /** URLs joined by commas. */
  readonly servers: string;
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Asked before the first connection and after each loss, so that a changed password is taken up. */
  readonly credentials?: () => Promise<BusCredentials>;
  /** The same for TLS. Without it TLS is spoken where the server offers it, with the system's CAs; with it always. */
  readonly tls?: () => Promise<BusTls>;
  /** Default 5,000. */
  readonly connectTimeoutMs?: number;
}

/** One connection to NATS that comes back by itself, for ever. */
export interface Connection extends AsyncDisposable {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly isAway: boolean;
  health(): BusHealth;
  /** Called after each return of the connection; gives a function that ends it. */
  onReturn(listener: () => void): () => void;
}

/** How long one request to the server may take. */
export const requestTimeoutMs = 5000;

/**
 * @throws EngineError BUS_UNAVAILABLE, BUS_UNSUPPORTED (no JetStream)
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const servers = options.servers.split(",").map((server) => server.trim());
  const shown = servers.map(withoutCredentials).join(", ");
  let credentials = await options.credentials?.();
  const authenticator: Authenticator = () => authOf(credentials ?? {});
  // One object: the client library reads it at each connection.
  const tls = await options.tls?.().then((first) => ({ ...first }));
  const nc = await connect({
    servers: servers.map(withoutCredentials),
    name: options.name,
    timeout: options.connectTimeoutMs ?? 5000,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => backoffMs(reconnectBackoff, 1),
    ...(options.credentials ? { authenticator } : credentialsOf(servers[0] ?? "")),
    ...(tls ? { tls } : {}),
  }).catch((error) => {
    throw new EngineError("BUS_UNAVAILABLE", `the bus at ${shown} does not answer: ${messageOf(error)}`, error);
  });
  const refresh = (): void => {
    const report = (error: unknown): void => options.log.warn("bus credentials not readable", { error });
    void options.credentials?.().then((fresh) => {
      credentials = fresh;
    }, report);
    void options.tls?.().then((fresh) => {
      if (tls) Object.assign(tls, fresh);
    }, report);
  };
  try {
    const jsm = await jetstreamManager(nc, { timeout: requestTimeoutMs });
    return watch(nc, jsm, shown, options.log, refresh);
  } catch (error) {
    await nc.close();
    throw new EngineError(
      "BUS_UNSUPPORTED",
      `the server at ${shown} has no JetStream for us: ${messageOf(error)}`,
      error,
    );
  }
}

function authOf({ user, pass, token }: BusCredentials): Auth {
  if (token !== undefined) return { auth_token: token };
  if (user === undefined) return undefined;
  return pass === undefined ? { user } : { user, pass };
}

function watch(nc: NatsConnection, jsm: JetStreamManager, shown: string, log: Logger, refresh: () => void): Connection {
  let health: BusHealth = { state: "connected" };
  const listeners = new Set<() => void>();
  const watching = (async () => {
    for await (const status of nc.status()) {
      if (status.type === "disconnect") {
        health = { state: "away", reason: `no connection to ${shown}` };
        log.warn("bus away", { servers: shown });
        refresh();
      } else if (status.type === "reconnect") {
        health = { state: "connected" };
        log.info("bus back", { servers: shown });
        for (const listener of listeners) listener();
      }
    }
  })();
  return {
    nc,
    jsm,
    get isAway() {
      return health.state === "away";
    },
    health: () => health,
    onReturn(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async [Symbol.asyncDispose]() {
      await nc.close();
      await watching;
    },
  };
}

function withoutCredentials(server: string): string {
  return server.replace(/\/\/[^/@]*@/, "//").replace(/^[^/@]*@/, "");
}

function credentialsOf(server: string): { user?: string; pass?: string; token?: string } {
  const found = /^(?:[a-z]+:\/\/)?([^/@:]*)(?::([^/@]*))?@/.exec(server);
  if (!found) return {};
  const [, user = "", pass] = found.map((part) => (part === undefined ? undefined : decodeURIComponent(part)));
  return pass === undefined ? { token: user } : { user, pass };
}

/** The server's own number of an error, e.g. 10071 for a wrong last sequence. */
export function apiErrorCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

/** Errors of the client library as ours: those of the connection are BUS_UNAVAILABLE. */
export function busError(operation: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const code = apiErrorCode(error);
  if (code === 10071 || code === 10164) return new EngineError("BUS_STALE", `${operation}: ${messageOf(error)}`, error);
  const reason = error instanceof errors.TimeoutError ? `no answer within ${requestTimeoutMs} ms` : messageOf(error);
  return new EngineError("BUS_UNAVAILABLE", `${operation}: ${reason}`, error);
}
