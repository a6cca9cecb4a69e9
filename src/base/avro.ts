import type { AvroType } from "./avro-schema.ts";
import { EngineError } from "./errors.ts";
import { type JsonValue, setOwn } from "./json.ts";

/** A schema can make much of few bytes: so many values more than bytes are read of one message. */
const maxExtraValues = 100_000;
const maxDepth = 500;

/**
 * Reads one value of `type` from the start of `bytes` as Avro's JSON encoding has it: a value of a union under the name of
 * its type, bytes as a text of the code points 0 to 255, integers exactly. What JSON has no number for is null. As in
 * goavro, records keep their schema's order here, and bytes that are left over do not matter.
 * @throws EngineError AVRO_FAILED for bytes that are no value of `type`
 */
export function decodeAvro(type: AvroType, bytes: Buffer): JsonValue {
  return new AvroReader(bytes).read(type, 0);
}

class AvroReader {
  readonly #bytes: Buffer;
  #at = 0;
  #valuesLeft: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#valuesLeft = bytes.length + maxExtraValues;
  }

  read(type: AvroType, depth: number): JsonValue {
    this.#valuesLeft -= 1;
    if (this.#valuesLeft < 0) throw failed("the message has more values than its bytes allow");
    if (depth > maxDepth) throw failed(`the message is nested deeper than ${maxDepth}`);
    switch (type.kind) {
      case "record":
        return this.#record(type, depth);
      case "union":
        return this.#union(type, depth);
      case "array":
        return this.#array(type, depth);
      case "map":
        return this.#map(type, depth);
      case "enum":
        return this.#symbol(type);
      case "fixed":
        return this.#take(type.size).toString("latin1");
      default:
        return this.#primitive(type.kind);
    }
  }

  #primitive(kind: Exclude<AvroType["kind"], "record" | "union" | "array" | "map" | "enum" | "fixed">): JsonValue {
    switch (kind) {
      case "null":
        return null;
      case "boolean":
        return this.#boolean();
      case "int":
      case "long":
        return exact(this.#long());
      case "float":
        return finite(shortest(this.#take(4).readFloatLE()));
      case "double":
        return finite(this.#take(8).readDoubleLE());
      case "bytes":
        return this.#sized().toString("latin1");
      case "decimal":
        return withoutPadding(this.#sized()).toString("latin1");
      case "string":
        return this.#sized().toString("utf8");
    }
  }

  #boolean(): boolean {
    const byte = this.#take(1)[0];
    if (byte === 0 || byte === 1) return byte === 1;
    throw failed(`a boolean is ${byte}, not 0 or 1`);
  }

  #record({ fields }: AvroType & { readonly kind: "record" }, depth: number): JsonValue {
    const record: Record<string, JsonValue> = {};
    for (const { name, type } of fields) setOwn(record, name, this.read(type, depth + 1));
    return record;
  }

  #union({ branches }: AvroType & { readonly kind: "union" }, depth: number): JsonValue {
    const index = this.#long();
    const branch = index >= 0n && index < branches.length ? branches[Number(index)] : undefined;
    if (!branch) throw failed(`a union of ${branches.length} types has a value of the type ${index}`);
    const value = this.read(branch, depth + 1);
    return branch.kind === "null" ? null : { [branch.name]: value };
  }

  #symbol({ name, symbols }: AvroType & { readonly kind: "enum" }): string {
    const index = this.#long();
    const symbol = index >= 0n && index < symbols.length ? symbols[Number(index)] : undefined;
    if (symbol === undefined) throw failed(`the enum "${name}" of ${symbols.length} symbols has the value ${index}`);
    return symbol;
  }

  #array({ items }: AvroType & { readonly kind: "array" | "map" }, depth: number): JsonValue {
    const list: JsonValue[] = [];
    this.#blocks(() => void list.push(this.read(items, depth + 1)));
    return list;
  }

  #map({ items }: AvroType & { readonly kind: "array" | "map" }, depth: number): JsonValue {
    const map: Record<string, JsonValue> = {};
    this.#blocks(() => {
      const key = this.#sized().toString("utf8");
      setOwn(map, key, this.read(items, depth + 1));
    });
    return map;
  }

  /** Blocks until an empty one; a count below zero is followed by the size of its block in bytes. */
  #blocks(readItem: () => void): void {
    for (let count = this.#long(); count !== 0n; count = this.#long()) {
      if (count < 0n) this.#long();
      for (let left = count < 0n ? -count : count; left > 0n; left--) readItem();
    }
  }

  /** Zigzag, seven bits a byte. */
  #long(): bigint {
    let bits = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#take(1)[0] ?? 0;
      bits |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, (bits >> 1n) ^ -(bits & 1n));
    }
    throw failed("an integer has more than 64 bits");
  }

  #sized(): Buffer {
    const size = this.#long();
    if (size < 0n || size > this.#bytes.length) throw failed(`a length is ${size}, beyond the message`);
    return this.#take(Number(size));
  }

  #take(size: number): Buffer {
    const end = this.#at + size;
    if (end > this.#bytes.length) throw failed("the message ends before its value does");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** A number where one holds it, as `parseJson` reads them. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The shortest decimal of a float of 32 bits: 0.1, not 0.10000000149011612. */
function shortest(value: number): number {
  if (value === 0) return value;
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(rounded(value, digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** Half to even, as Go rounds; `toPrecision` rounds it up. */
function rounded(value: number, digits: number): string {
  const longer = value.toPrecision(digits + 1);
  const half = Number(longer) === value ? /^(.*[02468]\.?)5(e.*)?$/.exec(longer) : null;
  return half ? `${half[1]}0${half[2] ?? ""}` : value.toPrecision(digits);
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** The shortest bytes of an integer in two's complement. */
function withoutPadding(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1) {
    const isNegative = ((bytes[start + 1] ?? 0) & 0x80) !== 0;
    if (bytes[start] !== (isNegative ? 0xff : 0)) break;
    start += 1;
  }
  return bytes.subarray(start);
}

function failed(message: string): EngineError {
  return new EngineError("AVRO_FAILED", message);
}
