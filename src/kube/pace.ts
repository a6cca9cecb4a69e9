import { backoffMs } from "../base/backoff.ts";
import { type Clock, sleepFor } from "../base/clock.ts";

/** Who sends an attempt calls `beforeSend` right before; what it throws is how the request fails. */
type PacedFetch = (request: Request, beforeSend?: () => void) => Promise<Response>;

export interface PaceOptions {
  readonly fetch: PacedFetch;
  readonly clock: Clock;
}

/** As many requests at once as there may be while the server says nothing. A watch counts until its headers are there. */
const mostAtOnce = 128;
const maxAttempts = 6;
const longestWaitMs = 60_000;
/** When the server does not say how long. */
const policy = { firstMs: 500, maxMs: 10_000, factor: 2, jitter: 0.5 };

/**
 * Adapts to a server that is busy: after a 429, or a 503 with `Retry-After`, nothing is sent before the time it names,
 * half as many requests go at once from then on, and the request is sent again, at most five times. Each answer that is
 * none of these lets a little more through again. The last refusal is the caller's.
 */
export function createPace({ fetch, clock }: PaceOptions): PacedFetch {
  const gate = new Gate(mostAtOnce);
  let pausedUntilMs = 0;

  async function waitForPause(signal: AbortSignal): Promise<void> {
    for (let left = pausedUntilMs - clock.monotonicMs(); left > 0; left = pausedUntilMs - clock.monotonicMs()) {
      await sleepFor(clock, left, signal);
    }
  }

  return async (request, beforeSend) => {
    const { signal } = request;
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const again = (): Request =>
      body === undefined ? request.clone() : new Request(request.url, copyOf(request, body));
    for (let attempt = 1; ; attempt++) {
      await gate.enter(signal);
      let response: Response;
      try {
        await waitForPause(signal);
        response = await fetch(again(), beforeSend);
      } finally {
        gate.leave();
      }
      if (!isBusy(response)) {
        gate.widen();
        return response;
      }
      gate.narrow();
      const waitMs = retryAfterMs(response) ?? backoffMs(policy, attempt);
      pausedUntilMs = Math.max(pausedUntilMs, clock.monotonicMs() + waitMs);
      if (attempt >= maxAttempts) return response;
      await response.body?.cancel();
    }
  };
}

function copyOf(request: Request, body: Uint8Array<ArrayBuffer>): RequestInit {
  const { method, headers, signal } = request;
  return { method, headers, signal, body };
}

function isBusy({ status, headers }: Response): boolean {
  return status === 429 || (status === 503 && headers.has("retry-after"));
}

/** Seconds; dates, which API servers do not send, count as nothing said. */
function retryAfterMs({ headers }: Response): number | undefined {
  const text = headers.get("retry-after") ?? "";
  return /^\d{1,6}$/.test(text) ? Math.min(longestWaitMs, Number(text) * 1_000) : undefined;
}

/** Lets `limit` in at once, the others in the order they came. */
class Gate {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #limit: number;
  #inside = 0;

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#inside < Math.floor(this.#limit)) {
      this.#inside++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      const at = this.#waiting.indexOf(resolve);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    this.#waiting.push(resolve);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  leave(): void {
    this.#inside--;
    this.#admit();
  }

  narrow(): void {
    this.#limit = Math.max(1, this.#limit / 2);
  }

  widen(): void {
    this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
    this.#admit();
  }

  #admit(): void {
    while (this.#inside < Math.floor(this.#limit)) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#inside++;
      next();
    }
  }
}
