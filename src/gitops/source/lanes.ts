import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { createKeyedSlots, createSlots } from "../../base/slots.ts";
import type { GitLimits } from "./source.ts";

/**
 * Places for requests to servers, so that those that hang keep nobody else from asking. Three lanes, each with its own
 * places:
 *
 * - quick: where every request begins;
 * - slow: a request that takes longer than `patienceMs` goes on here, and leaves its place in the quick lane to others;
 * - suspect: requests to a repository whose last one timed out, until one succeeds.
 *
 * Lists of refs, which are short, have a quick and a slow one of their own: behind fetches that hang nobody would learn that
 * the server does.
 */
export interface Lanes {
  /** Runs `work` once there is a place. `origin`: the host; a busy one holds none of the places that all share. */
  run<T>(
    asked: { readonly origin: string; readonly repository: string; readonly isList?: boolean },
    work: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
}

const patienceMs = 3_000;
/** Of the others' places, for what is known to hang. */
const suspectPart = 2;
/** Repositories remembered for that. */
const maxSuspects = 10_000;

export function createLanes(
  clock: Clock,
  { maxRemoteChildren: max, maxChildrenPerHost: perHost }: Pick<GitLimits, "maxRemoteChildren" | "maxChildrenPerHost">,
): Lanes {
  const pair = () => ({ quick: createLane(max, perHost), slow: createLane(max, perHost) });
  const [fetches, lists] = [pair(), pair()];
  const suspect = createLane(Math.ceil(max / suspectPart), Math.ceil(perHost / suspectPart));
  const suspects = new Set<string>();

  async function moveOver(slow: Lane, origin: string, place: Disposable, done: AbortSignal): Promise<Disposable> {
    try {
      await sleepFor(clock, patienceMs, done);
      const next = await slow.take(origin, done);
      place[Symbol.dispose]();
      return next;
    } catch (error) {
      if (!done.aborted) throw error;
      return place; // it has ended where it began
    }
  }

  function note(repository: string, hangs: boolean): void {
    suspects.delete(repository);
    const [oldest] = suspects;
    if (hangs && suspects.size >= maxSuspects && oldest !== undefined) suspects.delete(oldest);
    if (hangs) suspects.add(repository);
  }

  return {
    async run({ origin, repository, isList }, work, signal) {
      const { quick, slow } = isList ? lists : fetches;
      const isSuspect = suspects.has(repository);
      const place = await (isSuspect ? suspect : quick).take(origin, signal);
      const done = new AbortController();
      const last = isSuspect ? Promise.resolve(place) : moveOver(slow, origin, place, done.signal);
      try {
        const result = await work();
        note(repository, false);
        return result;
      } catch (error) {
        if (error instanceof EngineError && error.code === "TOOL_TIMEOUT") note(repository, true);
        throw error;
      } finally {
        done.abort();
        (await last)[Symbol.dispose]();
      }
    },
  };
}

interface Lane {
  take(origin: string, signal: AbortSignal): Promise<Disposable>;
}

function createLane(max: number, perHost: number): Lane {
  const [all, hosts] = [createSlots(max), createKeyedSlots(perHost)];

  return {
    async take(origin, signal) {
      using stack = new DisposableStack();
      // The host's place first: who waits for a busy host holds none of those that all share.
      stack.use(await hosts.take(origin, signal));
      stack.use(await all.take(signal));
      return stack.move();
    },
  };
}
