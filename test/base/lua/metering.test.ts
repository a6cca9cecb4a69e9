import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { meterModule } from "../../../src/base/lua/metering.ts";
import type {} from "../../../src/base/lua/wasm-types.ts";

const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
const section = (id: number, ...body: number[]): number[] => [id, body.length, ...body];

/**
 * Imports i.f and i.g, of type i32 → nothing; exports `run`, which loops for ever, and `once`, which calls f with the
 * address of the text "arg".
 */
const module = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, 2, 0x60, 1, 0x7f, 0, 0x60, 0, 0),
  ...section(2, 2, ...name("i"), ...name("f"), 0, 0, ...name("i"), ...name("g"), 0, 0),
  ...section(3, 2, 1, 1),
  ...section(5, 1, 0, 1),
  ...section(6, 0),
  ...section(7, 2, ...name("run"), 0, 2, ...name("once"), 0, 3),
  ...section(10, 2, ...[7, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b], ...[6, 0, 0x41, 17, 0x10, 0, 0x0b]),
  ...section(11, 1, 0, 0x41, 16, 0x0b, 5, 0, 0x61, 0x72, 0x67, 0),
]);

const detour = { argument: "arg", import: "g", calls: 1 };

function instantiate(
  bytes: Uint8Array<ArrayBuffer>,
  calls: string[],
): Record<string, () => void> & { fuel: { value: number } } {
  const host =
    (which: string) =>
    (value = 0) => {
      calls.push(`${which} ${value}`);
      return undefined;
    };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { i: { f: host("f"), g: host("g") } });
  return instance.exports as ReturnType<typeof instantiate>;
}

test("a loop ends when the fuel is used up", () => {
  const exports = instantiate(meterModule(module, detour), []);
  exports.fuel.value = 100_000;
  assert.throws(() => exports.run?.(), WebAssembly.RuntimeError);
  assert.equal(exports.fuel.value, 0);
});

test("a function that calls others takes one, and a call with the argument is turned", () => {
  const calls: string[] = [];
  const exports = instantiate(meterModule(module, detour), calls);
  exports.fuel.value = 2;
  exports.once?.();
  exports.once?.();
  assert.equal(exports.fuel.value, 0);
  assert.throws(() => exports.once?.(), WebAssembly.RuntimeError);
  assert.deepEqual(calls, ["g 17", "g 17"]);
});

const refused: readonly (readonly [what: string, run: () => unknown, message: RegExp])[] = [
  ["another count of calls", () => meterModule(module, { ...detour, calls: 2 }), /1 calls are turned, not 2/],
  ["a text that is not there", () => meterModule(module, { ...detour, argument: "other" }), /stands there 0 times/],
  ["an import that is not there", () => meterModule(module, { ...detour, import: "h" }), /does not import h/],
  ["a text", () => meterModule(Buffer.from("no module at all"), detour), /is none of version 1/],
  ["half a module", () => meterModule(module.subarray(0, -20), detour), /ends too early|is missing/],
  ["an opcode that is not known", () => meterModule(replaced(0x0c, 0xfd), detour), /opcode fd is not known/],
];

function replaced(from: number, to: number): Uint8Array {
  const copy = module.slice();
  copy[copy.lastIndexOf(from)] = to;
  return copy;
}

for (const [what, run, message] of refused) {
  test(`refuses ${what}`, () => {
    assert.throws(run, (error) => error instanceof EngineError && message.test(error.message));
  });
}
