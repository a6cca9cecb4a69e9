import { type BackoffPolicy, backoffMs } from "../../base/backoff.ts";
import { sleepFor } from "../../base/clock.ts";
import { isHopeless } from "./draft.ts";
import type { EventDraft, SourceContext } from "./source.ts";

/**
 * For upstreams that push and take no acknowledgement: what cannot be kept here is lost, so it is counted. While the bus
 * is away events wait, as many as there is room for.
 */
export interface Intake {
  /** Takes an event of `bytes` in, or drops and counts it when too much waits already. Emits in the order of calls. */
  offer(draft: EventDraft, bytes: number): void;
  /** The source ends: resolves once everything taken in is emitted, or given up after some more attempts each. */
  settled(): Promise<void>;
}

const maxInFlight = 256;
const maxWaiting = 10_000;
const maxWaitingBytes = 32 * 1024 * 1024;
/** Of an event whose source ends. */
const lastAttempts = 6;
const retryBackoff: BackoffPolicy = { firstMs: 200, maxMs: 5_000, factor: 2, jitter: 0.3 };

type IntakeContext = Pick<SourceContext, "emit" | "countFailed" | "clock" | "log">;

export function createIntake(context: IntakeContext): Intake {
  const waiting: { readonly draft: EventDraft; readonly bytes: number }[] = [];
  let head = 0;
  let waitingBytes = 0;
  let inFlight = 0;
  let dropped = 0;
  const ending = new AbortController();
  let whenSettled: (() => void)[] = [];

  function pump(): void {
    while (inFlight < maxInFlight && head < waiting.length) {
      const next = waiting[head];
      head++;
      if (!next) continue;
      waitingBytes -= next.bytes;
      inFlight++;
      emitWithRetries(next.draft, context, ending.signal).finally(done).catch(ignoreGivenUp);
    }
    if (head === waiting.length || head > maxWaiting) {
      waiting.splice(0, head);
      head = 0;
    }
  }

  function done(): void {
    inFlight--;
    pump();
    if (inFlight > 0) return;
    for (const resolve of whenSettled) resolve();
    whenSettled = [];
  }

  return {
    offer(draft, bytes) {
      if (waiting.length - head >= maxWaiting || waitingBytes + bytes > maxWaitingBytes) {
        dropped++;
        context.countFailed();
        // The first, the tenth, the hundredth …: a flood of messages must not become one of log lines.
        if (Number.isInteger(Math.log10(dropped)))
          context.log.error("events dropped: the bus is too slow", { dropped });
        return;
      }
      waiting.push({ draft, bytes });
      waitingBytes += bytes;
      pump();
    },
    settled() {
      ending.abort();
      return inFlight === 0 ? Promise.resolve() : new Promise((resolve) => whenSettled.push(resolve));
    },
  };
}

function ignoreGivenUp(): void {
  // emitWithRetries has logged and counted it.
}

async function emitWithRetries(
  draft: EventDraft,
  { emit, countFailed, clock, log }: IntakeContext,
  ending: AbortSignal,
): Promise<void> {
  let left = lastAttempts;
  for (let attempt = 1; ; attempt++) {
    try {
      await emit(draft);
      return;
    } catch (error) {
      if (ending.aborted) left--;
      if (isHopeless(error) || left <= 0) {
        countFailed();
        log.error("event given up", { attempt, error });
        return;
      }
      await sleepFor(clock, backoffMs(retryBackoff, attempt), neverAborted);
    }
  }
}

/** Waits are short, so a stop waits for them. */
const neverAborted = new AbortController().signal;
