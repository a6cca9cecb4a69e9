import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { SeenPush } from "../applications/push-intake.ts";
import { seenHook } from "./hook-event.ts";
import { placeOf } from "./repository-place.ts";
import type { SeenHook } from "./webhook.ts";

export interface HookIntakeDeps {
  /** Repositories in use, as the Applications name them. */
  readonly repositories: () => Iterable<string>;
  /** The door of every push. */
  readonly onPush: (push: SeenPush) => Promise<void>;
  /** Asks those who follow what was pushed to a registry to look; `id` is of this one push. */
  readonly onRegistry: (seen: SeenHook, id: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends retries; what was not taken stays stored. */
  readonly signal: AbortSignal;
}

/** Takes stored pushes of providers where the Applications are, one after the other, until they are requests. */
export function createHookIntake(deps: HookIntakeDeps): (received: ReceivedEvent, done: () => void) => void {
  const { repositories, onPush, onRegistry, clock, log, signal } = deps;
  let last = Promise.resolve();

  const placeOfUsed = createPlaces();

  async function take(seen: SeenHook, id: string): Promise<void> {
    if (seen.tags !== undefined) return onRegistry(seen, id);
    for (const push of pushesOf(seen, repositories(), placeOfUsed)) await onPush(push);
  }

  async function takeUntilDone(received: ReceivedEvent, done: () => void): Promise<void> {
    const seen = seenHook(received);
    if (seen === undefined) {
      log.error("a stored request was skipped", { reason: "it is no push", id: received.event.id });
      done();
      return;
    }
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await take(seen, received.event.id);
        done();
        return;
      } catch (error) {
        log.warn("a push could not be taken, will retry", { provider: seen.provider, attempt, error });
        await sleepFor(clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
      }
    }
  }

  return (received, done) => {
    last = last.then(() => takeUntilDone(received, done));
  };
}

/** Beyond, all are forgotten. */
const maxPlaces = 100_000;

/** `placeOf` that remembers: the same URLs are asked for at each push. */
export function createPlaces(): typeof placeOf {
  const known = new Map<string, string | undefined>();
  return (url) => {
    if (known.has(url)) return known.get(url);
    if (known.size >= maxPlaces) known.clear();
    const place = placeOf(url);
    known.set(url, place);
    return place;
  };
}

/** One for each repository in use that is at one of the places; each spelling is one of its own. Pure. */
export function pushesOf(
  seen: SeenHook,
  repositories: Iterable<string>,
  placeOfUsed: typeof placeOf = placeOf,
): readonly SeenPush[] {
  const places = new Set(seen.urls.map(placeOf).filter((place) => place !== undefined));
  const spellings = new Map<string, string>();
  for (const url of repositories) {
    const place = placeOfUsed(url);
    if (place !== undefined && places.has(place)) spellings.set(normaliseRepositoryUrl(url), url);
  }
  const { refs, headRef, files } = seen;
  const head = headRef === undefined ? ({ headRef, mayBeHead: true } as const) : { headRef };
  return [...spellings.values()].map((url) => ({ url, refs, ...head, ...(files === undefined ? {} : { files }) }));
}
