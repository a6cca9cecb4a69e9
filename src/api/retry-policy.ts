import { parseDuration } from "../base/duration.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { retrySchema } from "./application-schema.ts";
import type { RetryPolicy } from "./application-types.ts";
import { objectOf, textOf, warningAt } from "./fields.ts";

const fields = retrySchema.properties;

/** A `retry` with its defaults (spec argo-cd-engine 4.11); a duration that cannot be read is a problem at `path`. */
export function readRetry(raw: JsonObject, path: string, problems: Problem[]): RetryPolicy {
  const backoff = objectOf(raw.backoff);
  const pauses = fields.backoff.properties;
  const duration = (field: "duration" | "maxDuration") =>
    durationMs(textOf(backoff[field]), parseDuration(pauses[field].default), `${path}.backoff.${field}`, problems);
  return {
    limit: numberOf(raw.limit, fields.limit.default),
    durationMs: duration("duration"),
    factor: numberOf(backoff.factor, pauses.factor.default),
    maxDurationMs: duration("maxDuration"),
    refresh: raw.refresh === true,
  };
}

/** A plain number means seconds. */
function durationMs(text: string, fallbackMs: number, path: string, problems: Problem[]): number {
  // An ApplicationSet fills in what has parameters in it.
  if (text === "" || text.includes("{{")) return fallbackMs;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    problems.push(warningAt(path, `${error.message}; ${fallbackMs / 1_000}s is used`));
    return fallbackMs;
  }
}

function numberOf(value: unknown, fallback: number): number {
  return typeof value === "number" ? value : fallback;
}
