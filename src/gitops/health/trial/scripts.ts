import { compilePathGlob } from "../../../base/path-glob.ts";

/**
 * Scripts by their folders, as Argo CD keeps them: `<group>/<Kind>`, of the core group `<Kind>`; `_` in a name stands for
 * anything.
 */
export interface ScriptFolders {
  /** The folder's script for an object: its own group and kind, else the first pattern in order of names. */
  find(apiVersion: string, kind: string): string | undefined;
}

/** `folders`: names of folders that hold the script, relative to the top one. */
export function createScriptFolders(folders: readonly string[]): ScriptFolders {
  const exact = new Map<string, string>();
  const patterns: { readonly folder: string; readonly matches: (name: string) => boolean }[] = [];
  for (const folder of [...folders].sort()) {
    const name = folder.split("/").slice(-2).join("/");
    exact.set(name, folder);
    if (!name.split("/").some((part) => part.startsWith("_") || part.endsWith("_"))) continue;
    const matches = compilePathGlob(name.replaceAll("_", "*"), { dialect: "gobwas" });
    patterns.push({ folder, matches });
  }
  return {
    find(apiVersion, kind) {
      const at = apiVersion.indexOf("/");
      const name = at < 0 ? kind : `${apiVersion.slice(0, at)}/${kind}`;
      return exact.get(name) ?? patterns.find(({ matches }) => matches(name))?.folder;
    },
  };
}
