import type { Clock } from "../base/clock.ts";
import { messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import { createKeyedQueue, type KeyedQueueOptions } from "../base/keyed-queue.ts";
import type { Logger } from "../base/log.ts";
import { unlessAborted } from "../base/unless-aborted.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { GroupVersionKind, ObjectRef } from "../objects/object.ts";
import type { Reconciler } from "./reconciler.ts";

/** Objects of one kind that are reconciled at once, unless a controller says otherwise. */
const defaultConcurrency = 16;

export interface ControllerOptions {
  readonly kind: GroupVersionKind;
  readonly cache: WatchCache;
  readonly reconciler: Reconciler;
  readonly concurrency?: number;
  /** Of reconciles that take long; default: they keep their places. */
  readonly patience?: KeyedQueueOptions["patience"];
  /** Of what reconciles may have to wait for; keys are `namespace/name`. */
  readonly lanes?: KeyedQueueOptions["lanes"];
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Controller {
  /** Asks for a reconcile, e.g. because something that the object depends on changed. */
  request(namespace: string, name: string): void;
  /** The same for every object of a namespace. */
  requestAll(namespace: string): void;
  /** Reconciles what is there and what changes, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves once every object of the first list was reconciled once, well or not. */
  readonly settled: Promise<void>;
}

/** One controller per kind, over one reconciler contract: changes of the cache become keys of a queue. */
export function createController(options: ControllerOptions): Controller {
  const { kind, cache, reconciler, concurrency = defaultConcurrency, patience, lanes, clock, log } = options;
  const initial = new Set<string>();
  let setSettled: () => void = () => undefined;
  const settled = new Promise<void>((resolve) => {
    setSettled = resolve;
  });
  let listed = false;

  function done(key: string): void {
    initial.delete(key);
    if (listed && initial.size === 0) setSettled();
  }

  const queue = createKeyedQueue({
    concurrency,
    ...(patience === undefined ? {} : { patience }),
    ...(lanes === undefined ? {} : { lanes }),
    clock,
    work: async (key, signal) => {
      try {
        return await reconciler.reconcile(refOf(kind, key), signal);
      } catch (error) {
        return handle(key, error);
      } finally {
        done(key);
      }
    },
    onError: (key, error) => log.warn("reconcile failed, will retry", { kind: kind.kind, key, error }),
  });

  function handle(key: string, error: unknown): { readonly againAfterMs?: number } {
    if (error instanceof NotYetError) return { againAfterMs: error.afterMs };
    if (!(error instanceof TerminalError)) throw error;
    log.warn("reconcile failed until the object changes", { kind: kind.kind, key, error: messageOf(error) });
    return {};
  }

  return {
    settled,
    request: (namespace, name) => queue.add(`${namespace}/${name}`),
    requestAll(namespace) {
      for (const { metadata } of cache.items()) if (metadata.namespace === namespace) queue.add(keyOf(metadata));
    },
    async run(signal) {
      const stop = cache.onChange(({ object }) => queue.add(keyOf(object.metadata)));
      try {
        await unlessAborted(cache.synced, signal);
        for (const { metadata } of cache.items()) {
          initial.add(keyOf(metadata));
          queue.add(keyOf(metadata));
        }
        listed = true;
        if (initial.size === 0) setSettled();
        await queue.run(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        stop();
      }
    },
  };
}

function keyOf({ namespace = "", name = "" }: { readonly namespace?: string; readonly name?: string }): string {
  return `${namespace}/${name}`;
}

function refOf(kind: GroupVersionKind, key: string): ObjectRef {
  const slash = key.indexOf("/");
  return { ...kind, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
