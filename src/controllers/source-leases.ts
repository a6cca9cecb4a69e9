import { encodeToken } from "../record/subject.ts";
import type { LeaseHolder, LeaseSet } from "./leases.ts";

/** The lease of one EventSource's singleton events, wanted until disposal; the work under it must have ended by then. */
export interface SourceLease extends AsyncDisposable {
  /**
   * Runs `work` whenever this engine has the lease, until `signal` aborts. Losing it aborts the signal of `work` only: the
   * work begins again when the lease is back. Rejects only when `work` does.
   */
  during(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

export interface SourceLeases {
  open(namespace: string, name: string): SourceLease;
  /** Whether this engine has it now. */
  owns(namespace: string, name: string): boolean;
}

export interface SourceLeasesOptions {
  /** Makes the set of leases for its holder. */
  readonly singles: (holder: LeaseHolder) => LeaseSet;
  /** Called when an EventSource's lease came or went: its status has another writer. */
  readonly onChange: (namespace: string, name: string) => void;
}

/** One for each EventSource that is open. */
interface Entry {
  readonly namespace: string;
  readonly name: string;
  readonly waiting: Set<() => void>;
  /** While the lease is held. */
  lease: AbortController | undefined;
}

/** Singleton sources (calendar, subscriptions without groups) run on one engine; the others wait for their turn. */
export function createSourceLeases({ singles, onChange }: SourceLeasesOptions): SourceLeases {
  const entries = new Map<string, Entry>();

  function end(key: string, reason: unknown): void {
    const entry = entries.get(key);
    if (!entry) return;
    entry.lease?.abort(reason);
    entry.lease = undefined;
    onChange(entry.namespace, entry.name);
  }

  const set = singles({
    gained(key) {
      const entry = entries.get(key);
      if (!entry) return;
      entry.lease = new AbortController();
      for (const wake of entry.waiting) wake();
      onChange(entry.namespace, entry.name);
    },
    lost: end,
    async yield(key) {
      end(key, new Error("another engine takes over"));
    },
  });

  return {
    owns: (namespace, name) => set.owns(keyOf(namespace, name)),
    open(namespace, name) {
      const key = keyOf(namespace, name);
      const entry: Entry = { namespace, name, waiting: new Set(), lease: undefined };
      entries.set(key, entry);
      set.want(key);
      return {
        async during(work, signal) {
          while (!signal.aborted) {
            const lease = await leased(entry, signal);
            if (lease) await work(AbortSignal.any([signal, lease]));
          }
        },
        async [Symbol.asyncDispose]() {
          entries.delete(key);
          await set.release(key);
        },
      };
    },
  };
}

function keyOf(namespace: string, name: string): string {
  return `${encodeToken(namespace)}/${encodeToken(name)}`;
}

/** Resolves when the lease is held, or with undefined when `signal` aborts. */
function leased(entry: Entry, signal: AbortSignal): Promise<AbortSignal | undefined> {
  if (entry.lease) return Promise.resolve(entry.lease.signal);
  return new Promise((resolve) => {
    const wake = (): void => {
      entry.waiting.delete(wake);
      signal.removeEventListener("abort", wake);
      resolve(entry.lease?.signal);
    };
    entry.waiting.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    if (signal.aborted) wake();
  });
}
