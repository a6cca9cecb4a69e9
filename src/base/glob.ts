export type GlobToken =
  | { readonly kind: "char"; readonly char: string }
  | { readonly kind: "one" }
  | { readonly kind: "many" };

/** Whether the tokens match the whole of `text`, or its characters. Linear in `text` times tokens. */
export function globMatches(tokens: readonly GlobToken[], text: string | readonly string[]): boolean {
  let token = 0;
  let index = 0;
  let star = -1;
  let mark = 0;
  while (index < text.length) {
    const now = tokens[token];
    if (now?.kind === "many") {
      star = token++;
      mark = index;
    } else if (now && (now.kind === "one" || now.char === text[index])) {
      token++;
      index++;
    } else if (star >= 0) {
      token = star + 1;
      index = ++mark;
    } else return false;
  }
  while (tokens[token]?.kind === "many") token++;
  return token === tokens.length;
}
