import assert from "node:assert/strict";
import { test } from "node:test";
import { LateAbort } from "../../src/base/late-abort.ts";

for (const [name, when] of [
  ["before it is aborted", "before"],
  ["after that", "after"],
] as const) {
  test(`a signal that is asked for ${name} tells the first reason`, () => {
    const late = new LateAbort();
    const reasons: unknown[] = [];
    if (when === "before") late.signal.addEventListener("abort", () => reasons.push(late.signal.reason));
    assert.equal(late.aborted, false);
    late.abort("first");
    late.abort("second");
    assert.deepEqual([late.aborted, late.signal.aborted, late.signal.reason], [true, true, "first"]);
    assert.deepEqual(reasons, when === "before" ? ["first"] : []);
    assert.equal(late.signal, late.signal);
  });
}
