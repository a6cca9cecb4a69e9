import { hash } from "node:crypto";
import type { CloudEvent } from "./cloud-event.ts";

/**
 * Where something stands in a trace that others began: W3C Trace Context (https://www.w3.org/TR/trace-context/), and the
 * CloudEvents extension of distributed tracing, which has the same names.
 */
export interface TraceContext {
  /** `00-<trace id>-<span id>-<flags>` */
  readonly traceparent: string;
  readonly tracestate?: string;
}

const traceparentForm = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const maxStateLength = 512;

/** Of headers or attributes by these names; undefined for what is no trace context, which then is none of ours to pass on. */
export function traceContextOf(traceparent: unknown, tracestate?: unknown): TraceContext | undefined {
  if (typeof traceparent !== "string") return undefined;
  const [, version, , , , more] = traceparentForm.exec(traceparent) ?? [];
  if (version === undefined || (version === "00" && more !== undefined)) return undefined;
  const isState = typeof tracestate === "string" && /^[\x20-\x7e]+$/.test(tracestate);
  return { traceparent, ...(isState && tracestate.length <= maxStateLength ? { tracestate } : {}) };
}

/** That which an event came with. */
export function traceOfEvent({ extensions }: Pick<CloudEvent, "extensions">): TraceContext | undefined {
  return traceContextOf(extensions?.traceparent, extensions?.tracestate);
}

/** What is done under `key` for the newest of `events` that came with a trace: a span of that trace, the same at a repeat. */
export function traceUnder(key: string, events: Iterable<CloudEvent>): TraceContext | undefined {
  let newest: CloudEvent | undefined;
  for (const event of events) {
    if (traceOfEvent(event) !== undefined && (newest === undefined || event.time > newest.time)) newest = event;
  }
  const parent = newest && traceOfEvent(newest);
  return parent && spanUnder(key, parent);
}

/** What is done under `key` in a trace: a span of its own, the same at a repeat. */
export function spanUnder(key: string, parent: TraceContext): TraceContext {
  const flags = parent.traceparent.slice(53, 55);
  return { ...parent, traceparent: `00-${traceIdOf(parent.traceparent)}-${spanIdFor(key)}-${flags}` };
}

/** The span of what is done under `key`. */
export function spanIdFor(key: string): string {
  return hash("sha256", key).slice(0, 16);
}

/** The trace of what begins with `key`, and came with none. */
export function traceIdFor(key: string): string {
  return hash("sha256", `trace ${key}`).slice(0, 32);
}

export function spanIdOf(traceparent: string): string {
  return traceparent.slice(36, 52);
}

/** Whether who began the trace records it. */
export function isSampled(traceparent: string): boolean {
  return (Number.parseInt(traceparent.slice(53, 55), 16) & 1) === 1;
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
