import { parseBody } from "../../src/controllers/lease-record.ts";
import type { StoredMessage } from "../../src/events/bus/bus.ts";

const sessionPrefix = "engine/";
/** Written in the place of a session to prove that there is none. */
const noToken = "none";

/** From `at` on a lease was `owner`'s; undefined: nobody's, or it is not known whose. */
export interface Holding {
  readonly at: number;
  readonly owner: string | undefined;
}

export interface LeaseOrder {
  take(message: StoredMessage): void;
  readonly problems: readonly string[];
  /** By lease, e.g. `sensors/12`, in the order of time. */
  readonly holdings: ReadonlyMap<string, readonly Holding[]>;
}

/**
 * Reads the leases' store in the order of its stream: a lease may pass from one session to another only after the first
 * gave it up or ended. A session ends when its record is deleted or holds another token, and does not come back.
 */
export function createLeaseOrder(): LeaseOrder {
  const sessions = new Map<string, string>();
  const leases = new Map<string, string>();
  const ended = new Set<string>();
  const problems: string[] = [];
  const holdings = new Map<string, Holding[]>();
  let last = 0;

  function session(key: string, token: string | undefined, sequence: number): void {
    const before = sessions.get(key);
    if (before !== undefined && before !== token) ended.add(before);
    if (token === undefined) sessions.delete(key);
    else sessions.set(key, token);
    if (token !== undefined && ended.has(token)) problems.push(`${key}: an ended session was renewed (${sequence})`);
  }

  function lease(key: string, token: string | undefined, sequence: number): void {
    const before = leases.get(key);
    const isTaken = token !== undefined && before !== undefined && before !== token;
    const isAlive = before !== undefined && [...sessions.values()].includes(before);
    if (isTaken && isAlive) problems.push(`lease ${key} was taken from a session that lives (${sequence})`);
    if (token === undefined) leases.delete(key);
    else leases.set(key, token);
  }

  function hold(key: string, at: number, owner: string | undefined): void {
    const list = holdings.get(key) ?? [];
    if (list.at(-1)?.owner !== owner) list.push({ at, owner });
    holdings.set(key, list);
  }

  return {
    problems,
    holdings,
    take({ subject, data, sequence, storedAt }) {
      // What was replaced before it was read is not known, such as a lease that was given up in between.
      if (sequence !== last + 1) {
        leases.clear();
        for (const key of holdings.keys()) hold(key, storedAt, undefined);
      }
      last = sequence;
      const key = subject.split(".").slice(2).join(".");
      const body = data.byteLength === 0 ? undefined : parseBody(data);
      const token = body?.token === noToken ? undefined : body?.token;
      if (key.startsWith(sessionPrefix)) session(key, token, sequence);
      else {
        lease(key, token, sequence);
        hold(key, storedAt, token === undefined ? undefined : body?.owner);
      }
    },
  };
}
