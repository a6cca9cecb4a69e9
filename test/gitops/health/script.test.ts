import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { runHealthScript } from "../../../src/gitops/health/script.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const nowMs = Date.UTC(2026, 10, 29, 12, 0, 0);

function objectWith(fields: object): KubeObject {
  return {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w", generation: 2 },
    ...fields,
  } as KubeObject;
}

type Row = readonly [name: string, lua: string, fields: object, status: string, message?: string];

/** In the ways in which people write such scripts. */
const rows: readonly Row[] = [
  [
    "walks conditions by index and returns early",
    `hs = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for i = 1, #obj.status.conditions do
    local c = obj.status.conditions[i]
    if c.type == "Ready" and c.status == "False" then
      hs.status = "Degraded"
      hs.message = c.message
      return hs
    end
  end
end
hs.status = "Progressing"
hs.message = "Waiting for " .. obj.metadata.name
return hs`,
    {
      status: {
        conditions: [
          { type: "Issued", status: "True" },
          { type: "Ready", status: "False", message: 'a "b" ü' },
        ],
      },
    },
    "Degraded",
    'a "b" ü',
  ],
  [
    "counts with table.getn and joins with table.concat",
    `local msgs = {}
for _, c in pairs(obj.status.parts) do table.insert(msgs, c.name .. "=" .. tostring(c.ready)) end
table.sort(msgs)
return {status = table.getn(msgs) == 3 and "Healthy" or "Degraded", message = table.concat(msgs, ", ")}`,
    {
      status: {
        parts: [
          { name: "b", ready: true },
          { name: "a", ready: false },
          { name: "c", ready: true },
        ],
      },
    },
    "Healthy",
    "a=false, b=true, c=true",
  ],
  [
    "goes on with goto",
    `local failed = 0
for _, c in ipairs(obj.status.conditions) do
  if c.status == "True" then goto continue end
  if c.type == "Optional" then
    goto continue
  end
  failed = failed + 1
  ::continue::
end
return {status = failed == 1 and "Degraded" or "Healthy", message = failed .. " failed"}`,
    { status: { conditions: [{ type: "A", status: "True" }, { type: "Optional" }, { type: "B", status: "False" }] } },
    "Degraded",
    "1 failed",
  ],
  [
    "compares generations as numbers and as text",
    `if tonumber(obj.status.observedGeneration) ~= obj.metadata.generation then
  return {status = "Progressing", message = "observed " .. obj.status.observedGeneration .. " of " .. obj.metadata.generation}
end
return {status = "Healthy"}`,
    { status: { observedGeneration: "1" } },
    "Progressing",
    "observed 1 of 2",
  ],
  [
    "formats and matches",
    `local major, minor = string.match(obj.spec.version, "^v?(%d+)%.(%d+)")
local name = string.gsub(obj.spec.name, "[^%w]+", "-")
return {status = "Healthy", message = string.format("%s %d/%03d %5.1f%% %q", name, major, minor, 99.55, "x")}`,
    { spec: { version: "v1.27.3", name: "a b/c" } },
    "Healthy",
    'a-b-c 1/027  99.5% "x"',
  ],
  [
    "uses methods of strings, splits and trims",
    `local out = {}
for word in obj.spec.text:gmatch("[^,]+") do out[#out + 1] = word:match("^%s*(.-)%s*$"):upper():sub(1, 3) end
return {status = "Healthy", message = table.concat(out, "|") .. " " .. #out .. " " .. ("x"):rep(3)}`,
    { spec: { text: " alpha, beta ,gamma" } },
    "Healthy",
    "ALP|BET|GAM 3 xxx",
  ],
  [
    "finds plain text, also at its end",
    `local at = string.find(obj.spec.image, ":", 1, true)
return {status = at and "Healthy" or "Degraded", message = string.sub(obj.spec.image, at + 1, -1) .. string.len(obj.spec.image)}`,
    { spec: { image: "nginx:1.27" } },
    "Healthy",
    "1.2710",
  ],
  [
    "asks for the time",
    `local os = require("os")
local y, m, d, h, min, s = obj.status.since:match("(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)Z")
local since = os.time({year = y, month = m, day = d, hour = h, min = min, sec = s})
return {status = os.time() - since > 60 and "Degraded" or "Healthy", message = (os.time() - since) .. "s at " .. os.date("!%Y-%m-%dT%H:%M:%SZ")}`,
    { status: { since: "2026-11-29T11:58:00Z" } },
    "Degraded",
    "120s at 2026-11-29T12:00:00Z",
  ],
  [
    "defines functions, with varargs and closures",
    `local function count(match, ...)
  local n = 0
  for _, list in ipairs({...}) do for _, v in ipairs(list or {}) do if match(v) then n = n + 1 end end end
  return n, select("#", ...)
end
local n, lists = count(function(v) return v > 1 end, obj.spec.a, obj.spec.b)
return {status = "Healthy", message = n .. " in " .. lists}`,
    { spec: { a: [1, 2, 3], b: [0.5, 1.5] } },
    "Healthy",
    "3 in 2",
  ],
  [
    "catches errors",
    `local ok, err = pcall(function() return obj.status.missing.field end)
local ok2, err2 = pcall(error, {code = 7})
return {status = (not ok and not ok2) and "Healthy" or "Degraded", message = type(err) .. err2.code}`,
    { status: {} },
    "Healthy",
    "string7",
  ],
  [
    "uses metatables",
    `local defaults = setmetatable({}, {__index = function(_, key) return "no " .. key end})
local Point = {}
Point.__index = Point
Point.__tostring = function(p) return p.x .. ";" .. p.y end
local p = setmetatable({x = 1, y = 2}, Point)
return {status = "Healthy", message = defaults.status .. " " .. tostring(p)}`,
    {},
    "Healthy",
    "no status 1;2",
  ],
  [
    "does sums with numbers of any kind",
    `return {status = "Healthy", message = table.concat({1/2, 10/5, 2^10, 7 % 3, math.floor(-1.5), math.max(3, 9, 4), 1e15, 0.1 + 0.2}, " ")}`,
    {},
    "Healthy",
    "0.5 2 1024 1 -2 9 1000000000000000 0.30000000000000004",
  ],
  [
    "repeats and breaks",
    `local n = 0
repeat n = n + 1 until n >= 5
while true do n = n + 1 if n > 8 then break end end
for i = 10, 1, -3 do n = n + i end
return {status = "Healthy", message = "" .. n}`,
    {},
    "Healthy",
    "31",
  ],
  [
    "tells nil, false and empty apart",
    `local t = {}
if obj.spec.suspend == nil then t[#t+1] = "nil" end
if obj.spec.on == false then t[#t+1] = "false" end
if next(obj.spec.map) == nil then t[#t+1] = "empty" end
if #obj.spec.list == 0 then t[#t+1] = "none" end
if obj.spec.nothing == nil then t[#t+1] = "null" end
return {status = "Suspended", message = table.concat(t, ",")}`,
    { spec: { on: false, map: {}, list: [], nothing: null } },
    "Suspended",
    "nil,false,empty,none,null",
  ],
  ["returns the last of several values", `return 1, {status = "Missing"}`, {}, "Missing"],
  ["writes names of fields in another case", `return {Status = "Healthy", MESSAGE = "m"}`, {}, "Healthy", "m"],
  ["has fields that nobody asks for", `return {status = "Healthy", extra = {1, 2}}`, {}, "Healthy"],
  ["names no status", `return {message = "m"}`, {}, "Unknown", "Lua returned an invalid health status"],
  ["misspells a status", `return {status = "healthy"}`, {}, "Unknown", "Lua returned an invalid health status"],
  [
    "is a chunk with long strings and comments",
    `--[[ a comment
over lines ]]
local text = [[a
b]] -- another
return {status = "Healthy", message = text}`,
    {},
    "Healthy",
    "a\nb",
  ],
  [
    "reads a number that JSON wrote large",
    `return {status = obj.spec.n >= 9007199254740992 and "Healthy" or "Degraded", message = type(obj.spec.n)}`,
    { spec: { n: 9007199254740993n } },
    "Healthy",
    "number",
  ],
];

describe("a health script", () => {
  for (const [name, text, fields, status, message] of rows) {
    test(`that ${name}`, () => {
      const found = runHealthScript({ text, useOpenLibs: true }, objectWith(fields), { nowMs });
      assert.deepEqual(found, message === undefined ? { status } : { status, message });
    });
  }

  for (const [name, text] of [
    ["nil", "return nil"],
    ["nothing", "local x = 1"],
    ["an empty table", "return {}"],
  ] as const) {
    test(`that returns ${name} says that there is no health`, () => {
      assert.equal(runHealthScript({ text, useOpenLibs: false }, objectWith({}), { nowMs }), undefined);
    });
  }

  for (const [name, text, message] of [
    ["a string", `return "Healthy"`, "expect table output from Lua script, not string"],
    ["a number", "return 1", "expect table output from Lua script, not number"],
    ["a function", "return print", "expect table output from Lua script, not function"],
    ["a list", `return {"Healthy"}`, "json: cannot unmarshal array into Go value of type health.HealthStatus"],
    ["mixed keys", `return {"x", status = "Healthy"}`, "cannot encode mixed or invalid key types"],
    ["a list with holes", `return {status = "Healthy", l = {[1] = 1, [3] = 3}}`, "cannot encode sparse array"],
    ["a function in a field", `return {status = "Healthy", f = print}`, "cannot encode function to JSON"],
    [
      "a message that is a number",
      `return {status = "Healthy", message = 5}`,
      "json: cannot unmarshal number into Go struct field HealthStatus.message of type string",
    ],
  ] as const) {
    test(`that returns ${name} fails`, () => {
      const run = () => runHealthScript({ text, useOpenLibs: true }, objectWith({}), { nowMs });
      assert.throws(run, (error) => error instanceof EngineError && error.message === message);
    });
  }

  test("fails at the line that is wrong, whatever libraries it gets", () => {
    for (const useOpenLibs of [true, false]) {
      const run = () =>
        runHealthScript({ text: "local a = 1\n\nreturn obj.x.y", useOpenLibs }, objectWith({}), { nowMs });
      assert.throws(run, /:3: attempt to index/);
    }
  });

  test("sees only the basic libraries when the others are closed", () => {
    const text = `local names = {}
for _, name in ipairs({"string", "math", "os", "io", "debug", "coroutine", "table", "require"}) do
  if _G[name] ~= nil then names[#names + 1] = name end
end
local os = require("os")
return {status = "Healthy", message = table.concat(names, ",") .. " " .. os.date("!%Y", os.time({year = 2020, month = 2, day = 1}))}`;
    const run = (useOpenLibs: boolean) => runHealthScript({ text, useOpenLibs }, objectWith({}), { nowMs })?.message;
    const leftBehind = `return {status = "Healthy", message = table.date("!%Y", table.time())}`;
    const closed = { text: leftBehind, useOpenLibs: false };
    assert.equal(runHealthScript(closed, objectWith({}), { nowMs })?.message, String(new Date(nowMs).getUTCFullYear()));
    assert.equal(run(false), "table,require 2020");
    assert.equal(run(true), "string,math,os,io,debug,coroutine,table,require 2020");
  });

  for (const [name, text] of [
    ["loops", "while true do end"],
    ["loops within pcall", "while true do pcall(function() while true do end end) end"],
    ["takes all memory", `local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end`],
    ["calls itself", "local function f() return 1 + f() end return f()"],
    ["searches for ever", `return (("a"):rep(200000)):find((".-"):rep(20) .. "b")`],
  ] as const) {
    test(`that ${name} ends with an error in good time, and the next one runs`, () => {
      const startMs = performance.now();
      const run = () => runHealthScript({ text, useOpenLibs: true }, objectWith({}), { nowMs });
      assert.throws(run, (error) => error instanceof EngineError && error.code === "SCRIPT_FAILED");
      assert.ok(performance.now() - startMs < 5_000);
      assert.deepEqual(
        runHealthScript({ text: `return {status = "Healthy"}`, useOpenLibs: true }, objectWith({}), { nowMs }),
        {
          status: "Healthy",
        },
      );
    });
  }

  test("does not see what another one left behind", () => {
    const leave = `string.upper = nil; leaked = 1; return {status = "Healthy"}`;
    const look = `return {status = (leaked == nil and string.upper ~= nil) and "Healthy" or "Degraded"}`;
    runHealthScript({ text: leave, useOpenLibs: true }, objectWith({}), { nowMs });
    assert.deepEqual(runHealthScript({ text: look, useOpenLibs: true }, objectWith({}), { nowMs }), {
      status: "Healthy",
    });
  });
});
