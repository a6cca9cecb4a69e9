import { stat } from "node:fs/promises";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { listManifestFiles } from "../../controllers/manifest-files.ts";

/** How often files are looked at; a change counts once nothing has changed for as long. */
const pollMs = 500;

/** What the files looked like, by name. */
export type Snapshot = ReadonlyMap<string, string>;

/** Of the files named, those in folders named, and `more`. Taken before they are read, so that no change is missed. */
export async function snapshotOf(names: readonly string[], more: Iterable<string>): Promise<Snapshot> {
  const listed = await Promise.all(names.map(listedIn));
  const others = await Promise.all([...more].map(async (file) => [file, await stampOf(file)] as const));
  return new Map([...others, ...listed.flat()]);
}

/** A folder that is gone may come back. */
async function listedIn(name: string): Promise<readonly (readonly [string, string])[]> {
  return [...(await listManifestFiles(name).catch(() => new Map<string, string>()))];
}

async function stampOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? `${found.mtimeMs} ${found.ctimeMs} ${found.size} ${found.ino}` : "";
}

/**
 * Resolves once a file is not as it was in `before`, came or went, and all of them have come to rest. Rejects when
 * `signal` aborts.
 */
export async function nextChange(
  names: readonly string[],
  before: Snapshot,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  let last = before;
  for (;;) {
    await sleepFor(clock, pollMs, signal);
    const now = await snapshotOf(names, before.keys());
    if (!isSame(now, before) && isSame(now, last)) return;
    last = now;
  }
}

function isSame(a: Snapshot, b: Snapshot): boolean {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].every((name) => (a.get(name) ?? "") === (b.get(name) ?? ""));
}
