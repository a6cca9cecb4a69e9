import type { Inputs } from "./inputs.ts";
import { normalPath } from "./tree-reader.ts";

const maxFiles = 2_000;

/**
 * Adds what jsonnet files import, and what that imports: first beside the importing file, then in the library folders. Where
 * it looks and finds nothing is recorded too. Imports can only name files by plain texts, so that none is missed; what is
 * named in a comment is added as well.
 */
export async function addImports(
  files: readonly string[],
  libraries: readonly string[],
  inputs: Inputs,
): Promise<void> {
  const waiting = [...files];
  const seen = new Set<string>(files);
  for (let file = waiting.pop(); file !== undefined && seen.size < maxFiles; file = waiting.pop()) {
    for (const path of await importedBy(file, libraries, inputs)) {
      if (seen.has(path) || (await inputs.add(path)) === undefined) continue;
      seen.add(path);
      // Content that is imported as text imports nothing.
      if (/\.(jsonnet|libsonnet|json)$/.test(path) || !/\.\w+$/.test(path)) waiting.push(path);
    }
  }
}

/** Where the files that a file imports may be. */
async function importedBy(file: string, libraries: readonly string[], inputs: Inputs): Promise<readonly string[]> {
  const found = await inputs.add(file);
  if (found === undefined || found.kind === "folder" || found.kind === "submodule") return [];
  const text = await inputs.main.text({ ...found, kind: found.kind });
  const folders = [parentOf(file), ...libraries];
  return importedNames(text).flatMap((name) => folders.flatMap((folder) => pathWithin(folder, name) ?? []));
}

/** Names in `import "…"`, `importstr "…"`, `importbin "…"`, in each of jsonnet's ways to write a text. */
export function importedNames(text: string): readonly string[] {
  const names: string[] = [];
  for (const [, , plain, single, verbatim, verbatimSingle] of text.matchAll(
    /\bimport(str|bin)?\s*(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|@"([^"\n]*)"|@'([^'\n]*)')/g,
  )) {
    const escaped = plain ?? single;
    names.push(escaped === undefined ? (verbatim ?? verbatimSingle ?? "") : escaped.replaceAll(/\\(["'\\/])/g, "$1"));
  }
  return names;
}

function parentOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

function pathWithin(folder: string, name: string): string | undefined {
  if (name.startsWith("/")) return undefined;
  try {
    return normalPath(`${folder}/${name}`);
  } catch {
    return undefined; // It leads out of the tree, where there is nothing.
  }
}
