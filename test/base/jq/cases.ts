import type { JsonValue } from "../../../src/base/json.ts";

/** Programs, inputs and all results, as gojq 0.12.19 gives them; jq-oracle.test.ts asks it. */
export const results: readonly (readonly [program: string, input: JsonValue, outputs: readonly JsonValue[]])[] = [
  // Paths.
  [".a.b[2].c", { a: { b: [1, 2, { c: 3 }] } }, [3]],
  [
    '.a["b"][0], ."a"."b"[-1], .a.b[1:], .a.b[:-1], .x.y',
    { a: { b: [1, 2, { c: 3 }] } },
    [1, { c: 3 }, [2, { c: 3 }], [1, 2], null],
  ],
  ["[.. | numbers]", { a: { b: [1, 2, { c: 3 }] } }, [[1, 2, 3]]],
  ["[paths]", { a: 1, b: [2] }, [[["a"], ["b"], ["b", 0]]]],
  ["[path(..)]", { a: 1, b: [2] }, [[[], ["a"], ["b"], ["b", 0]]]],
  [".[], .b[], [.a[]?]", { a: 1, b: [2] }, [1, [2], 2, []]],
  [".a.b?", { a: 1 }, []],
  [".a[.k], [.a[.k]?]", { a: { x: 1 }, k: "x" }, [1, []]],
  [".[1:3], .[-1:], .[0]", "aébc", ["éb", "c", "a"]],
  [".[[1,2]], .[1.7], .[nan]", [1, 2, 1, 2], [[0, 2], 2, null]],
  ["first, last, nth(1), .[1:][0]", [1, 2, 3], [1, 3, 2, 2]],
  [".a, .[0], .[1:], length, not", null, [null, null, null, 0, true]],
  // Operators.
  ["1 + 2 * 3 - 4 / 2 % 3", null, [5]],
  ["10 / 4, 10 / 5, 7 % 3, -7 % 3, 5.9 % 2.1", null, [2.5, 2, 1, -1, 1]],
  [
    '"a" + "b", [1] + [2], {"a":1} + {"b":2}, null + 1, "ab" * 2, "a,b" / ","',
    null,
    ["ab", [1, 2], { a: 1, b: 2 }, 1, "abab", ["a", "b"]],
  ],
  ['[1,2,1,3] - [1], {"a":{"b":1}} * {"a":{"c":2}}', null, [[2, 3], { a: { b: 1, c: 2 } }]],
  ["[(1,2) + (10,20)]", null, [[11, 12, 21, 22]]],
  ['[1 < 2, "a" < "b", [] < {}, null < false, nan < nan, 1 == 1.0]', null, [[true, true, true, true, true, true]]],
  ["(null, false, 1) // 2, (empty // 3), (null // null // 4)", null, [1, 3, 4]],
  ["true and false, (true, false) or false, (1 | not)", null, [false, true, false, false]],
  ["1, 2 | . * 10", null, [10, 20]],
  ["1 + 2 as $x | $x", null, [3]],
  // Integers keep their digits.
  ["9007199254740993 + 1", null, [9007199254740994n]],
  ["9223372036854775807 * 9223372036854775807", null, [85070591730234615847396907784232501249n]],
  [
    "123456789012345678901234567890 % 1000, 18446744073709551616 / 2, 18446744073709551616 / 3",
    null,
    [890, 9223372036854775808n, 6148914691236517000],
  ],
  [
    "., tojson, . - 1, . == 9007199254740992",
    9007199254740993n,
    [9007199254740993n, "9007199254740993", 9007199254740992n, false],
  ],
  [
    "1e1000, -1e1000, nan, 100000000000000000000, 1e20",
    null,
    [Number.MAX_VALUE, -Number.MAX_VALUE, null, 100000000000000000000n, 1e20],
  ],
  // Objects and lists.
  [
    '{a, c: .b, "d": 3, ("e", "f"): 4}',
    { a: 1, b: 2 },
    [
      { a: 1, c: 2, d: 3, e: 4 },
      { a: 1, c: 2, d: 3, f: 4 },
    ],
  ],
  [
    "{b: (1, 2), a: (3, 4)}",
    { a: 1, b: 2 },
    [
      { a: 3, b: 1 },
      { a: 4, b: 1 },
      { a: 3, b: 2 },
      { a: 4, b: 2 },
    ],
  ],
  [
    "keys, to_entries, add, length, map_values(. + 1), map(. + 1), with_entries(.value += 1)",
    { b: 1, a: 2 },
    [
      ["a", "b"],
      [
        { key: "a", value: 2 },
        { key: "b", value: 1 },
      ],
      3,
      2,
      { a: 3, b: 2 },
      [3, 2],
      { a: 3, b: 2 },
    ],
  ],
  [
    "from_entries",
    [
      { name: "a", value: 1 },
      { key: "b", value: null },
      { Key: "c", Value: 3 },
    ],
    [{ a: 1, b: null, c: 3 }],
  ],
  [
    "sort, reverse, min, max, add, length, (map(-.) | sort), index(1), contains([1]), any(. > 2), all(. > 2)",
    [3, 1, 2],
    [[1, 2, 3], [2, 1, 3], 1, 3, 6, 3, [-3, -2, -1], 1, true, true, false],
  ],
  [
    "sort_by(.a), group_by(.a), unique_by(.a), min_by(.a, -.b), max_by(.a, .b)",
    [
      { a: 2, b: 1 },
      { a: 1, b: 1 },
      { a: 2, b: 3 },
    ],
    [
      [
        { a: 1, b: 1 },
        { a: 2, b: 1 },
        { a: 2, b: 3 },
      ],
      [
        [{ a: 1, b: 1 }],
        [
          { a: 2, b: 1 },
          { a: 2, b: 3 },
        ],
      ],
      [
        { a: 1, b: 1 },
        { a: 2, b: 1 },
      ],
      { a: 1, b: 1 },
      { a: 2, b: 3 },
    ],
  ],
  [
    "sort",
    [null, true, false, 0, -1, "a", [], {}, [0], { a: 1 }],
    [[null, false, true, -1, 0, "a", [], [0], {}, { a: 1 }]],
  ],
  [
    "flatten, flatten(1), flatten(0)",
    [1, [2, [3, [4]]]],
    [
      [1, 2, 3, 4],
      [1, 2, [3, [4]]],
      [1, [2, [3, [4]]]],
    ],
  ],
  [
    "transpose, [combinations], [limit(1; combinations(2))]",
    [[1, 2], [3]],
    [
      [
        [1, 3],
        [2, null],
      ],
      [
        [1, 3],
        [2, 3],
      ],
      [
        [
          [1, 2],
          [1, 2],
        ],
      ],
    ],
  ],
  [
    'has("a"), (.a | has(5)), ("a" | in({"a":1})), inside({"a":[1,2,3],"b":1}), (.a | bsearch(2), bsearch(0))',
    { a: [1, 2] },
    [true, false, true, true, 1, -1],
  ],
  [
    "IN(.[]; 2, 5), INDEX(.), (map({id: .}) | INDEX(.id) | keys)",
    [1, 2, 3],
    [true, { "1": 1, "2": 2, "3": 3 }, ["1", "2", "3"]],
  ],
  [
    "tojson, [tostream], fromstream(tostream), [1 | truncate_stream([[0],1], [[1,0],2], [[1,0]], [[1]])]",
    [1, [2]],
    ["[1,[2]]", [[[0], 1], [[1, 0], 2], [[1, 0]], [[1]]], [1, [2]], [[[0], 2], [[0]]]],
  ],
  [
    'walk(if type == "number" then . + 1 else . end), (getpath([1,1,"a"]), getpath([7,"x"])), pick(.[1][1].a)',
    [1, [2, { a: 3 }]],
    [[2, [3, { a: 4 }]], 3, null, [null, [null, { a: 3 }]]],
  ],
  // Changes.
  [
    ".a = 5, .a |= . + 1, .a += 1, .c //= 9, .b[1:] = [9], .b[5] = 6",
    { a: 1, b: [1, 2, 3] },
    [
      { a: 5, b: [1, 2, 3] },
      { a: 2, b: [1, 2, 3] },
      { a: 2, b: [1, 2, 3] },
      { a: 1, b: [1, 2, 3], c: 9 },
      { a: 1, b: [1, 9] },
      { a: 1, b: [1, 2, 3, null, null, 6] },
    ],
  ],
  [
    '.b[] |= select(. != 2), del(.b[0, 2]), del(.a, .b), delpaths([["b",1],["x"]]), to_entries[1].key',
    { a: 1, b: [1, 2, 3] },
    [{ a: 1, b: [1, 3] }, { a: 1, b: [2] }, {}, { a: 1, b: [1, 3] }, "b"],
  ],
  [
    '(.a, .b[0]) |= . * 10, (.b | first) = 7, (.. | numbers) |= -., (.a += (1, 2)), setpath(["b",0]; "x")',
    { a: 1, b: [1, 2, 3] },
    [
      { a: 10, b: [10, 2, 3] },
      { a: 1, b: [7, 2, 3] },
      { a: -1, b: [-1, -2, -3] },
      { a: 2, b: [1, 2, 3] },
      { a: 3, b: [1, 2, 3] },
      { a: 1, b: ["x", 2, 3] },
    ],
  ],
  [
    ".a |= map(select(.n > 1)), (.a[] | select(.n == 1) | .n) = 5, .a[].n += 1, del(.a[] | select(.n == 1))",
    { a: [{ n: 1 }, { n: 2 }] },
    [{ a: [{ n: 2 }] }, { a: [{ n: 5 }, { n: 2 }] }, { a: [{ n: 2 }, { n: 3 }] }, { a: [{ n: 2 }] }],
  ],
  [
    'del(.spec.containers[] | select(.name == "b") | .image)',
    {
      spec: {
        containers: [
          { name: "a", image: "x" },
          { name: "b", image: "y" },
        ],
      },
    },
    [{ spec: { containers: [{ image: "x", name: "a" }, { name: "b" }] } }],
  ],
  // Control.
  ['if . > 3 then "big" elif . > 1 then "middle" else "small" end, if false then 1 end', 5, ["big", 5]],
  [
    "[range(5)], [range(2; 5)], [range(0; 10; 3)], [range(5; 0; -2)], [range(0; 1; 0.4)]",
    null,
    [
      [0, 1, 2, 3, 4],
      [2, 3, 4],
      [0, 3, 6, 9],
      [5, 3, 1],
      [0, 0.4, 0.8],
    ],
  ],
  [
    "reduce .[] as $x (0; . + $x), [foreach .[] as $x (0; . + $x)], [foreach .[] as $x (0; . + $x; [$x, .])]",
    [1, 2, 3],
    [
      6,
      [1, 3, 6],
      [
        [1, 1],
        [2, 3],
        [3, 6],
      ],
    ],
  ],
  [
    "reduce range(3) as $x (0; empty), reduce range(3) as $x (0; ., 10), [foreach range(2) as $i (0; . + 1, . + 2)]",
    null,
    [0, 10, [1, 2, 3, 4]],
  ],
  [
    "[label $out | 1, 2, break $out, 3], [label $f | range(9) | ., (select(. == 1) | break $f)]",
    null,
    [
      [1, 2],
      [0, 1],
    ],
  ],
  [
    'try error("x") catch ., try error({"a":1}) catch .a, [try (1, error("y"), 2) catch "z"], [.[]?], try error(null) catch .',
    null,
    ["x", 1, [1, "z"], [], null],
  ],
  [
    "[limit(3; range(9))], [limit(0; 1, 2)], first(range(5; 9)), last(range(5)), nth(2; range(9)), [skip(3; range(5))], isempty(empty)",
    null,
    [[0, 1, 2], [], 5, 4, 2, [3, 4], true],
  ],
  [
    "until(. > 100; . * 2), [while(. < 20; . * 2)], [recurse(. * 3; . < 30)], [limit(3; repeat(., 2))]",
    1,
    [128, [1, 2, 4, 8, 16], [1, 3, 9, 27], [1, 2, 1]],
  ],
  ["def f: 1; def g(h): h * 2; def s($a; $b): $a - $b; f, g(5), s(7; 2)", null, [1, 10, 5]],
  [
    "def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; fac, [., 20, 25 | fac]",
    10,
    [3628800, [3628800, 2432902008176640000n, 15511210043330985984000000n]],
  ],
  ["def f: 1; def g: f; def f: 2; [f, g]", null, [[2, 1]]],
  ["def f(g): 3 as $x | g; 1 as $x | f($x)", null, [1]],
  [". as [[$x, [$y]], {a: $z}] | [$x, $y, $z]", [[1, [2]], { a: 5 }], [[1, 2, 5]]],
  [
    ". as {$k, a: {b: $c}} | [$k, $c], (. as {k: $key, ($key): $found} | $found)",
    { a: { b: 1 }, k: "a" },
    [["a", 1], { b: 1 }],
  ],
  ["[.[] as [$a] ?// {$a} ?// $a | $a]", [[1, 2], { a: 3 }, 4], [[1, 3, 4]]],
  ['.[] as [$a] ?// $a | if ($a | type) == "number" then error("again") else $a end', [[3]], [[3]]],
  [
    'try (null as {a: $a} ?// {s: $b, ($b): $a} | 1) catch "within" | if . == 1 then error("behind") else . end',
    null,
    ["within"],
  ],
  // Texts.
  [
    'length, utf8bytelength, explode, ascii_upcase, .[1:3], index("t"), indices("t"), ltrimstr("te"), trimstr("t"), startswith("te")',
    "test",
    [4, 4, [116, 101, 115, 116], "TEST", "es", 0, [0, 3], "st", "es", true],
  ],
  [
    'length, utf8bytelength, explode, (explode | implode), index("😀"), @uri, @base64, (@base64 | @base64d)',
    "aé😀",
    [3, 7, [97, 233, 128512], "aé😀", 2, "a%C3%A9%F0%9F%98%80", "YcOp8J+YgA==", "aé😀"],
  ],
  ["trim, ltrim, rtrim", " a\u00a0 ", ["a", "a  ", " a"]],
  [
    'split(","), split(", *"; null), [splits(", *")], (split(",") | join("-"))',
    "a,b, c",
    [["a", "b", " c"], ["a", "b", "c"], ["a", "b", "c"], "a-b- c"],
  ],
  [
    'join("-"), @csv, @tsv, @sh, @json, @html, @text',
    [1, "a", null, true],
    [
      "1-a--true",
      '1,"a",,true',
      "1\ta\t\ttrue",
      "1 'a' null true",
      '[1,"a",null,true]',
      "[1,&quot;a&quot;,null,true]",
      '[1,"a",null,true]',
    ],
  ],
  [
    String.raw`@html, @uri, @sh, @json, "x \(.)", @base64 "y \(.) \(1)", @json "v=\([.])"`,
    "<&'\"> ü",
    [
      "&lt;&amp;&apos;&quot;&gt; ü",
      "%3C%26%27%22%3E%20%C3%BC",
      "'<&'\\''\"> ü'",
      '"<&\'\\"> ü"',
      "x <&'\"> ü",
      "y PCYnIj4gw7w= MQ==",
      'v=["<&\'\\"> ü"]',
    ],
  ],
  [
    String.raw`tonumber, tojson, fromjson, ("[1,{\"a\":2}]" | fromjson), ("1e3" | tonumber), (true | tostring), ("true" | toboolean)`,
    "1",
    [1, '"1"', 1, [1, { a: 2 }], 1000, "true", true],
  ],
  [
    String.raw`test("BAR"; "i"), [match("foo"; "g").offset], capture("(?<x>b)(?<y>z)?"), [scan("o+")], [scan("(f)(o)")], sub("foo"; "x"), gsub("(?<l>o+)"; "<\(.l)>")`,
    "foo bar foo",
    [
      true,
      [0, 8],
      { x: "b", y: null },
      ["oo", "oo"],
      [
        ["f", "o"],
        ["f", "o"],
      ],
      "x bar foo",
      "f<oo> bar f<oo>",
    ],
  ],
  [
    String.raw`gsub(""; "-"), gsub("^"; ">"), sub("(?<x>b)"; "\(.x)1", "\(.x)2"), [splits("")], gsub("x"; "y")`,
    "abc",
    ["-a-b-c-", ">abc", "ab1c", "ab2c", ["", "a", "b", "c", ""], "abc"],
  ],
  [
    '[match("(b)(x)?(?<n>c)"; "g")]',
    "abcé",
    [
      [
        {
          captures: [
            { length: 1, name: null, offset: 1, string: "b" },
            { length: 0, name: null, offset: -1, string: null },
            { length: 1, name: "n", offset: 2, string: "c" },
          ],
          length: 2,
          offset: 1,
          string: "bc",
        },
      ],
    ],
  ],
  // Times.
  [
    'todate, gmtime, (gmtime | mktime), strftime("%A, %d %B %Y %H:%M:%S %Z"), strftime("%j %U %V %G %e %-m %s")',
    1425599621,
    [
      "2015-03-05T23:53:41Z",
      [2015, 2, 5, 23, 53, 41, 4, 63],
      1425599621,
      "Thursday, 05 March 2015 23:53:41 UTC",
      "064 09 10 2015  5 3 1425599621",
    ],
  ],
  [
    'fromdate, strptime("%Y-%m-%dT%H:%M:%SZ"), (strptime("%Y-%m-%dT%H:%M:%SZ") | mktime)',
    "2015-03-05T23:51:47Z",
    [1425599507, [2015, 2, 5, 23, 51, 47, 4, 63], 1425599507],
  ],
  ['strptime("%d %b %Y %I:%M %p %z") | mktime | todate', "10 Mar 2024 1:02 PM +0530", ["2024-03-10T07:32:00Z"]],
  ["mktime | todate", [2024, 14, 35], ["2025-04-04T00:00:00Z"]],
  ['strptime("%H:%M:%S%z|") | mktime', "01:02:03+0530|", [-2209004877]],
  ['[strptime("%z:"), strptime("%:z:")?]', "+0530:", [[[1899, 11, 31, 18, 30, 0, 0, 364]]]],
  ['strftime("%-d|%_d|%05d|%^a|%#p|%10A|%:z|%Q|%5%")', 1425599621, ["5| 5|00005|THU|pm|  Thursday|+00:00|%Q|    %"]],
  // Numbers.
  [
    "map(floor), map(round), map(rint), map(trunc), map(fabs), map(ceil)",
    [1.5, -1.5, 2.5],
    [
      [1, -2, 2],
      [2, -2, 3],
      [2, -2, 2],
      [1, -1, 2],
      [1.5, 1.5, 2.5],
      [2, -1, 3],
    ],
  ],
  [
    "sqrt, log2, exp10, pow(.; 2), cbrt, frexp, modf, significand, ldexp(.; 1), [fmin(1; 2), fmax(1; nan), fma(2; 3; 4)]",
    8,
    [2.8284271247461903, 3, 100000000, 64, 2, [0.5, 4], [0, 8], 1, 16, [1, 1, 10]],
  ],
  [
    "[nan, infinite, -infinite] | map(isnan), map(isinfinite), map(tojson), map(. < 1), sort",
    null,
    [
      [true, false, false],
      [false, true, true],
      ["null", "1.7976931348623157e+308", "-1.7976931348623157e+308"],
      [true, false, true],
      [null, -Number.MAX_VALUE, Number.MAX_VALUE],
    ],
  ],
  // Nothing from outside.
  ["env, $ENV, $ENV.HOME, localtime?", null, [{}, {}, null]],
];
