import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** A source file as the rules see it: its path from the project's root, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Problem {
  readonly path: string;
  readonly message: string;
}

export function readFiles(root: string, patterns: readonly string[]): SourceFile[] {
  return globSync([...patterns], { cwd: root })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !path.split("/").includes("node_modules"))
    .sort()
    .map((path) => ({ path, text: readFileSync(posix.join(root, path), "utf8") }));
}

const importPattern =
  /^[ \t]*(?:import|export)\s+(?:type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;

/** What a file imports from the project, type imports and `import()` included, as paths from the root. */
export function importsOf(file: SourceFile): string[] {
  const found = new Set<string>();
  for (const match of withoutComments(file.text).matchAll(importPattern)) {
    const target = match[1] ?? match[2] ?? "";
    if (target.startsWith(".")) found.add(posix.join(posix.dirname(file.path), target));
  }
  return [...found];
}

/** Blanks comments, keeping line numbers. Formatted code is assumed: a `//` in a string follows no white space. */
export function withoutComments(text: string): string {
  return text
    .replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|[ \t])\/\/.*$/gm, "$1");
}

export interface FoundFunction {
  readonly line: number;
  readonly head: string;
  readonly length: number;
}

const plainBlock = /^\s*(?:\}\s*)?(?:if|for|while|switch|catch|do|else|try|finally|class|interface|case|default)\b/;

/**
 * Functions by the shape that the formatter gives them: a line that opens a block, up to the first line of the same
 * indentation that begins with `}`. Signatures over several lines count from their last line.
 */
export function functionsOf(file: SourceFile): FoundFunction[] {
  const lines = file.text.split("\n");
  return lines.flatMap((head, index) => {
    if (!opensFunction(head)) return [];
    const indent = head.length - head.trimStart().length;
    const end = lines.findIndex((line, at) => at > index && line.startsWith(`${" ".repeat(indent)}}`));
    return [{ line: index + 1, head: head.trim(), length: (end < 0 ? lines.length : end) - index + 1 }];
  });
}

function opensFunction(line: string): boolean {
  if (!line.endsWith("{") || plainBlock.test(line)) return false;
  return line.endsWith("=> {") || /\bfunction\b/.test(line) || /\)(?:: .+)? \{$/.test(line);
}
