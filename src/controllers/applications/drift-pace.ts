/**
 * When to look at an Application for changes of its live objects. They come in runs: a first change is looked at nearly at
 * once; what follows is looked at together, once it is over, or after `maxWaitMs`. So a run that is over by then costs two
 * looks, however many changes it has, one that never ends a look per `maxWaitMs`, and no change waits longer than that.
 * Where few objects change again and again, a change of one that was quiet until then is news, and waits less.
 *
 * Times are milliseconds of the monotonic clock.
 */
export interface DriftPace {
  /** `objects`: what changed, as `group/kind/namespace/name`. */
  changed(objects: readonly string[] | "all", atMs: number): void;
  /** When to look, as far as it is known now; later changes may put it off. */
  dueMs(isOperating: boolean): number;
  looked(isOperating: boolean, atMs: number): void;
  /** An operation ended: what follows it is a run of its own. */
  operated(atMs: number): void;
}

/** Changes mostly come several at once. */
const windowMs = 20;
/** A run ends when nothing changed for so long. */
const calmMs = 5_000;
/** It is taken for over when nothing changed for so long, twice that after each look beyond the first few, ... */
const quietMs = 150;
const fewLooks = 3;
/** ... or for this part of its duration, ... */
const quietPart = 1 / 8;
/** ... or, with so many changes, for so long: where all are slow, a burst has pauses, ... */
const burstCount = 50;
const burstQuietMs = 1_000;
/** ... but at most for so long. */
const maxQuietMs = 2_000;
/** How long it is waited for that. */
const maxWaitMs = 30_000;
/** From a look in a long run to one for an object that was quiet until then. */
const newsMs = 2_000;
/** There is news once a run is so long, or was looked at twice, ... */
const longMs = 10_000;
/** ... where objects changed so often each before that: a burst over many objects has nothing but new ones. */
const chattyTimes = 4;
/** Objects of a run that are known; of more, none is news. */
const maxObjects = 100;
/** An operation's own changes, doubled after each look at them: most are over by then, and are looked at once. */
const operationMs = 2_000;
const maxOperationMs = 8_000;

export function createDriftPace(): DriftPace {
  return new Pace();
}

class Pace implements DriftPace {
  #beganMs = 0;
  #changedMs = Number.NEGATIVE_INFINITY;
  /** Since when a change waits. */
  #waitsMs: number | undefined;
  #lookedMs = 0;
  /** Looks at this run: for changes, and those of an operation. */
  #looks = 0;
  #operationLooks = 0;
  /** Changes of this run. */
  #count = 0;
  readonly #objects = new Set<string>();
  #hasNews = false;

  changed(objects: readonly string[] | "all", atMs: number): void {
    if (atMs - this.#changedMs >= calmMs) this.#begin(atMs);
    this.#changedMs = atMs;
    this.#count += 1;
    this.#waitsMs ??= atMs;
    const mayBeNews = this.#isChatty() && (this.#looks > 1 || atMs - this.#beganMs >= longMs);
    for (const object of objects === "all" ? [] : objects) {
      if (this.#objects.has(object) || this.#objects.size >= maxObjects) continue;
      this.#objects.add(object);
      this.#hasNews ||= mayBeNews;
    }
  }

  #isChatty(): boolean {
    return this.#count >= this.#objects.size * chattyTimes;
  }

  #begin(atMs: number): void {
    this.#beganMs = atMs;
    this.#looks = 0;
    this.#operationLooks = 0;
    this.#count = 0;
    this.#objects.clear();
    this.#hasNews = false;
  }

  dueMs(isOperating: boolean): number {
    const sinceMs = this.#waitsMs ?? this.#changedMs;
    if (isOperating) return sinceMs + Math.min(operationMs * 2 ** this.#operationLooks, maxOperationMs);
    const looks = this.#looks;
    if (looks === 0) return sinceMs + windowMs;
    const leastMs = this.#count < burstCount ? 0 : burstQuietMs;
    const ofRunMs = (this.#changedMs - this.#beganMs) * quietPart;
    const wantedMs = Math.max(quietMs * 2 ** Math.max(0, looks - fewLooks), ofRunMs, leastMs);
    const quiet = this.#changedMs + Math.min(wantedMs, maxQuietMs);
    const latest = sinceMs + maxWaitMs;
    const news = this.#hasNews ? Math.max(this.#lookedMs + newsMs, sinceMs + windowMs) : latest;
    return Math.min(quiet, latest, news);
  }

  looked(isOperating: boolean, atMs: number): void {
    if (isOperating) this.#operationLooks += 1;
    else this.#looks += 1;
    this.#lookedMs = atMs;
    this.#waitsMs = undefined;
    this.#hasNews = false;
  }

  operated(atMs: number): void {
    this.#begin(atMs);
  }
}
