import type { KV } from "@nats-io/kv";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { StateChange } from "./bus.ts";
import { ChangeQueue } from "./state-watch.ts";

export interface BucketWatch {
  readonly name: string;
  readonly bucket: () => Promise<KV>;
  readonly ttlMs: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Changes of a bucket; a watch that ends with its connection is made again, for ever. Servers before 2.11 say nothing when
 * an entry reaches its TTL, so entries that are due are asked for.
 */
export async function* watchBucket(deps: BucketWatch, prefix: string, signal: AbortSignal): AsyncIterable<StateChange> {
  const queue = new ChangeQueue();
  const dueAt = new Map<string, number>();
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const feeding = feed(deps, prefix, { queue, dueAt }, either);
  const expiring = expire(deps, { queue, dueAt }, either);
  try {
    yield* queue.take(signal);
  } finally {
    stop.abort();
    await Promise.all([feeding, expiring]);
  }
}

interface Watched {
  readonly queue: ChangeQueue;
  /** When an entry should be gone, in milliseconds since 1970; empty without TTL. */
  readonly dueAt: Map<string, number>;
}

async function feed(deps: BucketWatch, prefix: string, watched: Watched, signal: AbortSignal): Promise<void> {
  const { name, bucket, clock, log } = deps;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const changes = await (await bucket()).watch();
      failures = 0;
      const end = (): void => changes.stop();
      signal.addEventListener("abort", end, { once: true });
      if (signal.aborted) end();
      for await (const change of changes) if (change.key.startsWith(prefix)) note(deps, watched, change);
      signal.removeEventListener("abort", end);
    } catch (error) {
      log.debug("state watch detached", { store: name, error });
    }
    failures++;
    await sleepFor(clock, backoffMs(reconnectBackoff, failures), signal).catch(() => undefined);
  }
}

function note(
  { ttlMs, clock }: BucketWatch,
  { queue, dueAt }: Watched,
  { key, value, revision, operation }: { key: string; value: Uint8Array; revision: number; operation: string },
): void {
  if (operation === "PUT") {
    queue.set({ key, value, revision });
    if (ttlMs !== undefined) dueAt.set(key, clock.now() + ttlMs);
  } else {
    queue.delete(key);
    dueAt.delete(key);
  }
}

async function expire(deps: BucketWatch, watched: Watched, signal: AbortSignal): Promise<void> {
  const { ttlMs, clock, log, name } = deps;
  if (ttlMs === undefined) return;
  const everyMs = Math.min(1000, Math.max(50, ttlMs / 4));
  while (!signal.aborted) {
    await sleepFor(clock, everyMs, signal).catch(() => undefined);
    const due = [...watched.dueAt].filter(([, at]) => at <= clock.now());
    await askForDue(deps, watched, due, signal).catch((error) =>
      log.debug("state not asked for what expired", { store: name, error }),
    );
  }
}

async function askForDue(
  { bucket }: BucketWatch,
  { queue, dueAt }: Watched,
  due: readonly (readonly [string, number])[],
  signal: AbortSignal,
): Promise<void> {
  for (const [key, at] of due) {
    if (signal.aborted) return;
    const entry = await (await bucket()).get(key);
    // Changed while we asked, or the server's clock is behind: then it is asked for again.
    if (dueAt.get(key) !== at || entry?.operation === "PUT") continue;
    dueAt.delete(key);
    queue.delete(key);
  }
}
