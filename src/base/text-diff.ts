import { structuredPatch } from "diff";

/** Larger differences than are found in this time are shown as all of one and all of the other. */
const timeoutMs = 1_000;
const contextLines = 3;

/**
 * What differs between two texts, line by line: `-` only before, `+` only after, a space in both; `…` stands for lines
 * left out. No lines where nothing differs.
 */
export function diffLines(before: string, after: string): readonly string[] {
  if (before === after) return [];
  const patch = structuredPatch("", "", before, after, "", "", { context: contextLines, timeout: timeoutMs });
  if (!patch) return [...prefixed("-", before), ...prefixed("+", after)];
  return patch.hunks.flatMap(({ oldStart, lines }, index) => [
    ...(index > 0 || oldStart > 1 ? [" …"] : []),
    ...lines.filter((line) => !line.startsWith("\\")),
  ]);
}

function prefixed(sign: string, text: string): string[] {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => sign + line);
}
