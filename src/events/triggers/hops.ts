import { TerminalError } from "../../base/errors.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import { type TraceContext, traceUnder } from "../../record/trace-context.ts";
import type { Firing } from "./trigger.ts";

/** Events that come of events of ours count on; a chain longer than this is cut. */
export const maxHops = 16;

/** How many events of ours the newest of `events` has behind it; 0: it came from outside. */
export function hopsOf(events: Iterable<CloudEvent>): number {
  let hops = 0;
  for (const { extensions } of events) {
    const hop = Number(extensions?.hop ?? 0);
    if (Number.isSafeInteger(hop)) hops = Math.max(hops, hop);
  }
  return hops;
}

/** Of the event that a firing leads to. @throws TerminalError LOOP_CUT */
export function nextHop({ events, batch, trigger }: Pick<Firing, "events" | "batch" | "trigger">): number {
  const hop = hopsOf(batch?.map(({ event }) => event) ?? Object.values(events)) + 1;
  if (hop <= maxHops) return hop;
  throw new TerminalError(
    "LOOP_CUT",
    `trigger ${trigger}: ${maxHops} events of ours led here: Sensors fire each other`,
  );
}

/** The place of a firing in the trace that its events came with. */
export function traceOf({ key, events, batch }: Pick<Firing, "key" | "events" | "batch">): TraceContext | undefined {
  return traceUnder(key, batch?.map(({ event }) => event) ?? Object.values(events));
}

/** The same as headers, for a target that is given none of that name, in whatever case. */
export function traceHeaders(firing: Parameters<typeof traceOf>[0], given: readonly string[]): Partial<TraceContext> {
  return given.some((name) => name.toLowerCase() === "traceparent") ? {} : { ...traceOf(firing) };
}

/** Ids of what a firing was made of, each once. */
export function causesOf({ events, batch }: Pick<Firing, "events" | "batch">): readonly string[] {
  const all = batch?.map(({ event }) => event.id) ?? Object.values(events).map(({ id }) => id);
  return [...new Set(all)];
}
