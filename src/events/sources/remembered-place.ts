import { createHash } from "node:crypto";
import type { SourceContext } from "./source.ts";

/**
 * How far a source has read upstream, kept here beside what upstream keeps of it: one that has forgotten its readers, since
 * it was wiped or made anew, is then read on and not begun at its end.
 */
export interface RememberedPlace {
  /** Undefined: nothing is known yet. */
  read(): Promise<string | undefined>;
  keep(place: string): Promise<void>;
  /** As `keep`, but not often: what is read twice for that has the same ids. `place` is asked for when it is. Never rejects. */
  note(place: () => string): Promise<void>;
  /** Keeps what was noted last. Never rejects. */
  flush(): Promise<void>;
}

const everyMs = 5_000;

/** `of`: what the place is in; of another one nothing is known. */
export function rememberedPlace(
  { state, clock, log }: Pick<SourceContext, "state" | "clock" | "log">,
  of: readonly unknown[],
): RememberedPlace {
  const key = `place/${createHash("sha256").update(JSON.stringify(of)).digest("hex").slice(0, 32)}`;
  let noted: (() => string) | undefined;
  let keptMs = Number.NEGATIVE_INFINITY;

  async function keep(place: string): Promise<void> {
    noted = undefined;
    keptMs = clock.monotonicMs();
    await state.put(key, Buffer.from(place));
  }

  async function flush(): Promise<void> {
    if (noted === undefined) return;
    await keep(noted()).catch((error: unknown) => log.warn("position not kept", { error }));
  }

  return {
    async read() {
      const known = await state.get(key);
      return known && Buffer.from(known.value).toString("utf8");
    },
    keep,
    async note(place) {
      noted = place;
      if (clock.monotonicMs() - keptMs >= everyMs) await flush();
    },
    flush,
  };
}
