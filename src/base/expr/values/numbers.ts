import { toInt64 } from "../../go/float.ts";
import { failed } from "../fault.ts";
import { Byte, typeOf, type Value } from "./values.ts";

/** The number of any numeric type as float64; undefined for all else. */
export function floatOf(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return value instanceof Byte ? value.value : undefined;
}

/** The integer of any integer type; undefined for all else, float64 too. */
export function integerOf(value: Value): bigint | undefined {
  if (typeof value === "bigint") return value;
  return value instanceof Byte ? BigInt(value.value) : undefined;
}

export function wrap(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

/** As an index or a count is read: the fraction is cut. @throws EngineError EXPRESSION_FAILED */
export function toInt(value: Value): bigint {
  if (typeof value === "number") return toInt64(value);
  const integer = integerOf(value);
  if (integer === undefined) throw failed(`a value of type ${typeOf(value)} is no integer`);
  return integer;
}

/** @throws EngineError EXPRESSION_FAILED */
export function toFloat(value: Value): number {
  const float = floatOf(value);
  if (float === undefined) throw failed(`a value of type ${typeOf(value)} is no number`);
  return float;
}

/** @throws EngineError EXPRESSION_FAILED */
export function toText(value: Value | undefined): string {
  if (typeof value !== "string") throw failed(`a value of type ${typeOf(value ?? null)} is no string`);
  return value;
}

/** @throws EngineError EXPRESSION_FAILED */
export function toBool(value: Value): boolean {
  if (typeof value !== "boolean") throw failed(`a value of type ${typeOf(value)} is no bool`);
  return value;
}
