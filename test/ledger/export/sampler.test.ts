import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { isSent, samplerOf } from "../../../src/ledger/export/sampler.ts";

const low = `${"f".repeat(16)}1${"0".repeat(15)}`;
const high = `${"0".repeat(16)}e${"0".repeat(15)}`;

/** [sampler, of traces at 1/16 and 14/16: begun here, recorded by who began it, not recorded] */
for (const [name, begun, recorded, unrecorded] of [
  ["always_on", [true, true], [true, true], [true, true]],
  ["always_off", [false, false], [false, false], [false, false]],
  ["traceidratio", [true, false], [true, false], [true, false]],
  ["parentbased_always_on", [true, true], [true, true], [false, false]],
  ["parentbased_always_off", [false, false], [true, true], [false, false]],
  ["parentbased_traceidratio", [true, false], [true, true], [false, false]],
] as const) {
  test(`which traces ${name} sends`, () => {
    const sampler = samplerOf(name, 0.5);
    assert.ok(sampler);
    const of = (isSampled: boolean | undefined) =>
      [low, high].map((traceId) => isSent({ traceId, isSampled }, sampler));
    assert.deepEqual([of(undefined), of(true), of(false)], [begun, recorded, unrecorded]);
  });
}

test("a tenth of traces is a tenth, the same for who asks again", () => {
  const sampler = samplerOf("traceidratio", 0.1);
  assert.ok(sampler);
  const ids = Array.from({ length: 10_000 }, (_, index) => createHash("md5").update(String(index)).digest("hex"));
  const sent = () => ids.filter((traceId) => isSent({ traceId, isSampled: undefined }, sampler));
  assert.ok(Math.abs(sent().length - 1_000) < 150, `${sent().length}`);
  assert.deepEqual(sent(), sent());
  assert.equal(samplerOf("toString", 1), undefined);
});
