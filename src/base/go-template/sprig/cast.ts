import { parseGoFloat } from "../../go/values.ts";
import { parseGoInt } from "../constants.ts";
import { GoInt, type Value } from "../values.ts";

/** What int(x) gives for a float64 that no integer stands for: what the processor makes of it. */
const noInteger = -(2n ** 63n);

/** Sprig's integer of any value; 0 of what is none. Text may be hexadecimal (0x), octal (0) or end in `.0`. */
export function toInt(value: Value): bigint {
  if (value instanceof GoInt) return BigInt.asIntN(64, value.value);
  if (typeof value === "number") return ofFloat(value);
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (typeof value !== "string") return 0n;
  const parsed = parseGoInt(withoutZeroDecimals(value), 0);
  return parsed === undefined || parsed.outOfRange ? 0n : parsed.value;
}

function ofFloat(value: number): bigint {
  const whole = Math.trunc(value);
  return whole >= -(2 ** 63) && whole < 2 ** 63 ? BigInt(whole) : noInteger;
}

function withoutZeroDecimals(text: string): string {
  const match = /^(.*?)\.0+$/s.exec(text);
  return match === null || match[1]?.includes(".") ? text : (match[1] ?? text);
}

/** Sprig's float64 of any value; 0 of what is none. */
export function toFloat(value: Value): number {
  if (value instanceof GoInt) return Number(value.value);
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "string" ? (parseGoFloat(value) ?? 0) : 0;
}
