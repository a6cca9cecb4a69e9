import type { SpanPlace } from "./span.ts";

/** Which traces are sent, by their ids: every engine, and every program that follows the same rule, chooses the same. */
export interface Sampler {
  /** What others began is sent where they record it; else all traces are treated alike. */
  readonly isParentFollowed: boolean;
  /** Of traces, 0 to 1. */
  readonly ratio: number;
}

/** OpenTelemetry's samplers by their names in `OTEL_TRACES_SAMPLER`; `ratio` is that of those that have one. */
export function samplerOf(name: string, ratio: number): Sampler | undefined {
  const [, parent, rule = ""] = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(name) ?? [];
  const ratios: Readonly<Record<string, number>> = { always_on: 1, always_off: 0, traceidratio: ratio };
  const wanted = ratios[rule];
  return wanted === undefined ? undefined : { isParentFollowed: parent !== undefined, ratio: wanted };
}

export function isSent({ traceId, isSampled }: Pick<SpanPlace, "traceId" | "isSampled">, sampler: Sampler): boolean {
  return isSampled !== undefined && sampler.isParentFollowed ? isSampled : isChosen(traceId, sampler);
}

/** As OpenTelemetry's TraceIdRatioBased: the last 63 bits of the id, as a share of all. */
export function isChosen(traceId: string, { ratio }: Sampler): boolean {
  if (ratio >= 1) return true;
  const part = BigInt(`0x${traceId.slice(16)}`) >> 1n;
  return Number(part) / 2 ** 63 < ratio;
}
