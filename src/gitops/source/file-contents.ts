import type { ObjectReader } from "./object-reader.ts";
import type { TreeEntry } from "./source.ts";

/** Objects that a reader is asked for together: more hardly saves time. */
const askedAtOnce = 64;

export type OnContent = (entry: TreeEntry, size: number, reader: ObjectReader) => Promise<void>;

/** Passes on what the mirror holds, and gives back the entries that it lacks. */
export async function passContents(
  reader: ObjectReader,
  entries: readonly TreeEntry[],
  onContent: OnContent,
): Promise<readonly TreeEntry[]> {
  const missing: TreeEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    if (index % askedAtOnce === 0) reader.ask(entries.slice(index, index + askedAtOnce).map(({ id }) => id));
    const head = await reader.open(entry.id);
    if (head === undefined) missing.push(entry);
    else await onContent(entry, head.size, reader);
  }
  return missing;
}

/**
 * Contents of small files that were read last, by mirror and id. Many Applications read one base; and of what one
 * Application is made of, a push changes a file or two. By mirror, since an id alone says nothing of who may read it.
 */
export interface ContentCache {
  /** Not to be changed. */
  find(mirror: string, id: string): Buffer | undefined;
  keep(mirror: string, id: string, content: Buffer): void;
}

const maxKeptBytes = 8 * 1024 * 1024;
const maxKeptFileBytes = 64 * 1024;
/** Of what a file takes beside its content. */
const overheadBytes = 300;

/** Forgets what was used longest ago. */
export function createContentCache(maxBytes = maxKeptBytes): ContentCache {
  const kept = new Map<string, Buffer>();
  let bytes = 0;
  return {
    find(mirror, id) {
      const key = `${mirror} ${id}`;
      const content = kept.get(key);
      if (content === undefined) return undefined;
      kept.delete(key);
      kept.set(key, content);
      return content;
    },
    keep(mirror, id, content) {
      const key = `${mirror} ${id}`;
      if (content.length > maxKeptFileBytes || kept.has(key)) return;
      kept.set(key, aloneIn(content));
      bytes += content.length + overheadBytes;
      for (const [oldest, { length }] of kept) {
        if (bytes <= maxBytes) return;
        kept.delete(oldest);
        bytes -= length + overheadBytes;
      }
    },
  };
}

/** What was cut out of something larger would keep all of it: a file of 1 KiB the 64 KiB that Git wrote at once. */
function aloneIn(content: Buffer): Buffer {
  if (content.buffer.byteLength === content.length) return content;
  const copy = Buffer.allocUnsafeSlow(content.length);
  content.copy(copy);
  return copy;
}
