import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAvro } from "../../src/base/avro.ts";
import { encodeAvro } from "../../src/base/avro-encode.ts";
import { parseAvroSchema } from "../../src/base/avro-schema.ts";
import type { JsonValue } from "../../src/base/json.ts";

const schema = (json: JsonValue) => parseAvroSchema(JSON.stringify(json));
const date = { type: "int", logicalType: "date" };
const decimal = { type: "bytes", logicalType: "decimal", precision: 5, scale: 2 };
const node = { type: "record", name: "a.b.Node", fields: [{ name: "next", type: ["null", "Node"] }] };

// What a schema makes of bytes, as goavro says; `avro-oracle.test.ts` asks it.
const values: readonly (readonly [string, JsonValue, string, JsonValue])[] = [
  ["null", "null", "", null],
  ["a boolean", "boolean", "01", true],
  ["an int", "int", "03", -2],
  ["a long beyond 2^53", "long", "feffffffffffffffff01", 9223372036854775807n],
  ["the least long", "long", "ffffffffffffffffff01", -9223372036854775808n],
  ["a long beyond 2^53 that a float holds", "long", "d38b9ac986b3bd22", -9705166682145514n],
  ["a float's shortest digits", "float", "cdcccc3d", 0.1],
  ["a float between two decimals", "float", "bd422aca", -2789551.2],
  ["a float that is no number", "float", "0000c07f", null],
  ["a double", "double", "9a9999999999b93f", 0.1],
  ["a double without end", "double", "000000000000f07f", null],
  ["bytes as code points", "bytes", "0600ff22", '\u0000\u00ff"'],
  ["a string", "string", "06c3a961", "éa"],
  ["a string of broken UTF-8", "string", "04fffe", "\ufffd\ufffd"],
  ["a decimal without padding", decimal, "040005", "\u0005"],
  ["a fixed", { type: "fixed", name: "F", size: 2 }, "0041", "\u0000A"],
  ["an enum", { type: "enum", name: "E", symbols: ["A", "B"] }, "02", "B"],
  ["an array of two blocks", { type: "array", items: "int" }, "0202020400", [1, 2]],
  ["a block with its size", { type: "array", items: "int" }, "0304020400", [1, 2]],
  ["a map", { type: "map", values: "int" }, "020a5f5f70725f0200", { __pr_: 1 }],
  ["a union's null", ["null", "int"], "00", null],
  ["a union's value", ["null", "int"], "0202", { int: 1 }],
  ["a union's logical type", ["null", date], "0202", { "int.date": 1 }],
  ["a union's unknown logical type", ["null", { type: "string", logicalType: "uuid" }], "020261", { string: "a" }],
  ["a record that contains itself", node, "0200", { next: { "a.b.Node": { next: null } } }],
  ["bytes left over", "int", "02ffff", 1],
];
for (const [name, type, hex, value] of values) {
  test(`Avro: ${name}`, () => assert.deepEqual(decodeAvro(schema(type), Buffer.from(hex, "hex")), value));
}

const wide = (depth: number): JsonValue =>
  depth === 0
    ? "null"
    : {
        type: "record",
        name: `R${depth}`,
        fields: ["a", "b"].map((name) => ({
          name,
          type: name === "a" ? wide(depth - 1) : depth === 1 ? "null" : `R${depth - 1}`,
        })),
      };
const endless = { type: "record", name: "E", fields: [{ name: "e", type: "E" }] };

const faults: readonly (readonly [string, JsonValue, string, RegExp])[] = [
  ["a value that ends early", "string", "0461", /ends before its value/],
  ["a length below zero", "string", "01", /a length is -1/],
  ["a boolean of 2", "boolean", "02", /a boolean is 2/],
  ["an integer of eleven bytes", "long", "ff".repeat(11), /more than 64 bits/],
  ["a branch that is not there", ["null", "int"], "04", /a union of 2 types has a value of the type 2/],
  ["a symbol that is not there", { type: "enum", name: "E", symbols: ["A"] }, "02", /the enum "E" of 1 symbols/],
  ["an array without end", { type: "array", items: "null" }, "feffffffffffffffff01", /more values than/],
  ["records without bytes", wide(40), "", /more values than/],
  ["a record within itself without end", endless, "", /nested deeper than 500/],
];
for (const [name, type, hex, message] of faults) {
  test(`Avro refuses ${name}`, () => {
    assert.throws(() => decodeAvro(schema(type), Buffer.from(hex, "hex")), { code: "AVRO_FAILED", message });
  });
}

const schemas: readonly (readonly [string, string, RegExp])[] = [
  ["no JSON", "{", /no JSON/],
  ["a number", "1", /has 1 where a type is expected/],
  ["an unknown name", '"Order"', /names a type "Order"/],
  ["no items", '{"type":"array"}', /has null where a type is expected/],
  ["an empty union", "[]", /a union has no types/],
  ["a type twice in a union", '["int","int"]', /a union has the type "int" twice/],
  ["a record without a name", '{"type":"record","fields":[]}', /"record" has no name/],
  ["a record without fields", '{"type":"record","name":"R"}', /the record "R" has no fields/],
  ["a fixed of no size", '{"type":"fixed","name":"F","size":-1}', /the fixed "F" has no size/],
  ["a type too deep", `${'{"type":"array","items":'.repeat(200)}"int"${"}".repeat(200)}`, /deeper than 100/],
];
for (const [name, text, message] of schemas) {
  test(`a schema of Avro with ${name} is refused`, () => {
    assert.throws(() => parseAvroSchema(text), { code: "AVRO_FAILED", message });
  });
}

test("a schema may name the types of another", () => {
  const names = new Map();
  parseAvroSchema('{"type":"enum","name":"shop.Color","symbols":["red"]}', names);
  const type = parseAvroSchema(
    '{"type":"record","name":"shop.Car","fields":[{"name":"color","type":"Color"},{"name":"other","type":"shop.Color"}]}',
    names,
  );
  assert.deepEqual(decodeAvro(type, Buffer.from("0000", "hex")), { color: "red", other: "red" });
});

const withDefaults = {
  type: "record",
  name: "D",
  fields: [
    { name: "n", type: "int", default: 1 },
    { name: "u", type: ["null", "string"], default: null },
    { name: "s", type: ["string", "null"], default: "x" },
    { name: "q", type: ["null", "string"], default: "null" },
  ],
};

// What a schema makes of a value, as goavro says of JSON read as an untyped value.
const written: readonly (readonly [string, JsonValue, JsonValue, string])[] = [
  ["null", "null", null, ""],
  ["a boolean", "boolean", true, "01"],
  ["an int", "int", -2, "03"],
  ["a whole number with a point", "int", 2.0, "04"],
  ["the least long", "long", -9223372036854775808n, "ffffffffffffffffff01"],
  ["a long of more digits than a float has", "long", 9007199254740993n, "8280808080808020"],
  ["a float", "float", 0.1, "cdcccc3d"],
  ["a double of an integer", "double", 9007199254740992n, "0000000000004043"],
  ["bytes, from UTF-8", "bytes", "é", "04c3a9"],
  ["a string", "string", "éa", "06c3a961"],
  ["a string with half of a pair", "string", "\ud800", "06efbfbd"],
  ["a fixed", { type: "fixed", name: "F", size: 2 }, "é", "c3a9"],
  ["an enum", { type: "enum", name: "E", symbols: ["A", "B"] }, "B", "02"],
  ["an array", { type: "array", items: "int" }, [1, 2], "04020400"],
  ["an empty array", { type: "array", items: "int" }, [], "00"],
  ["a map", { type: "map", values: "int" }, { __pr_: 1 }, "020a5f5f70725f0200"],
  ["a union's null", ["null", "int"], null, "00"],
  ["a union's value", ["null", "int"], { int: 1 }, "0202"],
  ["a union's logical type", ["null", date], { "int.date": 1 }, "0202"],
  ["a record that contains itself", node, { next: { "a.b.Node": { next: null } } }, "0200"],
  ["a record's defaults, and more than its fields", withDefaults, { more: 1 }, "0200000278" + "00"],
];
for (const [name, type, value, hex] of written) {
  test(`Avro is written: ${name}`, () => assert.equal(encodeAvro(schema(type), value).toString("hex"), hex));
}

const order = { type: "record", name: "O", fields: [{ name: "items", type: { type: "array", items: "int" } }] };
const unwritable: readonly (readonly [string, JsonValue, JsonValue, string])[] = [
  ["a number as a text", order, { items: [1, "2"] }, "items[1] is a string, and must be an integer: int"],
  ["a fraction", "int", 1.5, "the value is a number, and must be an integer: int"],
  ["too large an int", "int", 2 ** 31, "the value is no integer of 32 bits"],
  ["too large a long", "long", 2n ** 63n, "the value is no integer of 64 bits"],
  ["a field that is missing", order, {}, "items is missing, and the schema has no default for it"],
  ["no record", order, [], 'the value is an array, and must be an object: a record "O"'],
  ["a union's bare value", ["null", "int"], 1, 'the value is a number, and must be null or {"int": …}'],
  ["a union's unknown name", ["null", "int"], { long: 1 }, 'the value is an object, and must be null or {"int": …}'],
  ["two names", ["int", "long"], { int: 1, long: 1 }, 'the value is an object, and must be {"int": …} or {"long": …}'],
  [
    "a symbol that is not there",
    { type: "enum", name: "E", symbols: ["A"] },
    "B",
    'the value is a string, and must be one of the symbols of the enum "E": A',
  ],
  [
    "a fixed of another size",
    { type: "fixed", name: "F", size: 1 },
    "ab",
    'the value has 2 bytes, and the fixed "F" has 1',
  ],
  ["a decimal", decimal, "1", 'the value is of the type "bytes.decimal", which has no form in JSON'],
  ["a number without end", "double", Number.POSITIVE_INFINITY, "the value is larger than any float of 64 bits"],
  ["null for a string", "string", null, "the value is null, and must be a string"],
];
for (const [name, type, value, message] of unwritable) {
  test(`Avro is not written: ${name}`, () => {
    assert.throws(() => encodeAvro(schema(type), value), { code: "AVRO_FAILED", message });
  });
}

test("Avro is not written from a value that is nested without end", () => {
  let value: JsonValue = { next: null };
  for (let depth = 0; depth < 1_000; depth++) value = { next: { "a.b.Node": value } };
  assert.throws(() => encodeAvro(schema(node), value), { code: "AVRO_FAILED", message: /is nested deeper than 500/ });
});
