import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../src/base/nearest.ts";

const words = ["url", "method", "payload", "retryStrategy", "trigger", "template", "name"];
for (const [word, likely] of [
  ["Payload", "payload"],
  ["paylaod", "payload"],
  ["retryStategy", "retryStrategy"],
  ["triggers", "trigger"],
  ["mehtod", "method"],
  ["ulr", "url"],
  ["namespace", undefined],
  ["x", undefined],
  ["type", undefined],
  ["", undefined],
  ["payload", undefined],
  ["p".repeat(100_000), undefined],
] as const) {
  test(`the word near "${word.slice(0, 20)}" is ${likely}`, () => assert.equal(nearest(word, words), likely));
}
