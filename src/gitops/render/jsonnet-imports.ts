import type { Inputs } from "./inputs.ts";
import { RenderError } from "./render.ts";
import { normalPath } from "./tree-reader.ts";

const maxFiles = 2_000;
/** Between the word and its text there may be white space and comments; more of them than this is refused. */
const maxGap = 10_000;
const maxName = 4_096;

export interface Import {
  readonly name: string;
  /** Whether it is evaluated, not only read. */
  readonly isCode: boolean;
  /** Whether it has to be text. */
  readonly isText: boolean;
}

/**
 * Adds what jsonnet files import, and what that imports: looked for beside the importing file, then in the library folders,
 * last one first. Where it is looked for and not found is recorded too. Jsonnet would read any file of the machine: what
 * leads out of the tree is refused before it runs.
 * `snippets`: code that stands in no file.
 * @throws RenderError for an import that leads out of the tree
 */
export async function addImports(
  files: readonly string[],
  snippets: readonly string[],
  libraries: readonly string[],
  inputs: Inputs,
): Promise<void> {
  const waiting = files.map((path) => ({ path, isCode: true }));
  const seen = new Set<string>(files);
  const lookIn = async (text: string, folder: string, where: string): Promise<void> => {
    for (const one of importsIn(text)) {
      const path = await locate(one.name, [folder, ...libraries.toReversed()], where, inputs);
      const key = one.isCode ? (path ?? "") : `text of ${path}`;
      if (path === undefined || !one.isText || seen.has(key)) continue;
      if (seen.size >= maxFiles) throw new RenderError("Unknown", `jsonnet: more than ${maxFiles} files are imported`);
      seen.add(key);
      waiting.push({ path, isCode: one.isCode });
    }
  };
  for (const snippet of snippets) await lookIn(snippet, "", "a variable");
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { path, isCode } = next;
    const found = await inputs.add(path);
    if (found === undefined || found.kind === "folder" || found.kind === "submodule") continue;
    // Jsonnet puts U+FFFD in place of what is no text, without a word.
    const text = await inputs.main.checkedText({ ...found, kind: found.kind });
    if (isCode) await lookIn(text, parentOf(path), path);
  }
}

/** The first of the folders that has it, as jsonnet looks. */
async function locate(name: string, folders: readonly string[], where: string, inputs: Inputs) {
  for (const folder of folders) {
    const path = within(folder, name);
    if (path === undefined) {
      throw new RenderError("Unknown", `${where}: import ${JSON.stringify(name)} leads out of the repository`);
    }
    if ((await inputs.add(path)) !== undefined) return path;
  }
  return undefined;
}

/**
 * Every place that could be an import, those in comments and texts included: a reader that knows less of the language than
 * jsonnet cannot be misled about where a text begins.
 */
export function importsIn(text: string): readonly Import[] {
  const found: Import[] = [];
  for (const { 0: word, 1: kind, index } of text.matchAll(/import(str|bin)?/g)) {
    const name = textAt(text, behindGap(text, index + word.length));
    if (name !== undefined) found.push({ name, isCode: kind === undefined, isText: kind !== "bin" });
  }
  return found;
}

function behindGap(text: string, from: number): number {
  let at = from;
  for (;;) {
    if (at - from > maxGap) throw new RenderError("Unknown", "jsonnet: an import stands too far from its name");
    const char = text[at] ?? "";
    if (/\s/.test(char) && char !== "") at += 1;
    else if (char === "#" || text.startsWith("//", at)) at = after(text, "\n", at, from);
    else if (text.startsWith("/*", at)) at = after(text, "*/", at + 2, from);
    else return at;
  }
}

function after(text: string, end: string, at: number, from: number): number {
  const found = text.slice(at, from + maxGap + end.length).indexOf(end);
  return found < 0 ? Math.min(text.length, from + maxGap + 1) : at + found + end.length;
}

/** The text literal that begins there, in each of jsonnet's forms but blocks, which imports cannot have. */
function textAt(text: string, at: number): string | undefined {
  const part = text.slice(at, at + maxName);
  const verbatim = /^@(["'])((?:(?!\1)[\s\S]|\1\1)*)\1/.exec(part);
  if (verbatim?.[1] !== undefined) return verbatim[2]?.replaceAll(verbatim[1].repeat(2), verbatim[1]);
  const plain = /^(["'])((?:(?!\1|\\)[\s\S]|\\[\s\S])*)\1/.exec(part);
  return plain?.[2]?.replaceAll(/\\(u[0-9a-fA-F]{4}|[\s\S])/g, (_all, escaped: string) => characterOf(escaped));
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

function characterOf(escaped: string): string {
  if (escaped.length > 1) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
  return escapes[escaped] ?? escaped;
}

function parentOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

/** Undefined for what leads out of the tree. */
function within(folder: string, name: string): string | undefined {
  if (name.startsWith("/") || name.includes("\0")) return undefined;
  try {
    return normalPath(`${folder}/${name}`);
  } catch {
    return undefined;
  }
}
