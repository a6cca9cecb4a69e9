import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError, messageOf, TerminalError } from "../../../src/base/errors.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { compileLua } from "../../../src/base/lua/lua.ts";
import { LuaOpaque, LuaTable, type LuaValue } from "../../../src/base/lua/values.ts";

function run(script: string, event: JsonObject = {}): LuaValue {
  return compileLua(script).run({ globals: { event }, nowMs: 90_061_500, seed: 1 });
}

function failure(script: string, event: JsonObject = {}): string {
  try {
    run(script, event);
  } catch (error) {
    if (error instanceof EngineError && error.code.startsWith("SCRIPT_")) return error.message;
    throw error;
  }
  throw new Error(`nothing fails in ${script}`);
}

const values: readonly (readonly [script: string, expected: LuaValue])[] = [
  ["return true", true],
  ["return 1 == 1.0", true],
  ["return 'é' .. 1", "é1"],
  ["return #'é'", 2],
  ["", undefined],
  ["return", undefined],
  ["return nil", undefined],
  ["return 1, 2, 3", 3], // the top of the stack
  ["return 1, nil", undefined],
  ["local x = 1", undefined],
  ["return event.a.b", 7],
  ["return event.missing", undefined],
  ["return #event.list", 2], // nulls are left out
  ["return event.list[2]", "x"],
  ["return event['']", "empty"],
  ["return event.__proto__", "name"],
  ["return event.big", 9007199254740992],
  ["return tostring(event.big)", "9007199254740992"],
  ["return event.text", `long ${"é".repeat(100)}`],
  ["return type(event.zero)", "nil"],
];

const event: JsonObject = {
  a: { b: 7 },
  list: [1, null, "x"],
  "": "empty",
  big: 9007199254740993n,
  text: `long ${"é".repeat(100)}`,
  zero: null,
  ...Object.fromEntries([["__proto__", "name"]]),
};

for (const [script, expected] of values) {
  test(`runs ${script || "nothing"}`, () => {
    assert.deepEqual(run(script, event), expected);
  });
}

test("gives tables with their entries, and functions as what they are", () => {
  const table = run("return { 1, x = { true } , f = print }");
  assert.ok(table instanceof LuaTable);
  assert.deepEqual(table.entries[0], [1, 1]);
  assert.deepEqual(
    table.entries.find(([key]) => key === "f"),
    ["f", new LuaOpaque("function")],
  );
  assert.deepEqual(run("return coroutine.create(print)"), new LuaOpaque("thread"));
});

const failures: readonly (readonly [script: string, message: RegExp])[] = [
  ["return (", /^<string>:1: unexpected symbol near '<eof>'$/],
  ["local a\nlocal b\nreturn event.x.y", /^<string>:3: attempt to index field 'x' \(a nil value\)$/],
  ["error('why')", /^<string>:1: why$/],
  ["error('why', 0)", /^why$/],
  ["error({ code = 1 })", /^the error is a value of type table$/],
  ["error()", /^the error is a value of type nil$/],
  ["return 1 < 'x'", /attempt to compare/],
  ["\x1bLua", /compiled chunks are not taken/],
];

for (const [script, message] of failures) {
  test(`tells of ${script.replace("\x1b", "ESC")}`, () => assert.match(failure(script), message));
}

test("a script that does not parse is known when it is compiled", () => {
  assert.throws(() => compileLua("return ("), TerminalError);
});

test("an error's text is cut", () => assert.equal(failure("error(('x'):rep(1e5), 0)").length, 1_003));

const outside = [
  ...["os.execute('true')", "os.exit()", "os.getenv('HOME')", "os.remove('x')", "os.rename('x', 'y')", "os.tmpname()"],
  ...["io.open('/etc/passwd')", "io.write('x')", "io.lines('x')", "io.stdout()", "dofile('x')", "loadfile('x')"],
  ...["debug.getregistry()", "debug.sethook()", "package.loadlib('x', 'y')", "require('socket')", "require('io')"],
  ...["string.dump(print)", "os.setlocale('C')", "module('x')", "package.seeall()", "require('debug')"],
];

for (const script of outside) {
  test(`refuses ${script}`, () => {
    assert.match(failure(script), /is not available: scripts run in a sandbox|global 'module' \(a nil value\)/);
  });
}

const inside: readonly (readonly [script: string, expected: LuaValue])[] = [
  ["return require('os').time()", 90_061],
  ["return require('string').upper('x')", "X"],
  ["return os.time()", 90_061],
  ["return os.date('%Y-%m-%d %H:%M:%S')", "1970-01-02 01:01:01"],
  ["return os.clock()", 0],
  ["return os.difftime(5, 3)", 2],
  ["return loadstring('return 1 + 1')()", 2],
  ["return load(function() return nil end)", new LuaOpaque("function")],
  ["print('x') return 1", 1],
  ["return select(2, loadstring('\\27Lua'))", "compiled chunks are not taken"],
  ["local done; return load(function() if not done then done = 1 return '\\27Lua' end end)", undefined],
  ["return loadstring('\\27Lua') == nil", true],
  ["return pcall(os.execute, 'x')", "os.execute is not available: scripts run in a sandbox"],
  ["local f = coroutine.wrap(function() coroutine.yield(1) coroutine.yield(2) end) f() return f()", 2],
  ["return collectgarbage('count') > 0", true],
];

for (const [script, expected] of inside) {
  test(`allows ${script}`, () => {
    const result = run(script);
    if (script.includes("'\\27Lua' end end)")) return assert.equal(result, "compiled chunks are not taken");
    assert.deepEqual(result, expected);
  });
}

const poisons = [
  "x = 1",
  "_G.x = 1",
  "getmetatable('').__index = function() return 1 end",
  "string.upper = nil",
  "table.insert(package.loaded, 1) package.loaded.string = nil",
  "setmetatable(_G, { __index = function() return 1 end })",
  "os.time = function() return 0 end",
  "setfenv(0, {})",
  "tostring = function() return 'x' end",
  "local G, e = _G, error for name in pairs(G) do G[name] = nil end error = e",
  "local t = {} for i = 1, 1e4 do t[i] = ('x'):rep(i % 100) end kept = t",
  "math.randomseed(5) math.random()",
  "coroutine.wrap(function() y = 1 coroutine.yield() end)()",
];

const probe =
  "return tostring(x) .. ('u'):upper() .. os.time() .. math.random() .. tostring({}) .. tostring(collectgarbage('count'))";

for (const poison of poisons) {
  test(`nothing is left of ${poison}`, () => {
    const clean = compileLua(probe);
    const before = clean.run({ globals: {}, nowMs: 1_000, seed: 3 });
    compileLua(poison).run({ globals: { event: {} }, nowMs: 0, seed: 1 });
    assert.throws(() => compileLua(`${poison} error('end')`).run({ globals: {}, nowMs: 0, seed: 1 }), EngineError);
    assert.equal(clean.run({ globals: {}, nowMs: 1_000, seed: 3 }), before);
  });
}

test("the same input gives the same, chance and addresses included; another seed other chance", () => {
  const script = compileLua("return tostring(event) .. math.random() .. tostring(function() end)");
  const input = { globals: { event: { a: 1 } }, nowMs: 5, seed: 77 };
  const first = script.run(input);
  for (let index = 0; index < 100; index += 1) assert.equal(script.run(input), first);
  assert.notEqual(script.run({ ...input, seed: 78 }), first);
});

test("a global is no global of the next run", () => {
  assert.equal(compileLua("return a").run({ globals: { a: 1 }, nowMs: 0, seed: 0 }), 1);
  assert.equal(compileLua("return a").run({ globals: {}, nowMs: 0, seed: 0 }), undefined);
});

test("values nested too deeply are refused, on the way in and out", () => {
  let deep: JsonObject = {};
  for (let index = 0; index < 300; index += 1) deep = { deep };
  assert.throws(() => run("return 1", deep), /nested deeper than 200/);
  assert.match(failure("local t = {} t.t = t return t"), /nested deeper than 200/);
  assert.match(failure("local t = {} for i = 1, 18 do t = { t, t } end return t"), /more than 200000 values/);
});

test("what is no UTF-8 becomes the replacement character", () => assert.equal(run("return 'a\\255b'"), "a\ufffdb"));

test("texts longer than the scratch place go in and out", () => {
  const text = "é".repeat(1_000_000);
  assert.equal(run("return event.text", { text }), text);
  assert.equal(messageOf(run(`return '${"x".repeat(1_100_000)}'`)).length, 1_100_000);
});
