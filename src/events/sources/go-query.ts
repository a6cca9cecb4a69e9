type Values = Record<string, string[]>;

/**
 * A query string or form body as Go's `url.ParseQuery` reads it: names sorted, each with every value. Pairs that are
 * malformed (a bad escape, a semicolon) are left out, and the first problem is named.
 */
export function parseGoQuery(text: string): { readonly values: Values; readonly problem?: string } {
  const found = new Map<string, string[]>();
  let problem: string | undefined;
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const read = parsePair(pair);
    if (typeof read === "string") {
      problem ??= read;
      continue;
    }
    const [name, value] = read;
    const values = found.get(name);
    if (values) values.push(value);
    else found.set(name, [value]);
  }
  const values: Values = Object.create(null);
  for (const name of [...found.keys()].sort()) values[name] = found.get(name) ?? [];
  return problem === undefined ? { values } : { values, problem };
}

function parsePair(pair: string): readonly [string, string] | string {
  if (pair.includes(";")) return "invalid semicolon separator in query";
  const equals = pair.indexOf("=");
  const name = unescapeText(equals < 0 ? pair : pair.slice(0, equals));
  const value = unescapeText(equals < 0 ? "" : pair.slice(equals + 1));
  if (name === undefined || value === undefined) {
    const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(pair)?.[0] ?? "%";
    return `invalid URL escape "${wrong}"`;
  }
  return [name, value];
}

/** Undefined for a broken escape. Bytes that are not UTF-8 become U+FFFD, as in Go's JSON. */
function unescapeText(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  const bytes: Buffer[] = [];
  let at = 0;
  for (const match of spaced.matchAll(/(?:%[0-9a-fA-F]{2})+/g)) {
    bytes.push(Buffer.from(spaced.slice(at, match.index)), Buffer.from(match[0].replaceAll("%", ""), "hex"));
    at = match.index + match[0].length;
  }
  bytes.push(Buffer.from(spaced.slice(at)));
  return Buffer.concat(bytes).toString("utf8");
}
