import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EngineError, TerminalError } from "../../../src/base/errors.ts";
import { JqError, JqLimitError } from "../../../src/base/jq/fault.ts";
import { compileJq } from "../../../src/base/jq/jq.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { results } from "./cases.ts";
import { failing, limited, refused } from "./faults.ts";

describe("jq", () => {
  for (const [program, input, outputs] of results) {
    test(program, () => assert.deepEqual(compileJq(program).run(input), outputs));
  }

  for (const [program, input, message] of failing) {
    test(`${program} of ${JSON.stringify(input)} fails`, () => {
      assert.throws(
        () => compileJq(program).run(input),
        (error) => error instanceof JqError && assert.equal(error.message, message) === undefined,
      );
    });
  }

  for (const [program, reason] of refused) {
    test(`${JSON.stringify(program)} is refused`, () => {
      assert.throws(
        () => compileJq(program),
        (error) => error instanceof TerminalError && error.code === "EXPRESSION_INVALID" && includes(error, reason),
      );
    });
  }

  for (const [program, input, message] of limited) {
    test(`${program} ends`, () => {
      assert.throws(
        () => compileJq(program).run(input),
        (error) => error instanceof JqLimitError && includes(error, message),
      );
    });
  }

  test("no program catches a limit", () => {
    const limits = { maxSteps: 100 };
    for (const program of ["try last(repeat(1)) catch 1", "last(repeat(1))?", ". as [$a] ?// $a | last(repeat(1))"]) {
      assert.throws(() => compileJq(program).run([[1]], { limits }), JqLimitError);
    }
  });

  test("the first result is there whatever comes behind it", () => {
    assert.equal(compileJq('1, error("x")').first(null), 1);
    assert.equal(compileJq("repeat(2)").first(null), 2);
    assert.equal(compileJq("empty").first(null), undefined);
    assert.throws(() => compileJq('error("x"), 1').first(null), JqError);
  });

  test("results have limits of their own", () => {
    assert.throws(() => compileJq("1, 2, 3").run(null, { limits: { maxOutputs: 2 } }), /more than 2 results/);
    assert.throws(() => compileJq("., .").run("a text", { limits: { maxOutputSize: 10 } }), /more than 10 characters/);
  });

  test("an error has the value that catch would have got", () => {
    assert.deepEqual(errorOf('error({"a": 1})').value, { a: 1 });
    assert.equal(errorOf(".a").value, "expected an object but got: number (1)");
  });

  test("keys come in order", () => {
    const [made] = compileJq("{b: 1, a: {d: 1, c: 2}} + .").run({ z: { y: 1, x: 2 }, é: 1, B: 1 });
    assert.equal(JSON.stringify(made), '{"B":1,"a":{"c":2,"d":1},"b":1,"z":{"x":2,"y":1},"é":1}');
  });

  test("the input is not changed", () => {
    const input: JsonValue = deepFreeze({ a: [1, { b: 2 }, [3]], c: { d: [4] } });
    const changes = ".a[1].b = 9 | .a[2][0] |= 5 | del(.c.d[0]) | .a += [1] | .a[0:1] = [7, 7] | .[] |= . | walk(.)";
    compileJq(changes).run(input);
    assert.deepEqual(input, { a: [1, { b: 2 }, [3]], c: { d: [4] } });
  });

  test("what was handed out does not change later", () => {
    const [made] = compileJq("(.a.b, .a, .a.k.z) |= (if . == null then 1 else {k: ., j: .} end)").run({ a: { b: 1 } });
    assert.deepEqual(made, { a: { j: { b: { j: 1, k: 1 } }, k: { b: { j: 1, k: 1 }, z: 1 } } });
  });

  test("names of Object.prototype are no fields", () => {
    const own = JSON.parse('{"__proto__": {"x": 1}}') as JsonValue;
    assert.deepEqual(compileJq('[.constructor, .toString, .__proto__, has("valueOf")]').run({}), [
      [null, null, null, false],
    ]);
    assert.deepEqual(compileJq(".__proto__.x += 1 | tojson").run(own), ['{"__proto__":{"x":2}}']);
    assert.equal(compileJq("{__proto__: {polluted: 1}} * {}").run(null).length, 1);
    assert.equal("polluted" in {}, false);
  });

  test("bytes that are no text are shown as such, and come back from base64", () => {
    assert.deepEqual(compileJq("@base64d | ., @base64, length").run("/w=="), ["\ufffd", "/w==", 1]);
  });

  test("the time is asked for from outside", () => {
    assert.deepEqual(compileJq("now | todate").run(null, { now: () => 0 }), ["1970-01-01T00:00:00Z"]);
    assert.throws(() => compileJq("now").run(null), /now\/0 is not allowed/);
  });

  test("long programs are refused, deep ones too", () => {
    for (const program of ["1,".repeat(9_000), "[".repeat(300), ".a".repeat(8_000), "1|".repeat(5_000)]) {
      assert.throws(() => compileJq(program), TerminalError);
    }
  });

  test("a function that calls itself in many ways compiles in time", () => {
    const nested = Array.from({ length: 60 }, (_, n) => `def f${n}: f${n}, (`).join("");
    assert.throws(() => compileJq(nested), EngineError);
    const defs = Array.from({ length: 40 }, (_, n) => `def f${n}: `).join("");
    const ends = Array.from({ length: 40 }, (_, n) => `; (1, f${39 - n})`).join("");
    assert.ok(compileJq(`${defs}1${ends.replace(/^; /, "; ")}`));
  });
});

function includes(error: Error, text: string): true {
  assert.ok(error.message.includes(text), error.message);
  return true;
}

function errorOf(program: string): JqError {
  try {
    compileJq(program).run(1);
  } catch (error) {
    if (error instanceof JqError) return error;
  }
  throw new Error("it does not fail");
}

function deepFreeze(value: JsonValue): JsonValue {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}
