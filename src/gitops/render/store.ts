import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { Produced } from "./plan.ts";

/** What tools rendered, on disk by key: it outlives the process, and all Applications share it. */
export interface RenderStore {
  /** Undefined: there is none, or it cannot be used; it is made anew then. */
  find(key: string): Promise<Produced | undefined>;
  /** Never fails: what cannot be kept is made again. */
  keep(key: string, manifests: readonly JsonObject[]): Promise<void>;
}

export interface RenderStoreOptions {
  /** `<data-dir>/render/kept`; this process owns it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly maxBytes?: number;
  /** Told of what could not be kept or read. */
  readonly onFailure: (error: unknown) => void;
}

const defaultBytes = 1024 * 1024 * 1024;
const maxEntryBytes = 64 * 1024 * 1024;
/** What is over the limit goes down to this share of it, so that it is not looked for at every write. */
const keptShare = 0.8;

/** Those used last, so many bytes. A file is named by its key and holds its own checksum: half of one counts as none. */
export function createRenderStore(options: RenderStoreOptions): RenderStore {
  const { directory, clock, maxBytes = defaultBytes, onFailure } = options;
  let bytes: number | undefined;
  let tidying: Promise<void> | undefined;

  const fileOf = (key: string): string => join(directory, key.slice(0, 2), `${key}.json`);

  async function tidy(): Promise<void> {
    const files = await listFiles(directory);
    bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes <= maxBytes) return;
    for (const { path, size } of files.sort((a, b) => a.usedAt - b.usedAt)) {
      if (bytes <= maxBytes * keptShare) return;
      await rm(path, { force: true });
      bytes -= size;
    }
  }

  async function write(key: string, text: string): Promise<void> {
    const path = fileOf(key);
    await mkdir(join(directory, key.slice(0, 2)), { recursive: true, mode: 0o700 });
    const half = `${path}.${randomBytes(6).toString("hex")}`;
    await writeFile(half, text, { mode: 0o600 });
    await rename(half, path);
    if (bytes !== undefined) bytes += Buffer.byteLength(text);
    if (bytes === undefined || bytes > maxBytes) {
      tidying ??= tidy().finally(() => {
        tidying = undefined;
      });
      await tidying;
    }
  }

  return {
    async find(key) {
      try {
        const path = fileOf(key);
        const found = open(await readFile(path, "utf8"));
        const now = clock.now() / 1_000;
        if (found !== undefined) await utimes(path, now, now);
        return found;
      } catch (error) {
        if (!isMissing(error)) onFailure(error);
        return undefined;
      }
    },
    async keep(key, manifests) {
      const text = JSON.stringify(manifests);
      if (text.length > maxEntryBytes) return;
      await write(key, `${digest(text)}\n${text}`).catch(onFailure);
    },
  };
}

function open(text: string): Produced | undefined {
  const end = text.indexOf("\n");
  const body = text.slice(end + 1);
  if (end < 0 || digest(body) !== text.slice(0, end)) return undefined;
  const value = parseJson(body);
  return Array.isArray(value) && value.every(isJsonObject) ? { manifests: value, bytes: body.length } : undefined;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function listFiles(directory: string) {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const all = await Promise.all(files.map(fileAt));
  return all.filter((file) => file !== undefined);
}

/** Undefined: it went, or got its name, since the folder was read. */
async function fileAt(path: string) {
  try {
    const { size, mtimeMs } = await stat(path);
    return { path, size, usedAt: mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
