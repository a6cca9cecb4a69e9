import { printFloat, toInt64 } from "../go/float.ts";

/** A number as gopher-lua writes it: `10`, `0.5`, `9007199254740993`, `1e+100`, `+Inf`. C's Lua has 14 digits only. */
export function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return String(value + 0 || 0); // without the sign of -0
  const integer = toInt64(value);
  return Number(integer) === value ? String(integer) : printFloat(value);
}

/** For `WriteNumber`: at most 24 characters and the zero that ends them; Lua has room for 32. */
export function writeNumber(bytes: Uint8Array, target: number, value: number): void {
  const text = numberText(value);
  for (let index = 0; index < text.length; index += 1) bytes[target + index] = text.charCodeAt(index);
  bytes[target + text.length] = 0;
}
