import { stat } from "node:fs/promises";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { listManifestFiles } from "../../controllers/manifest-files.ts";

/** How often files are looked at; a change counts once nothing has changed for as long. */
const pollMs = 500;

/** Resolves once a file changed, came or went, and all of them have come to rest. Rejects when `signal` aborts. */
export async function nextChange(
  names: readonly string[],
  files: ReadonlySet<string>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const before = await fingerprint(names, files);
  let last = before;
  for (;;) {
    await sleepFor(clock, pollMs, signal);
    const now = await fingerprint(names, files);
    if (now !== before && now === last) return;
    last = now;
  }
}

async function fingerprint(names: readonly string[], files: ReadonlySet<string>): Promise<string> {
  const listed = await Promise.all(names.map(listedIn));
  const others = await Promise.all([...files].map(statOf));
  return JSON.stringify([listed, others]);
}

/** A folder that is gone may come back. */
async function listedIn(name: string): Promise<readonly unknown[]> {
  return [...(await listManifestFiles(name).catch(() => new Map<string, string>()))];
}

async function statOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found ? `${file} ${found.mtimeMs} ${found.size} ${found.ino}` : `${file} -`;
}
