import fc from "fast-check";
import { builtins } from "../../src/base/go-template/builtins.ts";
import type { FunctionTable, GoFunction } from "../../src/base/go-template/function.ts";
import { changesMaps } from "../../src/base/go-template/sprig/dicts.ts";
import { sprig } from "../../src/base/go-template/sprig/sprig.ts";
import type { FloatJson } from "../../src/base/json.ts";

/** Templates and data that mean something: what the comparison with Go is made of. */

const words = [
  ..."|a|b|A|abc|Hello World|two words|x_y-z|HTTPServer2x|0|1|-7|1.5|1.0|0x1f|1e3|true|é|日本|ß|😀|<a href='x'>&".split(
    "|",
  ),
  ..."a,b,,c|a/b/../c.tar.gz|/|refs/heads/main|  padded  |line\nbreak|v1.2.3|1.2|2.0.0-rc.1|2020-02-29|1h30m|90s|YWJj|NBUQ====".split(
    "|",
  ),
  ...'{"a":[1,null,"x"]}|[1,2]|http://u:p@h:80/p%20q?x=1#f|mailto:a@b|%d %s|%5.2f|a.*b|[0-9]+|(b)(c)?|$1-$0|"|\\|`'.split(
    "|",
  ),
];

/** Texts that fit a parameter of certain functions better than any word. */
const wordsFor: Readonly<Record<string, readonly string[]>> = {
  printf:
    "%d|%s|%v|%q|%x|%5d|%-5s|%05.1f|%g|%e|%t|%T|%c|%U|%#v|%+v|%#x|%%|%|%!|%[2]v %[1]v|%*d|%.2s|% d|%+d|%d %s %v|%X|%o|%b|%.3g|%8.3e".split(
      "|",
    ),
  semverCompare:
    ">=1.0|^1.2|~1.2.3|1.x|*|!=1.2.3|>1 <3|1.0 - 2.0|<2 || >3|>=1.0.0-0|^0.2|=1.2.3|1.2.3|2.0.0-rc.1|v2|1.2.3+b|0.2.9|~0|>1.x".split(
      "|",
    ),
  semver: "1|1.2|v1.2.3|1.2.3-a.1+b|01.2|1.2.3-01|x|1.2.3.4".split("|"),
  toDate:
    "2006-01-02|2006-01-02T15:04:05Z07:00|Jan _2 2006|15:04:05|2020-02-29|2021-02-29|2020-01-02T03:04:05+01:00|Mar  7 2021|3PM".split(
      "|",
    ),
  mustToDate: "2006-01-02|15:04|2020-12-31|23:59|24:00|06/1/2|99/2/3".split("|"),
  durationRound: "1h|90m|-36h|1ns|1.5s|10000h|x|2m3s".split("|"),
  mustDateModify: "1h|-24h|1.5m|x".split("|"),
};
const patterns = "a|a*|(a|b)+|[a-z]+|^a|c$|\\d+|\\s|(?P<n>b)|(x?)y|.|(|[|a{2}|\\bw|,|/|(?i)h"
  .split("|")
  .concat("(a|b)+");

function quote(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/gu, (character) => character);
}

const word = fc.constantFrom(...words);
const number = fc.oneof(
  fc.constantFrom(0, 1, -1, 2, 1.5, -2.5, 0.1, 1e6, 1_234_567, 1e21, 1e-7, 123_456_789_012, 0.5, 2.675),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
);

const value: fc.Arbitrary<FloatJson> = fc.letrec<{ value: FloatJson; leaf: FloatJson }>((tie) => ({
  leaf: fc.oneof(word, number, fc.boolean(), fc.constant(null)),
  value: fc.oneof(
    { maxDepth: 2 },
    { weight: 4, arbitrary: tie("leaf") },
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "c", "x y"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

/** `.s` is a text, `.n` a number and so on; `.v` may be anything. */
export const dataArbitrary = fc.record({
  s: word,
  n: number,
  t: fc.boolean(),
  l: fc.array(value, { maxLength: 4 }),
  m: fc.dictionary(fc.constantFrom("a", "b", "c"), value, { maxKeys: 3, noNullPrototype: true }),
  v: value,
});

/** In another order each time in Go (`keys`, `values`), or an address. */
const unordered = new Set(["keys", "values"]);

const functions: readonly (readonly [string, GoFunction])[] = Object.entries<GoFunction>({
  ...builtins,
  ...sprig,
} satisfies FunctionTable).filter(([name]) => !unordered.has(name));

/** Small enough for `repeat`, `until` and widths. */
const integer = fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -3, max: 12 }) }, fc.constantFrom(100, 255));

function textFor(name: string): fc.Arbitrary<string> {
  const special =
    (Object.hasOwn(wordsFor, name) ? wordsFor[name] : undefined) ??
    (name.toLowerCase().includes("regex") ? patterns : undefined);
  return special === undefined ? word : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...special) }, word);
}

type Expressions = {
  readonly any: string;
  readonly call: string;
  readonly logic: string;
};

/** What `set` and the like put into maps holds no map of the data: Go's process ends when it prints a map that is in itself. */
const flat = fc.oneof(
  word.map(quote),
  integer.map(String),
  fc.constantFrom(".s", ".n", ".t", "(list 1 .s)", "nil", "false"),
);
const flatMap = fc.oneof(
  fc.constantFrom(".m", "$.m", ".missing"),
  flat.map((text) => `(dict "a" ${text} "b" (dict "c" ${text}))`),
);

const leaves = ".s|.n|.t|.l|.m|.v|.m.a|.m.b|.missing|.|$|$.s|$x|nil".split("|");

/** Expressions, most of them with arguments of the types that the functions want. */
const expressions = fc.letrec<Expressions>((tie) => {
  const call: fc.Arbitrary<string> = tie("call").map((text) => `(${text})`);
  const leaf = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(...leaves),
    },
    { weight: 3, arbitrary: word.map(quote) },
    { weight: 3, arbitrary: integer.map(String) },
    fc.constantFrom("1.5", "true", "false", "'a'", "0x10", "1e6", "-0.0", "`raw`"),
  );
  const any = fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: leaf },
    { weight: 1, arbitrary: call },
    { weight: 1, arbitrary: tie("logic") },
  );
  const ofType = (type: string, name: string): fc.Arbitrary<string> => {
    if (changesMaps.some((other) => other === name)) return type.startsWith("map") ? flatMap : flat;
    const fitting: Readonly<Record<string, fc.Arbitrary<string>>> = {
      string: fc.oneof(
        { weight: 4, arbitrary: textFor(name).map(quote) },
        fc.constant(".s"),
        tie("any").map((text) => `(toString ${text})`),
      ),
      int: fc.oneof(
        { weight: 4, arbitrary: integer.map(String) },
        fc.constantFrom("(len .l)", "(int .n | min 9 | max -9 | int)"),
      ),
      float64: fc.constantFrom(".n", "0.5", "1", "(float64 .s)"),
      bool: fc.constantFrom("true", "false", ".t", "(not .v)"),
      "map[string]interface {}": fc.oneof(
        fc.constantFrom(".m", ".", "$.m", "(dict)"),
        tie("any").map((text) => `(dict "a" ${text})`),
      ),
      "time.Time": fc.constantFrom('(toDate "2006-01-02" "2020-02-29")', '(toDate "15:04 -0700" "10:00 +0230")'),
    };
    const fits = fitting[type] ?? tie("any");
    return fc.oneof({ weight: 40, arbitrary: fits }, { weight: 1, arbitrary: tie("any") });
  };
  const callOf = ([name, { params, rest }]: readonly [string, GoFunction]): fc.Arbitrary<string> => {
    const fixed = params.map(({ type }) => ofType(type, name));
    const more = rest === undefined ? fc.constant([]) : fc.array(ofType(rest.type, name), { maxLength: 3 });
    return fc.tuple(fc.tuple(...fixed), more, fc.nat(9)).map(([first, others, piped]) => {
      const args = [...first, ...others];
      const last = args.at(-1);
      return piped === 0 && last !== undefined
        ? `${last} | ${name} ${args.slice(0, -1).join(" ")}`
        : [name, ...args].join(" ");
    });
  };
  return {
    any,
    call: fc.oneof(...functions.map(callOf)),
    logic: fc
      .tuple(fc.constantFrom("and", "or", "not", "eq", "ne", "default", "list", "dict"), tie("any"), tie("any"))
      .map(([name, a, b]) =>
        name === "not" ? `(not ${a})` : name === "dict" ? `(dict "a" ${a} "b" ${b})` : `(${name} ${a} ${b})`,
      ),
  };
});

const trims = fc.constantFrom("{{ ", "{{ ", "{{ ", "{{- ");

type Parts = {
  readonly part: string;
  readonly body: string;
};

/** Whole templates, for a template whose `$x` is set. */
const parts = fc.letrec<Parts>((tie) => {
  const expression = fc.oneof({ weight: 3, arbitrary: expressions.call }, expressions.any);
  const iterable = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        ".l",
        ".m",
        ".missing",
        "(until 3)",
        "2",
        '(splitList "," .s)',
        "(list 1 .v)",
        "(rest .l)",
      ),
    },
    { weight: 1, arbitrary: expression },
  );
  const block = (head: fc.Arbitrary<string>, condition: fc.Arbitrary<string>) =>
    fc
      .tuple(
        head,
        condition,
        tie("body"),
        fc.constantFrom("", "{{ else }}no", "{{ else if .t }}b{{ else }}c", "{{ else with .v }}{{ . }}"),
      )
      .map(([word, condition, body, otherwise]) => {
        const fits = otherwise === "" || otherwise === "{{ else }}no" || otherwise.includes(` ${word.split(" ")[0]} `);
        return `{{ ${word} ${condition} }}${body}${fits ? otherwise : ""}{{ end }}`;
      });
  return {
    part: fc.oneof(
      { maxDepth: 2 },
      { weight: 2, arbitrary: fc.constantFrom("text ", " \n", "é", "{{/* nothing */}}", " {{- /* trimmed */ -}} ") },
      {
        weight: 12,
        arbitrary: fc.tuple(trims, expression, fc.constantFrom(" }}", " }}", " -}}")).map((all) => all.join("")),
      },
      { weight: 2, arbitrary: expression.map((text) => `{{ $x = ${text} }}`) },
      { weight: 2, arbitrary: expression.map((text) => `{{ $y := ${text} }}{{ $y }}`) },
      { weight: 2, arbitrary: block(fc.constantFrom("if", "with"), expression) },
      {
        weight: 2,
        arbitrary: block(fc.constantFrom("range", "range $e :=", "range $i, $e :=", "range $x ="), iterable),
      },
      expression.map((text) => `{{ template "T" ${text} }}`),
    ),
    body: fc.oneof(
      { maxDepth: 2 },
      fc.array(tie("part"), { maxLength: 2 }).map((all) => all.join("")),
      tie("part").map((part) => `{{ . }}${part}`),
    ),
  };
});

export const templateArbitrary = fc
  .array(parts.part, { minLength: 1, maxLength: 3 })
  .map((all) => `{{ define "T" }}<{{ . }}>{{ end }}{{ $x := 1 }}${all.join("")}`);
