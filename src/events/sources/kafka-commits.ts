import { sleepFor } from "../../base/clock.ts";
import type { SourceContext } from "./source.ts";

interface Offset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
}

export interface Commits {
  /** Call it in the order of the partition; what it gives back once the message is kept. */
  begin(message: Offset): () => void;
  /** Commits what is kept, and stops. */
  close(): Promise<void>;
}

const everyMs = 500;

/**
 * Of each partition, the offset is committed up to which everything is kept, twice a second at most. A commit that fails is
 * made again with the next: at worst messages come again, with the same ids.
 */
export function createCommits(
  commit: (offsets: readonly Offset[]) => Promise<void>,
  { clock, log }: SourceContext,
): Commits {
  const waiting = new Map<string, { readonly message: Offset; isKept: boolean }[]>();
  const due = new Map<string, Offset>();
  const stop = new AbortController();
  let committing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    const offsets = [...due.values()];
    due.clear();
    if (offsets.length === 0) return;
    await commit(offsets).catch((error: unknown) => log.warn("offsets not committed", { error }));
  }

  function schedule(): void {
    committing ??= sleepFor(clock, everyMs, stop.signal)
      .catch(() => undefined)
      .then(flush)
      .finally(() => {
        committing = undefined;
      });
  }

  return {
    begin(message) {
      const key = `${message.topic}/${message.partition}`;
      const queue = waiting.get(key) ?? [];
      waiting.set(key, queue);
      const entry = { message, isKept: false };
      queue.push(entry);
      return () => {
        entry.isKept = true;
        for (let first = queue[0]; first?.isKept; first = queue[0]) {
          due.set(key, { ...pick(first.message), offset: first.message.offset + 1n });
          queue.shift();
        }
        if (due.size > 0) schedule();
      };
    },
    async close() {
      stop.abort();
      await committing;
      await flush();
    },
  };
}

function pick({ topic, partition, offset, leaderEpoch }: Offset): Offset {
  return { topic, partition, offset, leaderEpoch };
}
