import type { Redis } from "ioredis";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { loadOptional } from "../../base/optional.ts";
import { readClientTls } from "./client-tls.ts";
import type { SecretKeySelector, SourceContext } from "./source.ts";

interface RedisPlace {
  readonly hostAddress: string;
  readonly password?: SecretKeySelector;
  readonly username?: string;
  readonly db: number;
  readonly tls?: Parameters<typeof readClientTls>[0];
}

/** A server that says nothing for so long is taken for dead. Readers ask for something more often than that. */
const silentMs = 5_000;

/**
 * Connects, and ends what `use` does once `signal` aborts (`stop` resolves then) or the connection does, which is a
 * failure: the runner connects again, with the password as it is then.
 */
export async function withRedis(
  place: RedisPlace,
  context: SourceContext,
  signal: AbortSignal,
  use: (redis: Redis, stop: Promise<void>) => Promise<void>,
): Promise<void> {
  if (signal.aborted) return;
  const { Redis } = await loadOptional("ioredis@^6", () => import("ioredis"));
  const redis = new Redis(await optionsOf(place, context));
  const ended = Promise.withResolvers<never>();
  let last: unknown;
  redis.on("error", (error: unknown) => {
    last = error;
  });
  redis.on("end", () => ended.reject(failure(place, last ?? "the connection ended")));
  ended.promise.catch(() => undefined); // nobody waits for it once `use` has ended
  const stop = Promise.withResolvers<void>();
  const onAbort = (): void => {
    stop.resolve();
    redis.disconnect();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([redis.connect(), ended.promise]);
    await Promise.race([use(redis, stop.promise), ended.promise]);
  } catch (error) {
    if (!signal.aborted) throw failure(place, last ?? error);
  } finally {
    signal.removeEventListener("abort", onAbort);
    redis.disconnect();
  }
}

async function optionsOf(place: RedisPlace, { secret, eventSource, event }: SourceContext) {
  const isSecure = place.hostAddress.trim().startsWith("rediss:");
  const match = /^(?:rediss?:\/\/)?\[?([^\]]+?)\]?(?::(\d+))?$/.exec(place.hostAddress.trim());
  if (!match?.[1]) throw new TerminalError("MANIFEST_INVALID", `hostAddress: "${place.hostAddress}" must be host:port`);
  return {
    host: match[1],
    port: Number(match[2] ?? 6379),
    ...(place.username && { username: place.username }),
    ...(place.password && { password: await secret.read(place.password) }),
    db: place.db,
    ...((place.tls || isSecure) && { tls: place.tls ? { ...(await readClientTls(place.tls, secret)) } : {} }),
    connectionName: `tiphys:${eventSource}/${event}`.replace(/\s/g, "_"),
    protocol: 2 as const, // its replies are lists
    lazyConnect: true,
    connectTimeout: 5_000,
    socketTimeout: silentMs, // of a command without an answer; TCP alone would wait for a quarter of an hour
    retryStrategy: () => null, // the runner connects again
    maxRetriesPerRequest: 0,
    keepAlive: 10_000,
  };
}

function failure({ hostAddress }: RedisPlace, error: unknown): Error {
  if (error instanceof EngineError) return error;
  return new EngineError("SOURCE_FAILED", `Redis at ${hostAddress}: ${messageOf(error)}`, error);
}
