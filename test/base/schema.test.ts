import assert from "node:assert/strict";
import { test } from "node:test";
import { createSchema, formatProblems } from "../../src/base/schema.ts";

const schema = createSchema<unknown>({
  type: "object",
  properties: {
    method: { type: "string", enum: ["GET", "POST"] },
    text: { type: "string" },
    count: { type: "integer", minimum: 1 },
    small: { type: "integer", format: "int32" },
    time: { type: "string", format: "date-time" },
    authSecret: { type: "object", properties: { name: { type: "string" } } },
    plain: { type: "integer", description: "The password, as a number." },
    list: { type: "array", items: { type: "string" } },
    flag: { type: "boolean" },
    share: { type: "number" },
    port: { "x-kubernetes-int-or-string": true },
    places: { type: "object", properties: { name: { type: "string" }, key: { type: "string" } } },
  },
});

for (const [name, value, text] of [
  ["the nearest of an enum", { method: "POTS" }, '"POTS" must be one of "GET", "POST"; did you mean `POST`?'],
  ["no nearest where none is near", { method: "x" }, '"x" must be one of "GET", "POST"'],
  ["80 characters of a value", { count: "x".repeat(200) }, `"${"x".repeat(78)}… must be an integer`],
  [
    "no value of a field named after a secret",
    { authSecret: { name: 42 } },
    "the value (not shown) must be a string; put it in quotes",
  ],
  ["no value of a field described as one", { plain: "hunter2" }, "the value (not shown) must be an integer"],
  ["no value that holds a secret", { text: { password: "hunter2" } }, "the value (not shown) must be a string"],
  ["a value that speaks of one", { count: "token" }, '"token" must be an integer'],
  ["what was expected", { count: 0 }, "0 must be >= 1"],
  ["nothing about the ends of 32 bits", { small: -(2 ** 31) }, ""],
  ["what is beyond them", { small: 2 ** 31 }, "2147483648 must be an integer of 32 bits: -2147483648 to 2147483647"],
  ["nothing about formats that are only documentation", { time: "now" }, ""],
  ["nothing about integers that a number does not hold", { port: 2n ** 60n }, ""],
  ["integers or texts", { port: 1.5 }, "1.5 must be an integer or a string"],
  ["integers or texts, not booleans", { port: true }, "true must be an integer or a string"],
  ["texts that are numbers", { text: 5 }, "5 must be a string; put it in quotes"],
  [
    "texts that YAML takes for booleans",
    { list: [false] },
    "false must be a string; put it in quotes: YAML takes yes, no, on, off, y and n for booleans, too",
  ],
  ["numbers in quotes", { count: "5" }, '"5" must be an integer; write it without quotes'],
  ["fractions in quotes", { share: "0.5" }, '"0.5" must be a number; write it without quotes'],
  ["booleans in quotes", { flag: "True" }, '"True" must be a boolean; write it without quotes'],
  ["lists of one", { list: "a" }, '"a" must be an array; write a list, even of one'],
  ["objects", { places: "a" }, '"a" must be an object; write its fields: name, key'],
] as const) {
  test(`problems say ${name}`, () => {
    const line = formatProblems(schema.check(value, "spec"));
    assert.equal(line.slice(line.indexOf(": ") + 2), text);
  });
}
