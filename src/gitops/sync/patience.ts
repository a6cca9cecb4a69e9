import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";

/** An API server that does not answer may only be starting again: a sync outlasts that. */
const awayMs = 300_000;
/** One that answers with an error of its own mostly means it. */
const maxAnswers = 3;
const pauseMs = 1_000;

/**
 * The request, again while the API is away: five minutes where there is no answer, three times where the answer is that the
 * server cannot. Requests of a sync may be repeated. @throws the last error; the signal's reason when it aborts
 */
export async function patiently<T>(request: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  const begunMs = clock.monotonicMs();
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError) || error.code !== "API_UNAVAILABLE") throw error;
      const isAway = error.cause !== undefined;
      if (isAway ? clock.monotonicMs() - begunMs >= awayMs : attempt >= maxAnswers) throw error;
      await sleepFor(clock, pauseMs, signal);
    }
  }
}
