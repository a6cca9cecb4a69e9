import { JetStreamApiError, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, errors, type NatsConnection, type Status } from "@nats-io/transport-node";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { BusHealth } from "./bus.ts";
import {
  type BusCredentials,
  connectError,
  LiveCredentials,
  mergeCredentials,
  readServers,
  type ServerList,
} from "./jetstream-credentials.ts";

export interface ConnectionOptions {
  /** URLs joined by commas. */
  readonly servers: string;
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly log: Logger;
  readonly clock: Clock;
  /**
   * Asked before the first connection, after each loss, and each `credentialsEveryMs` (default 30,000). Other ones are
   * tried beside the connection that there is, which is replaced only if the server takes them.
   */
  readonly credentials?: () => Promise<BusCredentials>;
  readonly credentialsEveryMs?: number;
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
 * @throws EngineError BUS_UNAVAILABLE, BUS_UNAUTHORIZED, BUS_UNSUPPORTED (no JetStream)
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const list = readServers(options.servers);
  const live = new LiveCredentials(
    list.servers,
    mergeCredentials(list.credentials, (await options.credentials?.()) ?? {}),
  );
  const nc = await connectTo(list, live, options);
  try {
    const jsm = await jetstreamManager(nc, { timeout: requestTimeoutMs });
    return watch(nc, jsm, list, live, options);
  } catch (error) {
    await nc.close();
    throw new EngineError(
      "BUS_UNSUPPORTED",
      `the server at ${list.shown} has no JetStream for us: ${messageOf(error)}`,
      error,
    );
  }
}

function connectTo(
  { servers, shown }: ServerList,
  live: LiveCredentials,
  { name, connectTimeoutMs = 5000 }: ConnectionOptions,
): Promise<NatsConnection> {
  return connect({
    servers: [...servers],
    name,
    timeout: connectTimeoutMs,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => backoffMs(reconnectBackoff, 1),
    ...live.connectionOptions,
  }).catch((error) => {
    throw connectError(shown, error);
  });
}

function watch(
  nc: NatsConnection,
  jsm: JetStreamManager,
  list: ServerList,
  live: LiveCredentials,
  options: ConnectionOptions,
): Connection {
  const { log } = options;
  let health: BusHealth = { state: "connected" };
  const listeners = new Set<() => void>();
  const stop = new AbortController();
  const isAway = (): boolean => health.state === "away";
  const refresh = createRefresh(nc, list, live, options, isAway);
  const onStatus = (status: Status): void => {
    if (status.type === "disconnect") {
      void refresh();
      if (isAway()) return; // one more attempt that failed: why is known
      health = { state: "away", reason: `no connection to ${list.shown}` };
      log.warn("bus away", { servers: list.shown });
    } else if (status.type === "reconnect") {
      health = { state: "connected" };
      log.info("bus back", { servers: list.shown });
      for (const listener of listeners) listener();
    } else if (status.type === "error" && isAway()) {
      health = { state: "away", reason: connectError(list.shown, status.error).message };
    }
  };
  const watching = (async () => {
    for await (const status of nc.status()) onStatus(status);
  })();
  const refreshing = keepFresh(refresh, options, stop.signal);
  return {
    nc,
    jsm,
    get isAway() {
      return isAway();
    },
    health: () => health,
    onReturn(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await refreshing;
      await nc.close();
      await watching;
    },
  };
}

async function keepFresh(
  refresh: () => Promise<void>,
  { clock, credentials, credentialsEveryMs = 30_000 }: ConnectionOptions,
  signal: AbortSignal,
): Promise<void> {
  while (credentials !== undefined && !signal.aborted) {
    await sleepFor(clock, credentialsEveryMs, signal).catch(() => undefined);
    if (!signal.aborted) await refresh();
  }
}

/** Takes up credentials that changed; one at a time. Never rejects. */
function createRefresh(
  nc: NatsConnection,
  list: ServerList,
  live: LiveCredentials,
  options: ConnectionOptions,
  isAway: () => boolean,
): () => Promise<void> {
  let running: Promise<void> | undefined;

  async function takeUp(credentials: () => Promise<BusCredentials>): Promise<void> {
    const fresh = mergeCredentials(list.credentials, await credentials());
    if (live.isSame(fresh)) return;
    // The server may learn of them after us: then the connection that works stays.
    if (!isAway()) await (await connectTo(list, new LiveCredentials(list.servers, fresh), options)).close();
    live.set(fresh);
    options.log.info("bus credentials changed", { servers: list.shown });
    if (!isAway() && !nc.isClosed()) await nc.reconnect();
  }

  return () => {
    if (options.credentials === undefined) return Promise.resolve();
    running ??= takeUp(options.credentials)
      .catch((error) => options.log.warn("bus credentials not taken up", { error }))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
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
