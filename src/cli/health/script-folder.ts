import type { Dirent } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { EngineError, messageOf } from "../../base/errors.ts";
import { whyUnreadable } from "../../base/unreadable.ts";
import { parseLooseYaml } from "../../base/yaml.ts";
import { createScriptFolders, type ScriptFolders } from "../../gitops/health/trial/scripts.ts";

const maxEntries = 100_000;
const maxFileBytes = 10 * 1_048_576;

/** A tree of folders with scripts and their tests. Names are relative to its top. */
export interface ScriptTree {
  readonly healthTests: readonly string[];
  readonly actionTests: readonly string[];
  readonly health: ScriptFolders;
  readonly actions: ScriptFolders;
  has(file: string): boolean;
  /** @throws EngineError MANIFEST_UNREADABLE, also for what lies outside of the tree */
  read(file: string): Promise<string>;
  /** The first document. @throws EngineError MANIFEST_UNREADABLE */
  readYaml(file: string): Promise<unknown>;
}

/** @throws EngineError MANIFEST_UNREADABLE */
export async function openScriptTree(top: string): Promise<ScriptTree> {
  const root = await rootOf(top);
  const files = await filesIn(root);
  const named = (name: string): string[] => [...files].filter((file) => file === name || file.endsWith(`/${name}`));
  const read = (file: string): Promise<string> => readInside(root, file);
  return {
    healthTests: named("health_test.yaml"),
    actionTests: named("action_test.yaml"),
    health: createScriptFolders(named("health.lua").map(dirname)),
    actions: createScriptFolders(actionFolders(files)),
    has: (file) => files.has(file),
    read,
    readYaml: async (file) => {
      try {
        return parseLooseYaml(await read(file))[0] ?? null;
      } catch (error) {
        if (error instanceof EngineError && error.message.startsWith(file)) throw error;
        throw new EngineError("MANIFEST_UNREADABLE", `${file}: ${messageOf(error)}`, error);
      }
    },
  };
}

/** `<group>/<Kind>` of `<group>/<Kind>/actions/discovery.lua` and `…/actions/<name>/action.lua`. */
function actionFolders(files: ReadonlySet<string>): readonly string[] {
  const folders = [...files].flatMap((file) => {
    if (file.endsWith("actions/discovery.lua")) return [dirname(dirname(file))];
    return file.endsWith("/action.lua") ? [dirname(dirname(dirname(file)))] : [];
  });
  return [...new Set(folders)];
}

async function rootOf(top: string): Promise<string> {
  try {
    const root = await realpath(top);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `"${top}" cannot be read: ${whyUnreadable(error)}`, error);
  }
  throw new EngineError(
    "MANIFEST_UNREADABLE",
    `"${top}" is no folder: give the one that holds <group>/<Kind>/health.lua`,
  );
}

async function filesIn(root: string): Promise<ReadonlySet<string>> {
  let entries: Dirent[];
  try {
    entries = await readdir(root, { withFileTypes: true, recursive: true });
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `"${root}" cannot be read: ${whyUnreadable(error)}`, error);
  }
  if (entries.length > maxEntries)
    throw new EngineError("MANIFEST_UNREADABLE", `"${root}" holds over ${maxEntries} files`);
  const names = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"));
  return new Set(names.sort());
}

async function readInside(root: string, file: string): Promise<string> {
  const path = resolve(root, file);
  let size: number;
  try {
    const real = await realpath(path);
    if (!real.startsWith(`${root}${sep}`)) throw new Error("it lies outside of the folder that is tested");
    ({ size } = await stat(real));
    if (size <= maxFileBytes) return await readFile(real, "utf8");
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `${file} cannot be read: ${whyUnreadable(error)}`, error);
  }
  throw new EngineError("MANIFEST_UNREADABLE", `${file} has ${size} bytes; at most ${maxFileBytes} are read`);
}
