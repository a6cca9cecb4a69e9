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
  const written = pattern.split("/");
  // Two `**` beside each other are one.
  const parts = written
    .filter((part, index) => part !== "**" || written[index - 1] !== "**")
    .map((part) => (part === "**" ? part : compilePathGlob(part, rules)));
  const least = parts.filter((part) => part !== "**").length;
  return (path) => {
    const steps = path.split("/");
    return least <= steps.length && matches(parts, steps);
  };
}

type Part = "**" | PathGlob;

const rules = { dialect: "go", separator: "/" } as const;

/** Which beginnings of the path the pattern's parts so far match, as a set of lengths. */
function matches(pattern: readonly Part[], path: readonly string[]): boolean {
  let reached = new Set([0]);
  for (const part of pattern) {
    reached = part === "**" ? anyFurther(reached, path.length) : oneFurther(reached, part, path);
  }
  return reached.has(path.length);
}

/** Each runs to the end: what one has added, the others need not. */
function anyFurther(reached: ReadonlySet<number>, end: number): Set<number> {
  const next = new Set<number>();
  for (const at of reached) for (let to = at; to <= end && !next.has(to); to++) next.add(to);
  return next;
}

function oneFurther(reached: ReadonlySet<number>, part: PathGlob, path: readonly string[]): Set<number> {
  return new Set([...reached].filter((at) => at < path.length && part(path[at] ?? "")).map((at) => at + 1));
}
