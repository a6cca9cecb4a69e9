/** What a `DueMap` holds: `due` (milliseconds since 1970) is when something happens to it by itself. */
export interface DueEntry {
  readonly key: string;
  readonly due?: number;
}

/**
 * A map in plain JSON, changed by copying: an update copies one bucket and the list of buckets, whatever the size, and
 * the earliest due time is known without looking at the entries.
 */
export interface DueMap<Entry extends DueEntry> {
  readonly size: number;
  readonly due?: number;
  readonly buckets: readonly Bucket<Entry>[];
}

interface Bucket<Entry> {
  readonly due?: number;
  readonly entries: readonly Entry[];
}

/** Some thousand entries make some dozen in each. */
const bucketCount = 128;

const emptyBucket: Bucket<never> = { entries: [] };

export const emptyDueMap: DueMap<never> = { size: 0, buckets: new Array(bucketCount).fill(emptyBucket) };

/** FNV-1a over UTF-16 code units. */
function indexOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % bucketCount;
}

export function entryOf<Entry extends DueEntry>(map: DueMap<Entry>, key: string): Entry | undefined {
  return map.buckets[indexOf(key)]?.entries.find((entry) => entry.key === key);
}

/** With `entry` in the place of the one of its key. */
export function withEntry<Entry extends DueEntry>(map: DueMap<Entry>, entry: Entry): DueMap<Entry> {
  const index = indexOf(entry.key);
  const { entries } = map.buckets[index] ?? emptyBucket;
  const at = entries.findIndex(({ key }) => key === entry.key);
  const isNew = at < 0;
  return withBucket(map, index, isNew ? [...entries, entry] : entries.with(at, entry), map.size + (isNew ? 1 : 0));
}

export function withoutEntry<Entry extends DueEntry>(map: DueMap<Entry>, key: string): DueMap<Entry> {
  const index = indexOf(key);
  const { entries } = map.buckets[index] ?? emptyBucket;
  const left = entries.filter((entry) => entry.key !== key);
  return left.length === entries.length ? map : withBucket(map, index, left, map.size - 1);
}

function withBucket<Entry extends DueEntry>(
  map: DueMap<Entry>,
  index: number,
  entries: readonly Entry[],
  size: number,
): DueMap<Entry> {
  const due = earliest(entries);
  const buckets = map.buckets.with(index, { entries, ...(due === undefined ? {} : { due }) });
  const first = earliest(buckets);
  return { size, buckets, ...(first === undefined ? {} : { due: first }) };
}

function earliest(list: readonly { readonly due?: number }[]): number | undefined {
  let first: number | undefined;
  for (const { due } of list) if (due !== undefined && (first === undefined || due < first)) first = due;
  return first;
}

/** The entry that is due first; of several the one with the smallest key, so that nobody's order of insertion shows. */
export function firstDue<Entry extends DueEntry>({ due, buckets }: DueMap<Entry>): Entry | undefined {
  if (due === undefined) return undefined;
  let first: Entry | undefined;
  for (const bucket of buckets) {
    if (bucket.due !== due) continue;
    for (const entry of bucket.entries) {
      if (entry.due === due && (first === undefined || entry.key < first.key)) first = entry;
    }
  }
  return first;
}

export function* entriesOf<Entry extends DueEntry>(map: DueMap<Entry>): Generator<Entry> {
  for (const { entries } of map.buckets) yield* entries;
}

/** The keys whose entries are not the same object in both, with both; takes as long as there are changes. */
export function* changedEntries<Entry extends DueEntry>(
  before: DueMap<Entry>,
  now: DueMap<Entry>,
): Generator<{ readonly before: Entry | undefined; readonly now: Entry | undefined }> {
  for (const [index, bucket] of now.buckets.entries()) {
    const old = before.buckets[index] ?? emptyBucket;
    if (old === bucket) continue;
    for (const entry of bucket.entries) {
      const was = old.entries.find(({ key }) => key === entry.key);
      if (was !== entry) yield { before: was, now: entry };
    }
    for (const entry of old.entries) {
      if (!bucket.entries.some(({ key }) => key === entry.key)) yield { before: entry, now: undefined };
    }
  }
}
