import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, TerminalError } from "../base/errors.ts";

const maxFiles = 1_000;
const maxFolders = 1_000;
const maxBytes = 10 * 1024 * 1024;

export interface ReadSeed {
  /** Path with `/`, relative to the folder → content. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Hidden files and folders, links, pipes and the like; a folder stands for all that is in it. */
  readonly leftOut: readonly string[];
}

/**
 * The files that a served repository begins with. Links are not followed: they would make public what lies elsewhere on
 * the machine. What is hidden belongs to editors and to Git itself, apart from `.gitignore`.
 * @throws TerminalError CONFIG_INVALID (more than allowed), MANIFEST_UNREADABLE
 */
export async function readSeedFiles(folder: string): Promise<ReadSeed> {
  const files = new Map<string, Uint8Array>();
  const leftOut: string[] = [];
  const folders = [""];
  let bytes = 0;
  // Grows while it is read, up to its limit.
  for (const below of folders) {
    for (const { name, kind } of await listFolder(join(folder, below))) {
      const path = `${below}${name}`;
      if (kind === "other") leftOut.push(path);
      else if (kind === "folder") folders.push(`${path}/`);
      else {
        const content = await readSeedFile(join(folder, path), maxBytes - bytes, folder);
        bytes += content.length;
        files.set(path, content);
      }
      if (folders.length > maxFolders + 1) throw tooLarge(folder, `${maxFolders} folders`);
      if (files.size > maxFiles) throw tooLarge(folder, `${maxFiles} files`);
    }
  }
  return { files: Object.fromEntries(files), leftOut };
}

interface Entry {
  readonly name: string;
  readonly kind: "file" | "folder" | "other";
}

async function listFolder(path: string): Promise<readonly Entry[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const found = entries.map((entry): Entry => {
    const { name } = entry;
    if (name.startsWith(".") && name !== ".gitignore") return { name, kind: "other" };
    return { name, kind: entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other" };
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readSeedFile(path: string, maxLength: number, folder: string): Promise<Uint8Array> {
  try {
    // It may have become a link or a pipe since it was listed.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await file.stat();
    if (size > maxLength) throw tooLarge(folder, `${maxBytes} bytes`);
    return await file.readFile();
  } catch (error) {
    throw error instanceof TerminalError ? error : unreadable(path, error);
  }
}

function tooLarge(folder: string, limit: string): TerminalError {
  return new TerminalError("CONFIG_INVALID", `"${folder}" holds over ${limit}: push them to a repository instead`);
}

function unreadable(path: string, error: unknown): TerminalError {
  return new TerminalError("MANIFEST_UNREADABLE", `"${path}" cannot be read: ${messageOf(error)}`, error);
}
