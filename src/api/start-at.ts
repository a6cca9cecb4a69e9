import type { JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { errorAt } from "./fields.ts";

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

/** Where a new Sensor begins to read: at what is kept, at its own start, or at a time in milliseconds since 1970. */
export type StartAt = "earliest" | "latest" | number;

/** Of ours: a text that is none of these is an error. */
export function checkStartAt(value: JsonValue | undefined): Problem[] {
  if (value === undefined || typeof value !== "string" || startAtOf(value) !== undefined) return [];
  const expected = "must be earliest, latest or a time such as 2026-11-25T18:33:07Z";
  return [errorAt("spec.startAt", `${JSON.stringify(value)} ${expected}`)];
}

/** Undefined: none of these. */
export function startAtOf(text: string): StartAt | undefined {
  if (text === "earliest" || text === "latest") return text;
  const at = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
