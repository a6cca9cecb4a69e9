import { parseDuration } from "../base/duration.ts";
import { EngineError } from "../base/errors.ts";

const dayMs = 24 * 60 * 60 * 1_000;

/** A time, or how long ago, as a flag says it; in milliseconds since 1970. @throws EngineError USAGE */
export function timeOf(text: string, flag: string, now: number): number {
  if (/^\d{4}-\d\d-\d\d(?:T.*)?$/.test(text) && !Number.isNaN(Date.parse(text))) return Math.max(0, Date.parse(text));
  const ago = agoMs(text);
  if (ago !== undefined) return Math.max(0, Math.round(now - ago));
  throw new EngineError("USAGE", `${flag}: "${text}" must be a time such as 2026-01-31T10:00:00Z, or 90m, 24h or 7d`);
}

function agoMs(text: string): number | undefined {
  const days = /^(\d{1,6})d$/.exec(text)?.[1];
  if (days !== undefined) return Number(days) * dayMs;
  try {
    const ms = parseDuration(text);
    return ms >= 0 ? ms : undefined;
  } catch {
    return undefined;
  }
}
