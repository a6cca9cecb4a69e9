import { createHash } from "node:crypto";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { StateStore } from "../bus/bus.ts";

/** What a source has told already, by name: kept over restarts, so that only what was missed is told then. */
export interface Seen {
  /** Whether nothing was ever kept for this `spec`: everything is new. */
  readonly isFirst: boolean;
  /** When the first start was, in milliseconds since 1970. */
  readonly since: number;
  readonly entries: ReadonlyMap<string, string>;
  set(name: string, version: string): void;
  delete(name: string): void;
  /** Keeps what changed since the last call. A crash before it makes the same events come again, with the same ids. */
  flush(): Promise<void>;
}

/** So that one change does not write everything. */
const buckets = 64;
const metaKey = "seen-of";

/** `spec`: what the names depend on. Of another one nothing is known. */
export async function openSeen(state: StateStore, spec: unknown, nowMs: number): Promise<Seen> {
  const digest = createHash("sha256").update(JSON.stringify(spec)).digest("hex");
  const meta = readObject((await state.get(metaKey))?.value);
  const isFirst = meta.spec !== digest;
  const entries = new Map<string, string>();
  const since = isFirst ? nowMs : Number(meta.since);
  const dirty = new Set<number>();
  for (const { key, value } of await state.entries("seen/")) {
    if (isFirst) await state.delete(key);
    else for (const [name, version] of Object.entries(readObject(value))) entries.set(name, String(version));
  }
  let isNew = isFirst;

  async function writeBucket(bucket: number): Promise<void> {
    const own = [...entries].filter(([name]) => bucketOf(name) === bucket);
    const key = `seen/${bucket}`;
    if (own.length === 0) await state.delete(key);
    else await state.put(key, Buffer.from(JSON.stringify(Object.fromEntries(own))));
  }

  return {
    isFirst,
    since,
    entries,
    set(name, version) {
      if (entries.get(name) === version) return;
      entries.set(name, version);
      dirty.add(bucketOf(name));
    },
    delete(name) {
      if (entries.delete(name)) dirty.add(bucketOf(name));
    },
    async flush() {
      for (const bucket of [...dirty]) {
        dirty.delete(bucket);
        await writeBucket(bucket).catch((error: unknown) => {
          dirty.add(bucket);
          throw error;
        });
      }
      if (isNew) await state.put(metaKey, Buffer.from(JSON.stringify({ spec: digest, since })));
      isNew = false;
    },
  };
}

function bucketOf(name: string): number {
  return (createHash("sha1").update(name).digest()[0] ?? 0) % buckets;
}

function readObject(value: Uint8Array | undefined): JsonObject {
  if (value === undefined) return {};
  const parsed = parseJson(Buffer.from(value).toString("utf8"));
  return isJsonObject(parsed) ? parsed : {};
}
