import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { rawSubject, type Subject, subjectMatches } from "../../record/subject.ts";
import type { StreamSpec } from "./bus.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const gib = 1024 ** 3;

/** The streams of the system bus (DESIGN section 4). */
export function systemStreams(): readonly StreamSpec[] {
  return [
    stream("events", { maxAgeMs: 7 * day, maxBytes: 10 * gib, dedupeWindowMs: 5 * minute }),
    stream("reconcile", { maxAgeMs: day, maxBytes: gib }),
    stream("ledger", { maxAgeMs: 30 * day, maxBytes: 10 * gib }),
    stream("state", {}),
    stream("dead", { maxAgeMs: 30 * day }),
  ];
}

function stream(name: string, limits: Partial<StreamSpec>): StreamSpec {
  return { name, subjects: [rawSubject(`${name}.>`)], dedupeWindowMs: 2 * minute, ...limits };
}

/**
 * The stream of an EventBus resource, by the defaults of Argo Events (spec argo-events 4.1.2). Keys of `streamConfig` are
 * case-insensitive; -1 and 0 mean no limit.
 * @throws EngineError MANIFEST_INVALID
 */
export function argoStream(streamConfig: JsonObject = {}): StreamSpec {
  const config = new Map(Object.entries(streamConfig).map(([key, value]) => [key.toLowerCase(), value]));
  const replicas = count("replicas", config.get("replicas") ?? 3);
  return {
    name: "default",
    subjects: [rawSubject("default.*.*")],
    maxMessages: count("maxMsgs", config.get("maxmsgs") ?? 50_000),
    maxBytes: count("maxBytes", config.get("maxbytes") ?? -1),
    maxAgeMs: durationMs("maxAge", config.get("maxage") ?? "168h"),
    dedupeWindowMs: durationMs("duplicates", config.get("duplicates") ?? "300s"),
    replicas: Math.max(1, replicas),
  };
}

function count(field: string, value: JsonValue): number {
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return Math.max(0, number);
  throw invalid(field, value, "a whole number");
}

const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: minute, h: hour };

/** A duration of Go: `168h`, `1m30s`. */
function durationMs(field: string, value: JsonValue): number {
  const text = String(value);
  if (/^-?\d+$/.test(text)) return Math.max(0, Number(text) / 1e6); // a bare number is nanoseconds, as in Go
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) throw invalid(field, value, 'a duration such as "168h"');
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(amount) * (unitMs[unit ?? ""] ?? 0);
  }
  return sum;
}

function invalid(field: string, value: JsonValue, expected: string): EngineError {
  return new EngineError("MANIFEST_INVALID", `streamConfig.${field}: ${JSON.stringify(value)} must be ${expected}`);
}

/**
 * The stream that holds `subject` (or what the pattern selects).
 * @throws EngineError NOT_FOUND
 */
export function streamOf(streams: readonly StreamSpec[], subject: Subject | undefined): StreamSpec {
  const first = subject?.split(".", 1)[0];
  const found = streams.find((spec) => spec.subjects.some((pattern) => pattern.split(".", 1)[0] === first));
  if (found) return found;
  const names = streams.map((spec) => spec.name).join(", ");
  throw new EngineError("NOT_FOUND", `no stream of the bus holds subject "${subject}"; it has: ${names}`);
}

/** Whether one of the patterns takes in everything that `spec` can hold. */
export function takesAll(spec: StreamSpec, patterns: readonly Subject[]): boolean {
  return spec.subjects.every((all) =>
    patterns.some((pattern) => pattern === all || pattern === `${all.split(".", 1)[0]}.>`),
  );
}

/** A test of many subjects against `patterns` that remembers its answers (at most 10,000). */
export function subjectFilter(patterns: readonly string[]): (subject: string) => boolean {
  const known = new Map<string, boolean>();
  return (subject) => {
    const before = known.get(subject);
    if (before !== undefined) return before;
    if (known.size >= 10_000) known.clear();
    const matches = patterns.some((pattern) => subjectMatches(pattern, subject));
    known.set(subject, matches);
    return matches;
  };
}
