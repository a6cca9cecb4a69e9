/** What Go's package unicode says of one character (a code point). */

export function isSpace(character: string): boolean {
  return /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/u.test(character);
}

export function isUpper(character: string): boolean {
  return /^\p{Lu}$/u.test(character);
}

export function uppered(character: string): string {
  return one(character, character.toUpperCase());
}

export function lowered(character: string): string {
  return character === "İ" ? "i" : one(character, character.toLowerCase());
}

/** Where JavaScript makes two characters of one, Go leaves it. */
function one(before: string, after: string): string {
  return [...after].length === 1 ? after : before;
}
