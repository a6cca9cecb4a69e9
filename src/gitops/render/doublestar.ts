import { compilePathGlob, type PathGlob } from "../../base/path-glob.ts";

/** Whether a text is a glob of that kind. */
export function isGlob(text: string): boolean {
  return /[*?[\]]/.test(text);
}

/** The folder before the first part with a wildcard. */
export function globBase(pattern: string): string {
  const parts = pattern.split("/");
  const at = parts.findIndex(isGlob);
  return parts.slice(0, at < 0 ? -1 : at).join("/");
}

/**
 * A glob over paths whose `**` stands for any number of folders, none included; the rest is Go's `path.Match`. Work is
 * bounded by parts of the path times parts of the pattern.
 */
export function compileDoublestar(pattern: string): PathGlob {
  const parts = pattern.split("/").map((part) => (part === "**" ? part : compilePathGlob(part, rules)));
  return (path) => matches(parts, path.split("/"));
}

const rules = { dialect: "go", separator: "/" } as const;

/** Which beginnings of the path the pattern's parts so far match, as a set of lengths. */
function matches(pattern: readonly ("**" | PathGlob)[], path: readonly string[]): boolean {
  let reached = new Set([0]);
  for (const part of pattern) {
    const next = new Set<number>();
    for (const at of reached) {
      if (part === "**") for (let to = at; to <= path.length; to++) next.add(to);
      else if (at < path.length && part(path[at] ?? "")) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(path.length);
}
