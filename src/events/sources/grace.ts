/** How long an event may still take that is under way when the source is stopped. */
const graceMs = 1_000;

type GiveUp = (reason: unknown) => void;

/**
 * One listener on a signal however many events wait: adding and removing one for each costs more than all else that is
 * done for an event.
 */
const waitingOn = new WeakMap<AbortSignal, Waiting>();

/** `work`, given up with the signal's reason a second after it aborts. `signal` is not aborted yet. */
export function withGrace(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const waiting = waitingOn.get(signal) ?? new Waiting(signal);
  return new Promise((resolve, reject) => {
    waiting.add(reject);
    work.then(
      () => {
        waiting.remove(reject);
        resolve();
      },
      (error: unknown) => {
        waiting.remove(reject);
        reject(error);
      },
    );
  });
}

class Waiting {
  readonly #giveUps = new Set<GiveUp>();
  #timer: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal) {
    waitingOn.set(signal, this);
    const onAbort = (): void => {
      if (this.#giveUps.size > 0) this.#timer = setTimeout(() => this.#giveAllUp(signal.reason), graceMs);
    };
    signal.addEventListener("abort", onAbort, { once: true });
  }

  add(giveUp: GiveUp): void {
    this.#giveUps.add(giveUp);
  }

  remove(giveUp: GiveUp): void {
    this.#giveUps.delete(giveUp);
    if (this.#giveUps.size === 0) clearTimeout(this.#timer);
  }

  #giveAllUp(reason: unknown): void {
    for (const giveUp of this.#giveUps) giveUp(reason);
  }
}
