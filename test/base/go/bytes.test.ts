import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  byteAt,
  byteLength,
  bytesOf,
  compareText,
  joinTexts,
  readable,
  searchable,
  sliceBytes,
  textOf,
} from "../../../src/base/go/bytes.ts";

const buffers = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));

test("any bytes survive being a text", () => {
  fc.assert(fc.property(buffers, (bytes) => assert.deepEqual(bytesOf(textOf(bytes)), bytes)));
});

test("texts are cut, joined and compared by their bytes", () => {
  fc.assert(
    fc.property(buffers, buffers, fc.nat(12), (left, right, at) => {
      const [a, b] = [textOf(left), textOf(right)];
      const cut = Math.min(at, left.length);
      assert.equal(byteLength(a), left.length);
      assert.equal(byteAt(a, cut), left[cut]);
      assert.deepEqual(bytesOf(sliceBytes(a, cut, left.length)), left.subarray(cut));
      assert.equal(joinTexts([a, b]), textOf(Buffer.concat([left, right])));
      assert.equal(Math.sign(compareText(a, b)), Buffer.compare(left, right));
      const { texts, back } = searchable(a, b);
      assert.deepEqual(texts.map(back), [a, b]);
    }),
  );
});

test("a reader gets U+FFFD for what is no text", () => {
  assert.equal(readable(sliceBytes("é", 1, 2)), "\ufffd");
  assert.equal(byteAt("é", -1), undefined);
});
