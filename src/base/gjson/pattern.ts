import { type GlobToken, globMatches } from "../glob.ts";

/** A pattern of `tidwall/match`: `*`, `?` for one character, `\` for what stands behind it as it is. */
export type Pattern = (text: string) => boolean;

/** Linear in text times pattern, where the original gives up on what takes it too long. */
export function compilePattern(pattern: string): Pattern {
  if (/^(?:[^\\]|\\.)*\\$/s.test(pattern)) return () => false; // a backslash at the end stands for nothing
  const tokens = (pattern.match(/\\?./gsu) ?? []).map(tokenOf);
  return (text) => globMatches(tokens, /[\ud800-\udfff]/.test(text) ? [...text] : text);
}

function tokenOf(char: string): GlobToken {
  if (char.startsWith("\\")) return { kind: "char", char: char.slice(1) };
  if (char === "*") return { kind: "many" };
  return char === "?" ? { kind: "one" } : { kind: "char", char };
}
