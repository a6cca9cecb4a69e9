import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { compileLua } from "../../../src/base/lua/lua.ts";
import { jsonByLargestIndex } from "../../../src/base/lua/to-json.ts";
import { assertSameOfEach, type Oracle, type OracleAnswer, oracleMissing, startOracle } from "../../harness/oracle.ts";

/**
 * Compares us with gopher-lua 1.1.2. What differs: texts of errors; infinite results, which are no data here; an error that
 * `pcall(error, "x")` gives has no place; `%d` of what is no number, and `*` for a width.
 */
const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 1_000);

const event: JsonObject = {
  n: 1,
  f: 1.5,
  s: "tëxt",
  t: true,
  z: null,
  big: 9007199254740993n,
  list: [1, null, "x", { a: [true] }],
  o: { k: "v", "0": "zero" },
  empty: {},
  none: [],
};

const scripts = [
  "return event",
  "return event.list",
  "return #event.list",
  "return event.big",
  "return event.big .. ''",
  "return event.n + event.f",
  "return event.z == nil",
  "return event.none",
  "return event.empty",
  "return { x = event.big, y = event.list }",
  "event.n = nil event.new = { 1, 2 } return event",
  "return 1, event",
  "return event, 1",
  "return",
  "",
  "return 'a' .. 1 .. 2.5",
  "return 10 .. 20",
  "return '10' + 5",
  "return '0x10' + 0",
  "return 7 / 2 .. ''",
  "return 5.5 % 2",
  "return -5 % 3",
  "return 2 ^ 0.5",
  "return math.huge",
  "return { math.huge }",
  "return math.floor(-1.5) .. ''",
  "return math.fmod(-5, 3)",
  "return (0 / 0) .. ''",
  "return (1 / 0) .. '' .. -1 / 0",
  "return -0 .. ''",
  ...[
    "2 ^ 53",
    "2 ^ 63",
    "-2 ^ 63",
    "1e21",
    "1e100",
    "1e-7",
    "1234567.5",
    "0.1",
    "1 / 3",
    "123456789012345678",
  ].flatMap((number) => [
    `return ${number} .. ''`,
    `return '' .. ${number}`,
    `return tostring(${number})`,
    `return ${number}`,
  ]),
  ...[
    "'0x10'",
    "' 12 '",
    "'1e3'",
    "'1.5e3'",
    "'abc'",
    "''",
    "'inf'",
    "'nan'",
    "'-5'",
    "'+5'",
    "'5.'",
    "nil",
    "true",
    "{}",
  ].map((value) => `return tonumber(${value})`),
  ...["'10', 2", "'ff', 16", "'-ff', 16", "'zz', 36", "'9', 8", "10, 2", "'99999999999999999999'"].map(
    (values) => `return tonumber(${values})`,
  ),
  ...["'l'", "'(h)(e)'", "'l+', 2", "'%a', -2", "'.', 1, true", "'z'"].flatMap((values) => [
    `return ('hello'):find(${values})`,
    `return { ('hello'):match(${values}) }`,
  ]),
  "return (('hello world'):gsub('o', '0'))",
  "return ('abc'):gsub('%w', '%0%0')",
  "return (('abc'):gsub('(b)', { b = 'X' }))",
  "return (('abc'):gsub('b', string.upper))",
  "return ('  trim  '):match('^%s*(.-)%s*$')",
  "local t = {} for w in ('a,b,,c'):gmatch('[^,]+') do t[#t + 1] = w end return t",
  "return ('hello'):sub(-3)",
  "return { ('abc'):byte(1, -1) }",
  "return string.char(72, 105)",
  "return ('é'):upper() .. ('ÀB'):lower() .. ('ß'):upper() .. #'é'",
  "return ('abc'):reverse()",
  "return ('x'):rep(3) .. ('x'):rep(-1)",
  "return table.concat({ 1, 2, 3.5 }, ',')",
  "return table.getn({ 1, 2, 3 })",
  "return table.maxn({ 1, 2, [10] = 3 })",
  "local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return t",
  "local t = { 1, 2, 3 } table.remove(t, 1) table.insert(t, 'x') return t",
  "return select('#', 1, nil, 3)",
  "return { unpack({ 1, 2, 3 }, 2) }",
  "return next({})",
  "return type(print)",
  "return '1' == 1",
  "return 'a' < 'b'",
  "return rawequal('a', 'a')",
  "return loadstring('return 1')()",
  "local f = coroutine.wrap(function() coroutine.yield(1) coroutine.yield(2) end) f() return f()",
  "local s = '' for i = 10, 1, -3 do s = s .. i end return s",
  "local s = '' for i = 1, 4 do if i == 2 then goto next end s = s .. i ::next:: end return s",
  "local s = '' for i = 1, 9 do if i == 2 then goto next end if i == 5 then break end s = s .. i ::next:: end return s",
  "local s = '' for i = 1, 3 do for j = 1, 3 do if j == i then goto next end s = s .. j ::next:: end end return s",
  "return setmetatable({}, { __is_array = true })",
  "return { a = setmetatable({}, { __is_array = true }) }",
  "return { 1, 2, nil, 4 }",
  "return { [1] = 1, [5] = 5 }",
  "return { a = 1, [1] = 2 }",
  "return { [0] = 1, [-1] = 2, [1.5] = 3, [1e9] = 4 }",
  "return { [1e6 + 0.5] = 1, [true] = 2 }",
  "local t = { 1, 2, 3 } t[3] = nil return t",
  "local t = { 1, 2, 3 } t[1] = nil return t",
  ...["%Y-%m-%d %H:%M:%S", "%a %A %b %B %c", "%d %F %I %p", "%x %X %y", "%z %Z %w %j %%"].flatMap((layout) =>
    [0, 86_400 * 200, 1_700_000_000].map((time) => `return os.date('!${layout}', ${time})`),
  ),
  "return os.date('!*t', 86400)",
  "return os.time({ year = 2020, month = 1, day = 1 })",
  "return os.time({ year = 2020, month = 13, day = 32, hour = 25, min = 61, sec = 61 })",
  "return os.time({ year = '2020', month = '02', day = '03' })",
  "return nil .. 'x'",
  "return {} .. 'x'",
  "return event.missing.x",
  "return 1 < '2'",
  "return not nil",
  "return (",
  "error('boom')",
  "return print",
];

const formats = [
  "%d",
  "%5d|",
  "%-5d|",
  "%05d",
  "%+d",
  "% d",
  "%x",
  "%X",
  "%#x",
  "%o",
  "%c",
  "%i",
  "%e",
  "%g",
  "%f",
  "%.3f",
];
const looseFormats = [
  "%s",
  "%10s|",
  "%-10s|",
  "%.2s",
  "%q",
  "%v",
  "%d%%",
  "%%",
  "%",
  "a",
  "%s %s",
  "%5.1f|",
  "%G",
  "%u",
  "%z",
];

const anyNumber = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.constantFrom(0, 1, 65, 0.1, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, -(2 ** 63), 1e15, 1e16, 1e21, 1e100),
);

/** Without -0, which the question would not carry. */
const number = anyNumber.map((value) => (value === 0 ? 0 : value));

/** Which characters of new versions of Unicode can be printed differs. */
const text = fc.oneof(fc.string(), fc.constantFrom("é", "日本", "a\u0301", "😀", "\u200b", "\u0085", "ß", "İ"));

const key = fc.oneof(fc.constantFrom("a", "b", "é", "1", "0", "x-y"), fc.string({ maxLength: 5 }));
const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthIdentifier: "tree" },
    fc.oneof(number, fc.string({ maxLength: 8 }), fc.boolean(), fc.constant(null)),
    fc.array(tie("tree"), { maxLength: 4, depthIdentifier: "tree" }),
    fc.dictionary(key, tie("tree"), { maxKeys: 4, depthIdentifier: "tree" }),
  ),
}));

/** Lists in lists are taken away before the script sees the event, by its caller. */
function withoutInnerLists(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.filter((item) => !Array.isArray(item)).map(withoutInnerLists);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withoutInnerLists(part)]));
}

function ours(script: string, given: JsonObject): OracleAnswer {
  try {
    const globals = { event: withoutInnerLists(given) };
    return { ok: jsonByLargestIndex(compileLua(script).run({ globals, nowMs: 0, seed: 0 })) };
  } catch (error) {
    if (error instanceof EngineError) return { error: error.message };
    throw error;
  }
}

/** Also whether one fails, but not how it says so. */
function comparable(answer: OracleAnswer): string {
  return "error" in answer ? "error" : JSON.stringify(sorted(answer.ok)).replace(goTypes, "$1");
}

/** Where a format does not fit, Go names the type of what it was given: a lua.LNumber there, a float64 here. */
const goTypes = /((?:%!.\(|EXTRA |, ))(?:lua\.L\w+|string|int64|float64)=/gu;

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const names = Object.keys(value).sort();
  return names.map((name) => [name, sorted((value as JsonObject)[name] ?? null)]);
}

const missing = oracleMissing();

describe("Lua beside the original", { skip: missing }, () => {
  let oracle: Oracle;
  before(() => {
    oracle = startOracle();
  });
  after(async () => oracle[Symbol.asyncDispose]());

  async function compare(script: string, given: JsonObject): Promise<void> {
    const theirs = await oracle.ask({ dialect: "lua", script, event: given });
    assert.equal(comparable(ours(script, given)), comparable(theirs), `${script}: they say ${JSON.stringify(theirs)}`);
  }

  for (const script of scripts) test(script || "nothing", () => compare(script, event));

  test("writes numbers alike, wherever they become text", async () => {
    const script = "return { event.x .. '', '' .. event.x, tostring(event.x), table.concat({ event.x, 1 }, ' ') }";
    await assertSameOfEach(number, (x) => compare(script, { x }), { numRuns: runs });
  });

  test("formats numbers alike", async () => {
    const script = "return string.format(event.format, event.x)";
    const cases = fc.tuple(number, fc.constantFrom(...formats, ...looseFormats));
    await assertSameOfEach(cases, ([x, format]) => compare(script, { x, format }), { numRuns: runs });
  });

  test("formats texts alike", async () => {
    const script = "return string.format(event.format, event.x, event.x)";
    const cases = fc.tuple(text, fc.constantFrom(...looseFormats));
    await assertSameOfEach(cases, ([x, format]) => compare(script, { x, format }), { numRuns: runs });
  });

  test("gives events back alike", async () => {
    const events = fc.dictionary(key, tree, { maxKeys: 5 });
    await assertSameOfEach(events, (given) => compare("return event", given), { numRuns: runs });
  });
});
