import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { compileLua } from "../../../src/base/lua/lua.ts";

/**
 * Scripts that would hold up the process. The budget counts steps, so that what happens does not depend on the machine; the
 * time is looked at only roughly, for what the budget does not see.
 */
const maxMs = 3_000;

function run(script: string): unknown {
  const started = performance.now();
  try {
    return compileLua(script).run({ globals: { event: {} }, nowMs: 0, seed: 1 });
  } catch (error) {
    if (error instanceof EngineError) return error.message;
    throw error;
  } finally {
    const took = performance.now() - started;
    assert.ok(took < maxMs, `took ${Math.round(took)} ms`);
  }
}

const steps = "it takes more than 20000000 steps";

const endless: readonly (readonly [name: string, script: string])[] = [
  ["a loop", "while true do end"],
  ["a loop in pcall", "while true do pcall(function() while true do end end) end"],
  ["a loop in a coroutine", "coroutine.wrap(function() while true do end end)()"],
  ["a loop in an error handler", "xpcall(error, function() while true do end end)"],
  ["a loop in a metamethod", "local t = setmetatable({}, { __index = function() while true do end end }) return t.x"],
  [
    "a loop in the collector",
    "local p = newproxy(true) getmetatable(p).__gc = function() while true do end end p = nil collectgarbage()",
  ],
  ["a loop in gsub", "('x'):gsub('x', function() while true do end end)"],
  ["a loop in sort", "table.sort({ 3, 2, 1 }, function() while true do end end)"],
  ["a loop in a reader", "load(function() return 'a=1 ' end)"],
  ["string.rep", "return ('x'):rep(1e9)"],
  ["string.rep of nothing", "return (''):rep(1e9)"],
  ["string.rep in pcall", "pcall(string.rep, 'x', 1e9) while true do end"],
  ["a pattern with many lazy parts", "return ('a'):rep(3e4):find(('.-'):rep(30) .. 'b')"],
  ["a pattern with many greedy parts", "return ('a'):rep(100):find(('.*'):rep(100) .. 'b')"],
  [
    "plain search, the worst case",
    "local s, p = ('a'):rep(5e5), ('a'):rep(2e5) .. 'b' while true do s:find(p, 1, true) end",
  ],
  ["inserting in front", "local t = {} while true do table.insert(t, 1, 1) end"],
  ["joining long strings", "local s = ('x'):rep(1e5):rep(40) while true do local t = s .. 'y' end"],
  ["errors", "while true do pcall(error, 'x') end"],
  ["writing numbers", "local x = 0 while true do x = x + 0.1 local s = x .. '' end"],
  ["string.format", "while true do string.format('%d %s', 1, 'x') end"],
  ["string.format of much", "local s = ('x'):rep(3e5) while true do string.format('%s%s', s, s) end"],
  ["string.upper of much", "local s = ('é'):rep(3e5) while true do s:upper() end"],
  ["os.date of much", "local s = ('%c'):rep(1e4) while true do os.date(s, 1) end"],
  ["coroutines", "while true do coroutine.wrap(function() coroutine.yield() end)() end"],
  ["collecting garbage", "local t = {} for i = 1, 1e5 do t[i] = {} end while true do collectgarbage() end"],
  ["compiling", "local s = ('a=1 '):rep(1e4) while true do loadstring(s) end"],
  ["many results", "local t = {} for i = 1, 7000 do t[i] = i end while true do select('#', unpack(t)) end"],
];

const large: readonly (readonly [name: string, script: string, message: RegExp])[] = [
  ["a string that doubles", "local s = 'x' while true do s = s .. s end", /^not enough memory$/],
  ["a table that grows", "local t = {} for i = 1, 1e9 do t[i] = i end", /^not enough memory$/],
  ["recursion", "local function f() return 1 + f() end return f()", /stack overflow/],
  ["recursion through pcall", "local function f() return pcall(f) end return f()", /^C stack overflow$/],
  ["recursion of coroutines", "local function f() return coroutine.wrap(f)() end return f()", /C stack overflow/],
  [
    "recursion of metamethods",
    "local t = {} setmetatable(t, { __index = function(_, k) return t[k] end }) return t.x",
    /overflow/,
  ],
  ["a pattern that nests", "return ('a'):rep(1e5):find(('a?'):rep(1e5))", /stack overflow|too complex/],
  ["a text that nests", "return select(2, loadstring(('('):rep(1e5)))", /chunk has too many syntax levels/],
  ["unpack of much", "return unpack({}, 1, 1e7)", /too many results/],
  ["a list with holes", "return { [1] = 1, [6e7] = 1 }", /^\[object/],
  ["string.format with a width", "return string.format('%999999999d', 1)", /./],
  ["a date out of range", "return os.date('%Y', 1e300)", /out of range/],
  ["a key that is no number", "local t = {} t[0 / 0] = 1", /index is NaN/],
];

describe("Lua, under attack", () => {
  for (const [name, script] of endless) test(`ends ${name}`, () => assert.equal(run(script), steps));

  for (const [name, script, message] of large) test(`bounds ${name}`, () => assert.match(String(run(script)), message));

  test("after each of them the next script runs as if nothing had been", () => {
    const probe = compileLua("return tostring({}) .. collectgarbage('count')");
    const expected = probe.run({ globals: {}, nowMs: 0, seed: 0 });
    for (const [, script] of [...large.slice(0, 4), ...endless.slice(0, 2)]) {
      run(script);
      assert.equal(probe.run({ globals: {}, nowMs: 0, seed: 0 }), expected);
    }
  });

  test("ends a loop in a collector that runs when the result is read", () => {
    const script = `local p = newproxy(true) getmetatable(p).__gc = function() while true do end end p = nil
      local t, mark = {}, { __is_array = true } for i = 1, 1e5 do t[i] = setmetatable({}, mark) end return t`;
    const result = run(script);
    assert.ok(result === steps || typeof result === "object");
  });

  test("a text that takes too much to compile is refused for good", () => {
    assert.throws(() => compileLua("a = 1 ".repeat(1_500_000)), { code: "SCRIPT_INVALID" });
  });

  test("memory is given back", () => {
    const before = process.memoryUsage();
    for (let index = 0; index < 30; index += 1) run("local s = 'x' while true do s = s .. s end");
    const after = process.memoryUsage(); // other tests of this process hold some, too
    assert.ok(after.rss - before.rss < 1_000_000_000, `${after.rss - before.rss} bytes more`);
    assert.ok(after.arrayBuffers - before.arrayBuffers < 500_000_000);
  });

  test("a script may have other limits", () => {
    const script = compileLua("for i = 1, 1e4 do end return true", { maxSteps: 1_000 });
    assert.throws(() => script.run({ globals: {}, nowMs: 0, seed: 0 }), /it takes more than 1000 steps/);
  });
});
