import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { decodeAvro } from "../../src/base/avro.ts";
import { encodeAvro } from "../../src/base/avro-encode.ts";
import { parseAvroSchema } from "../../src/base/avro-schema.ts";
import { EngineError } from "../../src/base/errors.ts";
import { type JsonValue, parseJson } from "../../src/base/json.ts";
import { assertSameOfEach, type Oracle, oracleMissing, startOracle } from "../harness/oracle.ts";

/** Compares us with linkedin/goavro, the original's decoder, on generated schemas and values of them. */
const runs = Number(process.env.TIPHYS_ORACLE_RUNS ?? 1_000);

interface Sample {
  readonly schema: JsonValue;
  readonly bytes: Buffer;
}

function long(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const sized = (bytes: Buffer): Buffer => Buffer.concat([long(BigInt(bytes.length)), bytes]);

function number(write: (buffer: Buffer) => void, size: number): Buffer {
  const buffer = Buffer.alloc(size);
  write(buffer);
  return buffer;
}

const of = <Value>(schema: JsonValue, values: fc.Arbitrary<Value>, encode: (value: Value) => Buffer) =>
  values.map((value): Sample => ({ schema, bytes: encode(value) }));

const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(BigInt);
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value));
const text = fc.string({ unit: "binary", maxLength: 20 }).map((value) => Buffer.from(value, "utf8"));

const leaves = fc.oneof(
  of("null", fc.constant(null), () => Buffer.alloc(0)),
  of("boolean", fc.boolean(), (value) => Buffer.from([value ? 1 : 0])),
  of("int", int, long),
  of("long", fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), long),
  of("float", fc.float({ noDefaultInfinity: true }), (value) => number((buffer) => buffer.writeFloatLE(value), 4)),
  of("double", fc.double({ noDefaultInfinity: true }), (value) => number((buffer) => buffer.writeDoubleLE(value), 8)),
  of("bytes", bytes, sized),
  of("string", text, sized),
  of({ type: "int", logicalType: "date" }, fc.nat({ max: 100_000 }).map(BigInt), long),
  of({ type: "long", logicalType: "timestamp-millis" }, fc.nat().map(BigInt), long),
  of({ type: "string", logicalType: "uuid" }, text, sized),
  of(
    { type: "bytes", logicalType: "decimal", precision: 40, scale: 2 },
    fc.uint8Array({ minLength: 1, maxLength: 9 }),
    (value) => sized(Buffer.from(value)),
  ),
);

let names = 0;
const nextName = (): string => `T${names++}`;

function wrapped(inner: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> {
  return fc.oneof(
    inner.map(({ schema, bytes }): Sample => {
      const items = Buffer.concat([long(2n), bytes, bytes, long(0n)]);
      return { schema: { type: "array", items: schema }, bytes: items };
    }),
    fc.tuple(inner, text).map(([{ schema, bytes }, key]): Sample => {
      const block = Buffer.concat([sized(key), bytes]);
      const entries = Buffer.concat([long(-1n), long(BigInt(block.length)), block, long(0n)]);
      return { schema: { type: "map", values: schema }, bytes: entries };
    }),
    fc.array(inner, { maxLength: 4 }).map((parts): Sample => {
      const fields = parts.map(({ schema }, index) => ({ name: `f${index}`, type: schema }));
      const schema = { type: "record", name: nextName(), namespace: "a.b", fields };
      return { schema, bytes: Buffer.concat(parts.map((part) => part.bytes)) };
    }),
    inner
      .filter(({ schema }) => schema !== "null" && !Array.isArray(schema))
      .map(({ schema, bytes }): Sample => ({ schema: ["null", schema], bytes: Buffer.concat([long(1n), bytes]) })),
    fc.nat({ max: 2 }).map((index): Sample => {
      const schema = { type: "enum", name: nextName(), symbols: ["A", "B", "C"] };
      return { schema, bytes: long(BigInt(index)) };
    }),
    fc.uint8Array({ minLength: 3, maxLength: 3 }).map((value): Sample => {
      return { schema: { type: "fixed", name: nextName(), size: 3 }, bytes: Buffer.from(value) };
    }),
  );
}

const samples = fc.oneof(leaves, wrapped(leaves), wrapped(wrapped(leaves)), wrapped(wrapped(wrapped(leaves))));

/** A schema with a value of it in JSON. */
interface Case {
  readonly schema: JsonValue;
  readonly value: JsonValue;
}

const defaults: readonly (readonly [JsonValue, JsonValue])[] = [
  ["int", 7],
  ["string", "é"],
  ["bytes", "é"],
  ["double", 0.5],
  [["null", "string"], null],
  [["null", "string"], "null"],
  [["string", "null"], "x"],
  [{ type: "array", items: "int" }, [1]],
  [{ type: "map", values: "string" }, { a: "b" }],
];

const cases: fc.Arbitrary<Case> = samples.map(({ schema, bytes }) => {
  const value = decodeAvro(parseAvroSchema(JSON.stringify(schema)), bytes);
  return { schema, value: withoutBig(value) };
});
/** Within a record that has fields beside it, of which values lack some. */
const writable: fc.Arbitrary<Case> = fc.oneof(
  cases,
  fc.tuple(cases, fc.constantFrom(...defaults), fc.boolean()).map(([{ schema, value }, [type, fallback], lacks]) => {
    const left = { name: "left", type, ...(lacks && { default: fallback }) };
    const fields = [{ name: "given", type: schema }, left];
    return { schema: { type: "record", name: nextName(), fields }, value: { given: value, more: 1 } };
  }),
);

/** Of the integers that are no floats the original takes the nearest one. */
function withoutBig(value: JsonValue): JsonValue {
  if (typeof value === "bigint") return 0;
  if (Array.isArray(value)) return value.map(withoutBig);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutBig(item)]));
}

const missing = oracleMissing();
describe("Avro, as goavro reads it", { skip: missing }, () => {
  let oracle: Oracle;
  before(() => {
    oracle = startOracle();
  });
  after(() => oracle[Symbol.asyncDispose]());

  test("values of generated schemas are the same", async () => {
    const same = async ({ schema, bytes }: { schema: unknown; bytes: Buffer }): Promise<void> => {
      const text = JSON.stringify(schema);
      const answer = await oracle.ask({ dialect: "avro", schema: text, binary: bytes.toString("base64") });
      assert.ok("ok" in answer, `${text} of ${bytes.toString("hex")}: ${JSON.stringify(answer)}`);
      const ours = decodeAvro(parseAvroSchema(text), bytes);
      assert.deepEqual(ours, parseJson(String(answer.ok)), `${text} of ${bytes.toString("hex")}`);
    };
    await assertSameOfEach(samples, same, { numRuns: runs });
  });

  test("values are written the same, or by neither", async () => {
    let count = 0;
    const same = async ([{ schema, value: fit }, wild, chance]: [Case, unknown, number]): Promise<void> => {
      const text = JSON.stringify(schema);
      const type = parseAvroSchema(text);
      const value = parseJson(JSON.stringify(chance === 0 ? wild : fit)); // -0 is none in a text
      const answer = await oracle.ask({ dialect: "avro-encode", schema: text, value: JSON.stringify(value) });
      const what = `${text} of ${JSON.stringify(value)}: ${JSON.stringify(answer)}`;
      if ("error" in answer) {
        assert.throws(() => encodeAvro(type, value), { code: "AVRO_FAILED" }, what);
        return;
      }
      count += 1;
      const theirs = Buffer.from(String(answer.ok), "base64");
      const ours = encodeAvro(type, value);
      assert.equal(ours.length, theirs.length, what);
      assert.deepEqual(decodeAvro(type, ours), decodeAvro(type, theirs), what); // Go's maps have no order
    };
    await assertSameOfEach(fc.tuple(writable, fc.jsonValue(), fc.nat(9)), same, { numRuns: runs });
    assert.ok(count > runs / 4, `${count} of ${runs} were written`);
  });

  test("bytes that are no value fail in one way, and soon", () => {
    fc.assert(
      fc.property(samples, fc.uint8Array({ maxLength: 30 }), ({ schema }, noise) => {
        try {
          decodeAvro(parseAvroSchema(JSON.stringify(schema)), Buffer.from(noise));
        } catch (error) {
          assert.ok(error instanceof EngineError && error.code === "AVRO_FAILED", String(error));
        }
      }),
      { numRuns: runs },
    );
  });
});
