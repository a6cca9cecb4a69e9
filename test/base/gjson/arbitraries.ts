import fc from "fast-check";

/** Keys that the paths below name. */
const keys = ["a", "b", "c", "ab", "name", "x.y", "@type", "", "é", "a*b", "k\\", "#", 'q"r'];

const words = fc.constantFrom(
  "",
  "a",
  "b",
  "ab",
  "abc",
  "é",
  "\u{1f600}x",
  "true",
  "False",
  "1",
  "0",
  "12.5",
  "x y",
  'a"b',
  "a.b",
  "t",
  "z",
);

const numbers = fc.oneof(
  fc.constantFrom(
    "0",
    "1",
    "2",
    "3",
    "12.5",
    "-1",
    "9007199254740993",
    "-9007199254740995",
    "18446744073709551615",
    "1e21",
    "1e-7",
    "0.1",
  ),
  fc.integer({ min: -5, max: 20 }).map(String),
);

/** Spelled as `JSON.stringify` would, so that raw text is the same here and there. */
function canonical(text: string): string {
  return /^-?\d{16,}$/.test(text) ? text : JSON.stringify(Number(text));
}

const leaves = fc.oneof(
  words.map((word) => JSON.stringify(word)),
  numbers.map(canonical),
  fc.constantFrom("true", "false", "null"),
);

/** JSON as text, its objects in the order of JavaScript. */
function jsonWith(keysOfObjects: readonly string[]): fc.Arbitrary<string> {
  const { json } = fc.letrec<{ json: string; list: string; object: string }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4, depthSize: "large", withCrossShrink: true },
      leaves,
      tie("list"),
      tie("object"),
      tie("list"),
      tie("object"),
    ),
    list: fc
      .oneof(fc.array(tie("json"), { maxLength: 4 }), fc.array(tie("object"), { maxLength: 4 }))
      .map((items) => `[${items.join(",")}]`),
    object: fc
      .uniqueArray(fc.tuple(fc.constantFrom(...keysOfObjects), tie("json")), { maxLength: 5, selector: ([key]) => key })
      .map((fields) => {
        // In the order of JavaScript, which puts numbers first.
        const order = Object.keys(Object.fromEntries(fields));
        const sorted = fields.toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b));
        return `{${sorted.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`;
      }),
  }));

  return json;
}

export const documents = jsonWith(keys);

/** Also with keys that are numbers, which JavaScript puts first wherever it makes an object. */
export const numberedDocuments = jsonWith([...keys, "0", "1"]);

const plainKeys = fc.constantFrom(
  "a",
  "b",
  "c",
  "ab",
  "name",
  "x\\.y",
  "@type",
  "",
  "é",
  "a\\*b",
  "k\\\\",
  "\\#",
  'q"r',
  "missing",
);
const wildKeys = fc.constantFrom("*", "a*", "?", "*b", "a?", "a\\*?", "**", "?*", "n*e", "*\\.*");
const indexes = fc.constantFrom("0", "1", "2", "01", "-1", "7");

const operators = fc.constantFrom("==", "=", "!=", "<", "<=", ">", ">=", "%", "!%");
const wanted = fc.oneof(
  words.map((word) => JSON.stringify(word)),
  numbers,
  fc.constantFrom(
    "true",
    "false",
    "null",
    "~true",
    "~false",
    "~null",
    "~*",
    "~x",
    "abc",
    '"a*"',
    '"?b"',
    "a*",
    '"\\u0061"',
    "",
    "~",
  ),
);

const modifiers = fc.constantFrom(
  ...[
    "@this",
    "@valid",
    "@reverse",
    "@ugly",
    "@flatten",
    '@flatten:{"deep":true}',
    "@join",
    "@keys",
    "@values",
    "@tostr",
    "@fromstr",
  ],
  ...[
    "@group",
    "@dig:a",
    "@dig:a.b",
    "@dig:#.a",
    "@pretty",
    '@pretty:{"sortKeys":true}',
    '@pretty:{"indent":"\\t","width":20}',
  ],
  ...['@pretty:{"prefix":" ","width":0}', "@flatten:x", "@this:x", "@nope"],
);
const literals = fc.constantFrom('!"x"', '!{"a":1}', "![1,2]", "!true", "!null", "!False", "!5", "!x", "!-1.5");

/** Kinds of parts, so that a test may leave some out. */
export interface PathOptions {
  readonly pipes: boolean;
}

export function paths({ pipes }: PathOptions): fc.Arbitrary<string> {
  const { path } = fc.letrec<{ path: string; part: string; query: string; multi: string; selector: string }>((tie) => ({
    query: fc.oneof(
      fc.tuple(tie("path"), operators, wanted).map((parts) => parts.join("")),
      fc.tuple(plainKeys, operators, wanted).map((parts) => parts.join("")),
      fc.tuple(plainKeys, fc.constant(" "), operators, fc.constant(" "), wanted).map((parts) => parts.join("")),
      fc.tuple(operators, wanted).map((parts) => parts.join("")),
      tie("path"),
    ),
    selector: fc.oneof(
      tie("path"),
      fc.tuple(fc.constantFrom('"n"', "m", '"o p"'), tie("path")).map(([name, of]) => `${name}:${of}`),
    ),
    multi: fc.array(tie("selector"), { minLength: 1, maxLength: 3 }).map((all) => all.join(",")),
    part: fc.oneof(
      { maxDepth: 3, depthSize: "small", withCrossShrink: true },
      plainKeys,
      plainKeys,
      indexes,
      wildKeys,
      fc.constant("#"),
      fc.constant("#"),
      tie("query").map((query) => `#(${query})`),
      tie("query").map((query) => `#(${query})#`),
      ...(pipes
        ? [modifiers, modifiers, literals, tie("multi").map((all) => `[${all}]`), tie("multi").map((all) => `{${all}}`)]
        : []),
    ),
    path: fc
      .tuple(
        fc.constantFrom("", "", "", "", "", "", "", ".."),
        tie("part"),
        fc.array(fc.tuple(fc.constantFrom(".", ".", ".", ...(pipes ? ["|"] : [])), tie("part")), { maxLength: 4 }),
      )
      .map(([lead, first, rest]) => lead + first + rest.flat().join("")),
  }));
  return path;
}

/** With one character more or less, so that it may not parse. */
export const brokenPaths: fc.Arbitrary<string> = fc
  .tuple(
    paths({ pipes: true }),
    fc.nat(),
    fc.constantFrom("", "", "(", ")", "[", "]", "{", "}", '"', "\\", "#", "|", ".", ":", "@", "!", ",", "~", " "),
  )
  .map(([path, at, char]) => {
    const place = path.length === 0 ? 0 : at % path.length;
    return char === "" ? path.slice(0, place) + path.slice(place + 1) : path.slice(0, place) + char + path.slice(place);
  });
