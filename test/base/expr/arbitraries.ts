import fc from "fast-check";
import { formatGoTime } from "../../../src/base/go/time-format.ts";
import type { FloatObject } from "../../../src/base/json.ts";

/** Expressions of the dialect, and values for the names in them. */

const spaced = (...parts: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((texts) => texts.join(" "));

const joined = (...parts: readonly (fc.Arbitrary<string> | string)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((texts) => texts.join(""));

const words = (text: string): fc.Arbitrary<string> => fc.constantFrom(...text.split(" "));

const ints = fc.oneof(words("0 1 2 3 5 7 10 0x10 1_000 9223372036854775807 -1 -2"), fc.nat({ max: 100 }).map(String));
const floats = words("0.5 1.5 2.0 1e3 .25 3. 1e21 1e-7 100.0");
const texts = fc.oneof(
  fc.constantFrom(
    "",
    "a",
    "b",
    "ab",
    "abc",
    "A",
    " a ",
    "1",
    "2.5",
    "é",
    "\u{1f600}x",
    "a,b,c",
    "^a",
    "a|b",
    "(",
    "<&>",
  ),
  fc.string({ maxLength: 4 }),
);
const quoted = texts.map((text) => JSON.stringify(text.replace(/[^\x20-\x7e]/gu, "u")).replaceAll("/", "/"));
const dates = fc.constantFrom(
  ...['"2023-08-14"', '"15:04:05"', '"2023-08-14 10:11:12"', '"2023-08-14T10:11:12.5+02:00"', '"14 Aug 23 10:11 UTC"'],
  ...['"Monday, 14-Aug-23 10:11:12 MST"', '"Mon, 14 Aug 2023 10:11:12 GMT"', '"no date"', "s"],
);
const durations = fc.constantFrom('"1h"', '"1.5s"', '"-10ms"', '"1h30m"', '"x"', '"0"', '"90ns"', '"1.234567us"');

/** Not far from today: before standard time, zones had seconds, which we do not have. */
const zoned = joined(
  "date('2023-0",
  words("1 3 8"),
  "-26 02:11:12', '2006-01-02 15:04:05', '",
  words("UTC Europe/Berlin Asia/Tokyo America/New_York X"),
  "')",
  fc.constantFrom(
    "",
    " + duration('36h')",
    ".AddDate(0, 2, 1)",
    ".Format('MST -07')",
    ".Unix()",
    " - duration('2160h')",
  ),
);

type Kind = "any" | "int" | "float" | "number" | "text" | "bool" | "list" | "map" | "time" | "duration" | "key";

/** Types that fit most often, so that most of them have a result. */
const { any: fittingAny } = fc.letrec<Record<Kind, string>>((tie) => {
  const closure = (body: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(body, joined("{", body, "}"));
  const test = closure(
    fc.oneof(
      joined("# ", words("== != > < >= <="), " ", tie("number")),
      joined("# == ", tie("any")),
      joined("#.k == ", tie("any")),
      joined("type(#) == ", fc.constantFrom('"float"', '"string"', '"int"', '"map"')),
      joined("# in ", tie("list")),
      joined("(# ?? 0) != 1"),
      tie("bool"),
      fc.constantFrom("true", "false", "# != nil", "# matches 'a'", "len(#) > 1", "#?.k == 1", ".k != nil"),
    ),
  );
  const change = closure(
    fc.oneof(
      fc.constantFrom(
        "#",
        "#.k",
        ".k",
        "#index",
        "[#, #index]",
        "type(#)",
        "string(#)",
        "len(#)",
        "{v: #}",
        "# + 1",
        "#?.k",
      ),
      joined("# ?? ", tie("any")),
      tie("any"),
    ),
  );
  return {
    any: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      ...(["bool", "bool", "number", "text", "list", "map", "time", "duration"] as const).map((kind) => tie(kind)),
      fc.constantFrom(
        "nil",
        "x",
        "o.a",
        "o.b",
        "o?.a?.b",
        "missing",
        "l[0]",
        "fs[-1]",
        "os[0].k",
        "$env.n",
        '$env["s"]',
        "o['a']",
      ),
      joined(tie("list"), "[", tie("int"), "]"),
      joined(tie("map"), ".", words("a b k v")),
      joined(words("first last"), "(", tie("list"), ")"),
      joined("get(", tie("map"), ", ", quoted, ")"),
      joined("get(", tie("list"), ", ", tie("int"), ")"),
      joined(words("find findLast"), "(", tie("list"), ", ", test, ")"),
      joined(
        "reduce(",
        tie("list"),
        ", ",
        closure(fc.constantFrom("#", "#acc", "#acc + #", "[#acc, #]", "#index")),
        ")",
      ),
      joined("reduce(", tie("list"), ", ", fc.constantFrom("#acc + #", "#acc", "#index", "#"), ", ", tie("any"), ")"),
      joined("(", tie("bool"), " ? ", tie("any"), " : ", tie("any"), ")"),
      joined("(", tie("any"), " ?: ", tie("any"), ")"),
      joined("(", tie("any"), " ?? ", tie("any"), ")"),
      joined("(let v = ", tie("any"), "; [v, v])"),
      joined("(", zoned, ")"),
      joined(
        "fromJSON(",
        fc.constantFrom("'[1,2]'", "'{\"a\":1.5}'", "'x'", "'\"\\\\u00e9\"'", "'1e999'", "toJSON(o)", "toJSON(l)"),
        ")",
      ),
    ),
    int: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      ints,
      joined("(", tie("int"), " ", words("+ - * %"), " ", tie("int"), ")"),
      joined("len(", fc.oneof(tie("text"), tie("list"), tie("map")), ")"),
      joined("int(", fc.oneof(tie("number"), tie("text")), ")"),
      joined("asInt(", fc.oneof(tie("number"), tie("text")), ")"),
      joined("count(", tie("list"), ", ", test, ")"),
      joined(words("findIndex findLastIndex"), "(", tie("list"), ", ", test, ")"),
      joined(words("indexOf lastIndexOf"), "(", tie("text"), ", ", tie("text"), ")"),
      joined(
        tie("time"),
        words(".Year() .Day() .Hour() .Minute() .Second() .Unix() .UnixMilli() .YearDay() .Nanosecond()"),
      ),
      joined("-", tie("int")),
    ),
    float: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      floats,
      fc.constantFrom("n", "m"),
      joined("(", tie("number"), " / ", tie("number"), ")"),
      joined("(", tie("int"), " ** ", tie("int"), ")"),
      joined("(", tie("int"), " ^ ", tie("int"), ")"),
      joined(words("float ceil floor round abs"), "(", tie("number"), ")"),
      joined(words("mean median sum"), "(", tie("list"), ")"),
      joined(tie("duration"), words(".Hours() .Minutes() .Seconds()")),
    ),
    number: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      tie("int"),
      tie("float"),
      joined("(", tie("number"), " ", words("+ - *"), " ", tie("number"), ")"),
      joined(words("max min"), "(", tie("number"), ", ", tie("number"), ")"),
      joined("max(", tie("any"), ", ", tie("any"), ")"),
    ),
    text: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      quoted,
      words("s t u"),
      joined("(", tie("text"), " + ", tie("text"), ")"),
      joined(words("string type toJSON"), "(", tie("any"), ")"),
      joined(words("trim trimPrefix trimSuffix upper lower toBase64 fromBase64"), "(", tie("text"), ")"),
      joined(words("trim trimPrefix trimSuffix"), "(", tie("text"), ", ", tie("text"), ")"),
      joined("replace(", tie("text"), ", ", tie("text"), ", ", tie("text"), ")"),
      joined("replace(", tie("text"), ", ", tie("text"), ", ", tie("text"), ", ", tie("int"), ")"),
      joined("repeat(", tie("text"), ", ", fc.constantFrom("0", "1", "3", "-1", "n"), ")"),
      joined("join(", tie("list"), ", ", tie("text"), ")"),
      joined("join(", fc.constantFrom("split(s, 'a')", "['a', 'b']", "ss", "sort(keys(o))"), ")"),
      joined("(", tie("text"), ")[", tie("int"), ":", tie("int"), "]"),
      joined(words("s t u"), fc.constantFrom("[1:]", "[:2]", "[:-1]", "[-2:]", "[0:1]")),
      joined(tie("text"), " | ", fc.constantFrom("upper()", "lower()", "trim()", "trim('a')")).map(
        (text) => `(${text})`,
      ),
      joined(
        tie("time"),
        ".Format(",
        fc.constantFrom('"2006-01-02"', '"Jan _2 15:04:05.000 MST"', '"3:04PM Z07:00"'),
        ")",
      ),
      joined(tie("duration"), ".String()"),
    ),
    bool: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.constantFrom("true", "false", "b", "c"),
      joined("(", tie("number"), " ", words("== != < <= > >="), " ", tie("number"), ")"),
      joined("(", tie("text"), " ", words("== != < <= > >= contains startsWith endsWith"), " ", tie("text"), ")"),
      joined("(", tie("text"), " matches ", fc.oneof(quoted, tie("text")), ")"),
      joined("(", tie("text"), " not ", words("contains startsWith endsWith matches"), " ", tie("text"), ")"),
      joined("(", tie("bool"), " ", words("and or && || == !="), " ", tie("bool"), ")"),
      joined("(", tie("any"), " ", words("== !="), " ", tie("any"), ")"),
      joined("(", tie("any"), fc.constantFrom(" in ", " not in "), fc.oneof(tie("list"), tie("map")), ")"),
      joined("(", fc.oneof(tie("int"), fc.constant("n")), " in ", ints, "..", ints, ")"),
      joined("(", fc.oneof(tie("text"), fc.constantFrom("n", "nil", "x")), ' in ["a", "b"])'),
      joined(words("not !"), " ", tie("bool")),
      joined(words("all any none one"), "(", tie("list"), ", ", test, ")"),
      joined(words("hasPrefix hasSuffix"), "(", tie("text"), ", ", tie("text"), ")"),
      joined("(", tie("time"), " ", words("== < > <= >= !="), " ", tie("time"), ")"),
      joined("(", tie("duration"), " ", words("== < > <= >= !="), " ", tie("duration"), ")"),
      joined(tie("time"), words(".Before .After .Equal"), "(", tie("time"), ")"),
    ),
    list: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom("l", "fs", "ss", "os", "[]", "1..3", "[1, 2, 3]", "['a', 'b']", "3..1", "n..4"),
      joined("[", tie("any"), ", ", tie("any"), "]"),
      joined(fc.nat({ max: 5 }).map(String), "..", fc.nat({ max: 5 }).map(String)).map((text) => `(${text})`),
      joined("filter(", tie("list"), ", ", test, ")"),
      joined("map(", tie("list"), ", ", change, ")"),
      joined("map(filter(", tie("list"), ", ", test, "), ", change, ")"),
      joined("(", tie("list"), " | filter(", test, ") | map(", change, "))"),
      joined("take(", tie("list"), ", ", fc.oneof(ints, fc.constant("n")), ")"),
      joined(words("split splitAfter"), "(", tie("text"), ", ", tie("text"), ")"),
      joined(
        words("split splitAfter"),
        "(",
        tie("text"),
        ", ",
        tie("text"),
        ", ",
        fc.constantFrom("0", "1", "2", "-1", "n"),
        ")",
      ),
      joined("sort(", tie("list"), ")"),
      joined("sort(", tie("list"), ", ", fc.constantFrom("'desc'", "'asc'", "'x'", "s"), ")"),
      joined("sortBy(os, 'k')"),
      joined("sort(", words("keys values"), "(", tie("map"), "))"),
      joined("toPairs({a: ", tie("any"), "})"),
      joined("(", tie("list"), ")[", ints, ":", ints, "]"),
      joined(words("l fs ss os"), fc.constantFrom("[1:]", "[:1]", "[:]", "[-1:]", "[n:]")),
    ),
    map: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constantFrom("o", "{}", "{a: 1}", "$env.o"),
      joined("{a: ", tie("any"), ", 'b': ", tie("any"), "}"),
      joined("{(", tie("text"), "): ", tie("any"), "}"),
      joined("groupBy(", tie("list"), ", ", change, ")"),
      joined("fromPairs([[", tie("key"), ", ", tie("any"), "]])"),
      joined("fromPairs(toPairs(", tie("map"), "))"),
    ),
    key: fc.oneof(tie("text"), tie("number"), tie("any")),
    time: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      joined("date(", dates, ")"),
      joined("date(", dates, ", ", fc.constantFrom('"2006-01-02"', '"2006-01-02 15:04:05"', "s"), ")"),
      joined("(", tie("time"), " ", words("+ -"), " ", tie("duration"), ")"),
      joined(tie("time"), ".AddDate(", fc.constantFrom("0, 1, 2", "1, 0, -40", "0, 0, 0"), ")"),
      joined(tie("time"), words(".Truncate .Round .Add"), "(", tie("duration"), ")"),
    ),
    duration: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      joined("duration(", durations, ")"),
      joined("(", tie("time"), " - ", tie("time"), ")"),
      joined("(", tie("duration"), " ", words("+ -"), " ", tie("duration"), ")"),
      joined("(", tie("duration"), " * ", tie("number"), ")"),
      joined(tie("duration"), words(".Round .Truncate"), "(", tie("duration"), ")"),
    ),
  };
});

export const fitting = fittingAny.filter((text) => !leavesRubbish(text) && !hasTimesAsKeys(text));

/** Times are keys there by the address of their zone. */
function hasTimesAsKeys(text: string): boolean {
  return /groupBy|fromPairs/.test(text) && text.includes("date(");
}

/**
 * The original leaves values on its stack where it searches backwards: what stands left of the search is lost. What it
 * makes of `last(filter(…))` and of `filter(…)[-1]` is such a search. So do arguments of `x?.f(1)` where x is nil.
 */
function leavesRubbish(text: string): boolean {
  if (/\?\.[^(]*\(/.test(text)) return true;
  return /findLast/.test(text) || (/filter/.test(text) && /last|-1\]/.test(text));
}

/** Searches backwards where nothing is left of them. */
export const searches = fc
  .tuple(
    words("findLast( findLastIndex( last(filter("),
    words("l fs ss os 1..3 n..3 [1,'a',nil]"),
    words("#==1 #>0 #.k==1 true #!=nil #index>0"),
  )
  .map(([search, list, test]) => `${search}${list}, ${test})${search.endsWith("filter(") ? ")" : ""}`);

const layouts = fc
  .array(
    fc.tuple(
      words(
        "2006 06 01 1 Jan January 02 2 _2 15 03 3 PM pm 04 4 05 5 05.000 05.999 Z07:00 Z0700 -07:00 -0700 -07 MST Mon Monday 002 __2",
      ),
      fc.constantFrom(" ", " ", "-", "/", ":", "T", ".", ""),
    ),
    { minLength: 1, maxLength: 7 },
  )
  .map((parts) => parts.flat().join("").trimEnd());

/** Times written in any layout, and read again after something was changed in the text. */
export const layoutTexts = fc
  .tuple(
    layouts,
    fc.integer({ min: -3_000_000_000, max: 3_000_000_000 }),
    fc.constantFrom(0, 500_000_000, 123_456_789),
    fc.constantFrom(["UTC", 0], ["", 7_200], ["EST", -18_000], ["", -12_600]),
    fc.tuple(fc.nat(), fc.constantFrom("", "", "0", "9", " ", "x", "+"), fc.nat({ max: 1 })),
  )
  .map(([layout, seconds, nanoseconds, [name, offsetSeconds], [seed, piece, cut]]) => {
    const zone = { name: String(name), offsetSeconds: Number(offsetSeconds) };
    const text = formatGoTime(layout, { seconds, nanoseconds, zone });
    const at = seed % (text.length + 1);
    const changed = seed % 3 === 0 ? text.slice(0, at) + piece + text.slice(at + cut) : text;
    const date = `date(${JSON.stringify(changed)}, ${JSON.stringify(layout)})`;
    return seed % 2 === 0 ? date : `${date}.Format(${JSON.stringify(layout)})`;
  });

const names = words("n s b l fs ss os o x missing type len map count date trim $env");
const literals = fc.oneof(ints, floats, quoted, names, names, words("true false nil 'a' \"b\""));
const operators = words(
  "+ - * / % ** ^ == != < <= > >= and or && || in contains startsWith endsWith matches .. ?? | not",
);
const calls = words(
  "len type abs ceil floor round int float string trim upper lower split replace repeat join indexOf max min sum mean " +
    "median first last get take fromPairs sort sortBy toJSON duration date trimPrefix",
);
const loops = words("all none any one filter map count find findIndex findLast findLastIndex groupBy reduce");

/** Well formed, of any types. */
const { expressions: anyExpressions } = fc.letrec<{ expressions: string }>((tie) => {
  const inner = tie("expressions");
  const list = fc.array(inner, { maxLength: 3 }).map((items) => items.join(", "));
  return {
    expressions: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      literals,
      spaced(inner, operators, inner),
      spaced(inner, words("not"), operators, inner),
      joined("(", inner, ")"),
      joined("[", list, "]"),
      joined("{a: ", inner, ", (", inner, "): ", inner, "}"),
      joined(words("- + ! not"), " ", inner),
      spaced(inner, fc.constant("?"), inner, fc.constant(":"), inner),
      spaced(inner, fc.constant("?:"), inner),
      joined(calls, "(", list, ")"),
      joined(inner, " | ", calls, "(", list, ")"),
      joined(
        loops,
        "(",
        inner,
        ", ",
        fc.oneof(inner, words("# #index #acc .k #.k true"), spaced(words("# .k"), operators, inner)),
        ")",
      ),
      joined(inner, " | ", loops, "({", inner, "})"),
      joined("reduce(", inner, ", ", fc.oneof(inner, words("#acc+# # #index")), ", ", inner, ")"),
      joined(inner, words(". ?."), words("a b k in not Year() String() f(1)")),
      joined(inner, "[", inner, "]"),
      joined(inner, "[", inner, ":", inner, "]"),
      joined(inner, "[:", inner, "]"),
      joined("let ", words("v w n len"), " = ", inner, "; ", inner),
      joined("(let v = ", inner, "; ", fc.oneof(inner, joined("v ", operators, " ", inner)), ")"),
    ),
  };
});

export const expressions = anyExpressions.filter((text) => !leavesRubbish(text));

const pieces = fc.oneof(
  { weight: 4, arbitrary: literals },
  { weight: 4, arbitrary: operators },
  { weight: 3, arbitrary: words("( ) [ ] { } , . ?. : ? ?: # ## ; = ! - // /* */ let v") },
  { weight: 2, arbitrary: fc.oneof(calls, loops) },
  {
    weight: 1,
    arbitrary: words(
      "0x 0xg 0b1 0o7 1e 1.2.3 1_ 08 .5 #x #in & @ \\ ' \" '\\n' '\\x41' '\\q' \"\\u00e9\" '\\'' é ٣ 1a a1 0X1 '\\101' '\\8'",
    ),
  },
);

/** Nearly any order of tokens, with and without spaces. */
export const anyTokens = fc
  .array(fc.tuple(pieces, fc.constantFrom("", " ", " ", " ", "\n")), { maxLength: 9 })
  .map((parts) => parts.flat().join(""))
  .filter((text) => !leavesRubbish(text));

const leaves = fc.constantFrom<(string | number | boolean | null)[]>(
  0,
  1,
  2,
  1.5,
  -1,
  "a",
  "b",
  "ab",
  "é",
  "",
  true,
  false,
  null,
);
const objects = fc.dictionary(fc.constantFrom("a", "b", "k"), leaves, { maxKeys: 3, noNullPrototype: true });

export const anyValues: fc.Arbitrary<FloatObject> = fc
  .record({
    n: fc.oneof(
      fc.integer({ min: -3, max: 6 }),
      fc.double({ min: -99, max: 99, noNaN: true }),
      fc.constantFrom(1e300, -1e19),
    ),
    m: fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    s: texts,
    t: texts,
    u: fc.constantFrom("héllo", "\u{1f600}\u{1f600}", "日本語", "abc"),
    b: fc.boolean(),
    c: fc.boolean(),
    l: fc.array(fc.oneof(leaves, objects, fc.array(leaves, { maxLength: 2 })), { maxLength: 4 }),
    fs: fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ min: -5, max: 5, noNaN: true })), {
      maxLength: 5,
    }),
    ss: fc.array(texts, { maxLength: 4 }),
    os: fc.array(objects, { maxLength: 4 }),
    o: objects,
    x: fc.oneof(leaves, objects, fc.array(leaves, { maxLength: 2 })),
  })
  .map((given) => JSON.parse(JSON.stringify(given)) as FloatObject);
