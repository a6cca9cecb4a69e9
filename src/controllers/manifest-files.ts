import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { type Manifest, parseManifests } from "../api/manifest.ts";
import { messageOf, TerminalError } from "../base/errors.ts";

const maxFiles = 10_000;
const extensions = [".yaml", ".yml", ".json"];

/**
 * The files of manifests under `path` (a directory with its folders, or one file) in order of their names, each with a
 * fingerprint that changes when the file does. @throws TerminalError MANIFEST_UNREADABLE
 */
export async function listManifestFiles(path: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const names = await list(path);
  if (names.length > maxFiles) throw new TerminalError("MANIFEST_UNREADABLE", `"${path}" holds over ${maxFiles} files`);
  for (const file of names.sort()) {
    const { mtimeMs, size } = await stat(file);
    files.set(file, `${mtimeMs} ${size}`);
  }
  return files;
}

async function list(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile() && extensions.includes(extname(entry.name)))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => !isHidden(relative(path, file)));
  } catch (error) {
    throw new TerminalError("MANIFEST_UNREADABLE", `"${path}" cannot be read: ${messageOf(error)}`, error);
  }
}

function isHidden(file: string): boolean {
  return file.split("/").some((part) => part.startsWith(".") || part === "node_modules");
}

/** @throws TerminalError MANIFEST_UNREADABLE */
export async function readManifestFile(file: string): Promise<readonly Manifest[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new TerminalError("MANIFEST_UNREADABLE", `"${file}" cannot be read: ${messageOf(error)}`, error);
  }
  return parseManifests(text, file);
}
