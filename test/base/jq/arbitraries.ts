import fc from "fast-check";
import { type JsonValue, parseJson } from "../../../src/base/json.ts";

/** Programs of the dialect, and inputs for them. */

const joined = (...parts: readonly (fc.Arbitrary<string> | string)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((texts) => texts.join(""));

const words = (text: string): fc.Arbitrary<string> => fc.constantFrom(...text.split(" "));

const numbers = fc.oneof(
  words("0 1 2 3 5 -1 -2 10 0.5 1.5 -3.7 1e18 9007199254740993 9223372036854775807 123456789012345678901234567890"),
  fc.integer({ min: -20, max: 20 }).map(String),
);

const moments = words("0 1e9 -1 -1.5 1425599621 86400.25 951782400 1709164800 253402300799");

const strings = fc
  .oneof(
    fc.constantFrom(
      "",
      "a",
      "b",
      "ab",
      "abc",
      "a,b",
      "x y",
      "1",
      "-2.5",
      "é",
      "\u{1f600}z",
      "A",
      "<&'\"",
      "null",
      "[1,2]",
    ),
    fc.string({ maxLength: 5, unit: "grapheme" }),
  )
  .map((text) => JSON.stringify(text.toWellFormed()).replaceAll("\\u", "\\u").replaceAll("\\(", "("));

const keys = words("a b c n s l o k");

const patterns = fc.constantFrom(
  ...[
    '"a"',
    '"[a-c]"',
    '"(?<x>a)(b)?"',
    '"(a)|(b)"',
    '""',
    '"^."',
    '"\\\\d+"',
    '"x*"',
    '".b"',
    '"\\\\s"',
    '"(?<p>.)(?<q>.)?"',
  ],
);
const flags = fc.constantFrom('"g"', '"i"', '"gi"', "null", '"m"', '""', '"gm"');

const comparisons = words("== != < <= > >=");
const updates = words("= |= += -= *= /= %= //=");

const unary = words(
  [
    "length keys add any all flatten floor sqrt reverse sort unique min max tojson tostring tonumber type not first last",
    "explode ascii_downcase ascii_upcase trim ltrim rtrim to_entries from_entries transpose utf8bytelength abs round ceil",
    "isnan isinfinite isnormal fabs trunc infinite nan values nulls strings numbers arrays objects scalars iterables booleans",
    "toboolean paths tostream implode fromjson combinations @base64 @base64d @uri @html @csv @tsv @sh @json @text @urid env",
    "recurse .. [.[]?] [..] [paths] empty error rint frexp modf significand logb keys[] .[] .[]? finites normals trimstr(1)",
  ].join(" "),
);

type Kind = "filter" | "path" | "value" | "list" | "pattern" | "arguments";

export const { filter: programs } = fc.letrec<Record<Kind, string>>((tie) => {
  const pair = (name: string) => joined(`${name}(`, tie("filter"), "; ", tie("filter"), ")");
  const withPath = (name: fc.Arbitrary<string>) => joined(name, "(", tie("path"), ")");
  const withFilter = (name: fc.Arbitrary<string>) => joined(name, "(", tie("filter"), ")");
  return {
    value: fc.oneof(
      numbers,
      strings,
      words("null true false [] {} . $x .a .n .l .s .o .b"),
      joined("[", tie("filter"), "]"),
      joined("{", keys, ": ", tie("value"), ", ", keys, "}"),
      joined("{(", tie("value"), "): ", tie("value"), "}"),
    ),
    list: fc.oneof(
      words(".l [.[]?] [.l[]?] [1,2,3] [3,1,2] [[1,2],[3]] [{a:1},{a:2,b:3}] [..] [range(4)] [.l[]?,.a]"),
      joined("[", tie("value"), ", ", tie("value"), "]"),
      joined("[", tie("filter"), "]"),
    ),
    path: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      joined(".", keys),
      joined(".", keys, words(' .a .b [0] [-1] [] []? [1:] [:1] [1:2] ? ["a"] .[0]')),
      words(". .. .[] .[]? .[0] .[-1] .[1:] .[0,1] first last empty $x recurse .[nan]"),
      joined(tie("path"), " | ", tie("path")),
      joined(tie("path"), ", ", tie("path")),
      joined("(", tie("path"), ")", words('? .a [0] [] []? ["k"]')),
      joined("if ", tie("filter"), " then ", tie("path"), " else ", tie("path"), " end"),
      joined("(", tie("path"), " // ", tie("path"), ")"),
      joined(tie("path"), " | select(", tie("filter"), ")"),
      joined(words("first last limit(1; skip(1; recurse("), "(", tie("path"), ")").filter(
        (text) => !/[ ;]\(|^limit|^skip/.test(text),
      ),
      joined("limit(", words("0 1 2"), "; ", tie("path"), ")"),
      joined("getpath([", fc.oneof(strings, words("0 1 -1")), "])"),
      joined(".[", tie("value"), "]"),
      joined("try (", tie("path"), ") catch (", tie("path"), ")"),
      joined("(", tie("value"), " as $x | ", tie("path"), ")"),
      // Computed lists and texts are none of the places where the original looks for paths as we do.
      words('. $x 1 null "a" .a.b'),
    ),
    pattern: fc.oneof(
      { maxDepth: 2 },
      words("$x $y"),
      joined("[", tie("pattern"), ", $y]"),
      joined("{", keys, ": ", tie("pattern"), "}"),
      fc.constantFrom("{$a, b: $x}", "{$n: $x}", '{("a","b"): $x}', "[$x]", "[[$x], $y]", "{s: $y, ($y): $x}"),
    ),
    arguments: fc.constant(""),
    filter: fc.oneof(
      { maxDepth: 5, depthSize: "medium", withCrossShrink: true },
      tie("value"),
      unary,
      tie("path"),
      joined(tie("filter"), " | ", tie("filter")),
      joined(tie("filter"), ", ", tie("filter")),
      joined("(", tie("filter"), ")"),
      joined(tie("value"), " ", words("+ - * / % // and or"), " ", tie("value")),
      joined(tie("value"), " ", comparisons, " ", tie("value")),
      joined("(", tie("path"), ") ", updates, " (", tie("filter"), ")"),
      joined("(", tie("path"), ") ", updates, " ", tie("value")),
      joined(tie("list"), " | ", unary),
      joined(
        tie("list"),
        " | ",
        withFilter(words("map sort_by group_by unique_by min_by max_by map_values any all add index")),
      ),
      withFilter(
        words("map select recurse has contains inside indices index rindex split join startswith endswith ltrimstr"),
      ),
      withFilter(
        words("rtrimstr map_values with_entries walk first last isempty any all add IN in error range tojson"),
      ).filter((text) => !text.startsWith("tojson")),
      withPath(words("path del paths pick delpaths to_entries")).filter((text) => !text.startsWith("to_entries")),
      joined("del(", tie("path"), ", ", tie("path"), ")"),
      joined("[", withPath(words("path paths")), "]"),
      joined("[limit(", words("0 1 2 3 -1"), "; ", tie("filter"), ")]"),
      joined(words("nth skip limit"), "(", words("0 1 2 -1"), "; ", tie("filter"), ")"),
      joined("[range(", numbers, "; ", numbers, "; ", words("1 2 -1 0 0.5 3"), ")] | length"),
      joined(
        "reduce ",
        tie("path").map((text) => `(${text})`),
        " as ",
        tie("pattern"),
        " (",
        tie("value"),
        "; ",
        tie("filter"),
        ")",
      ),
      joined(
        "[foreach (",
        tie("filter"),
        ") as ",
        tie("pattern"),
        " (",
        tie("value"),
        "; ",
        tie("filter"),
        "; ",
        tie("value"),
        ")]",
      ),
      joined(tie("value"), " as ", tie("pattern"), " | ", tie("filter")),
      joined(tie("value"), " as ", tie("pattern"), " ?// ", tie("pattern"), " | ", tie("filter")),
      joined("try (", tie("filter"), ") catch (", tie("filter"), ")"),
      joined("(", tie("filter"), ")?"),
      joined("if ", tie("filter"), " then ", tie("filter"), " elif ", tie("filter"), " then ", tie("filter"), " end"),
      joined("label $f | ", tie("filter"), " | ., break $f"),
      // Not `[f]`: within a text, the original takes it for a constant, and mixes up what it computes.
      joined("def f: ", tie("filter"), "; f, (f | [.])"),
      joined("def f(g; $x): ", tie("filter"), " | g, $x; f(", tie("filter"), "; ", tie("filter"), ")"),
      joined('"\\(', tie("filter"), ")-\\(", tie("value"), ')"'),
      joined(words("@json @base64 @csv @html @uri @sh"), ' "x\\(', tie("filter"), ')"'),
      joined(words("test match capture scan splits"), "(", patterns, "; ", flags, ")"),
      joined("[", words("match scan splits split"), "(", patterns, "; ", flags, ")]"),
      joined(
        strings,
        " | ",
        words("sub gsub"),
        "(",
        patterns,
        "; ",
        fc.constantFrom('"\\(.)"', '"\\(.x)"', '"-"', ".", "empty", '("1","2")', ".p"),
        ")",
      ),
      joined(strings, " | [", words("match scan splits"), "(", patterns, "; ", flags, ")]"),
      joined(strings, " | ", unary),
      joined(
        "[",
        numbers,
        ", ",
        numbers,
        "] | ",
        words(".[0]+.[1] .[0]-.[1] .[0]*.[1] .[0]/.[1] .[0]%.[1] .[0]<.[1] sort tojson"),
      ),
      joined("setpath([", tie("value"), ", ", tie("value"), "]; ", tie("value"), ")"),
      pair("setpath"),
      joined("-", tie("value")),
      joined("INDEX(", tie("path"), "; ", tie("filter"), ")"),
      joined("[.[]? as [$a] ?// $a | $a]"),
      joined("[splits(", patterns, ")]"),
      joined(words("first last nth"), "(", words("0 1"), "; ", tie("filter"), ")").filter((text) =>
        text.startsWith("nth"),
      ),
      joined(
        "[tostream] | ",
        fc.constantFrom("fromstream(.[])", ".", "length", "[fromstream(1 | truncate_stream(.[][]))]?"),
      ),
      joined("[", moments, " | ", words("gmtime todate"), "]"),
      joined(
        moments,
        " | strftime(",
        fc.constantFrom('"%Y-%m-%dT%H:%M:%SZ"', '"%a %b %e %j"', '"%s %U %V %G"', '"%-d %_H %10Y"'),
        ")",
      ),
      joined("[", tie("list"), " | .[] | ", words("tojson tostring length type not ."), "]"),
      joined("until(", words("true length>3 .>5 false|not"), "; ", tie("value"), ")"),
      joined("[limit(5; while(", tie("filter"), "; ", tie("filter"), "))]"),
      joined("[limit(5; repeat(", tie("filter"), "))]"),
      joined("[limit(7; recurse(", tie("filter"), "))]"),
      joined("getpath(", tie("list"), ")"),
      joined(tie("list"), " | bsearch(", tie("value"), ")"),
      joined("ltrimstr(", strings, "), trimstr(", strings, ")"),
      joined(
        "walk(",
        fc.constantFrom(
          "select(. != 1)",
          'if type == "number" then . + 1 else . end',
          "., 1",
          "sort?",
          "tojson",
          "del(.a)?",
        ),
        ")",
      ),
    ),
  };
});

/** Nearly any order of tokens, with and without spaces. */
export const anyTokens = fc
  .array(
    fc.tuple(
      fc.oneof(
        words(
          '. .a .[] [ ] ( ) { } , | : ; ? // ?// .. $x as 1 2.5 "a" foo f if then elif else end try catch reduce foreach',
        ),
        words(
          'def f: label $f break and or not + - * / % = |= += //= == != < <= @base64 ."a" "\\( ) " # import null true',
        ),
      ),
      fc.constantFrom("", " ", " ", " ", "\n"),
    ),
    { maxLength: 9 },
  )
  .map((parts) => parts.flat().join(""));

const leaves = fc.oneof(
  fc.constantFrom<JsonValue[]>(
    0,
    1,
    2,
    -1,
    1.5,
    "a",
    "b",
    "ab",
    "",
    "é\u{1f600}",
    "1",
    true,
    false,
    null,
    1e17,
    9007199254740993n,
  ),
);
const lists = fc.array(fc.oneof(leaves, fc.array(leaves, { maxLength: 2 })), { maxLength: 4 });
const objects = fc.dictionary(fc.constantFrom("a", "b", "k", "n", "__proto__", "é"), leaves, { maxKeys: 3 });
const anyValue = fc.oneof(leaves, lists, objects, fc.array(objects, { maxLength: 3 }));

export const inputs: fc.Arbitrary<JsonValue> = fc
  .oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        a: anyValue,
        b: anyValue,
        n: fc.integer({ min: -9, max: 9 }),
        s: fc.string({ maxLength: 4 }).map((text) => text.toWellFormed()),
        l: lists,
        o: objects,
      }),
    },
    { weight: 2, arbitrary: anyValue },
  )
  .map((value) => parseJson(JSON.stringify(value)));
