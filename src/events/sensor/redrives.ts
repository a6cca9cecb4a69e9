import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { ResourceName } from "../../record/records.ts";
import { encodeToken } from "../../record/subject.ts";
import type { StateChange, StateStore } from "../bus/bus.ts";
import type { DeadSummary } from "./dead-store.ts";

/** The store of the system bus with what was asked for; what no engine took within an hour is forgotten, and still dead. */
export const redriveStore = { name: "redrives", ttlMs: 60 * 60 * 1000 } as const;

/** What is asked of one Sensor, whichever engine runs it. */
export interface RedriveInbox {
  /** The oldest letter that was asked for. */
  first(): number | undefined;
  /** `listener` is told at each change, until another is given. */
  onChange(listener: () => void): void;
  /** It was dealt with: nobody needs to look at it again. */
  done(letter: number): Promise<void>;
}

export interface Redrives {
  /** Asks the engine that runs the letter's Sensor to do it again; asking twice is asking once. @throws EngineError BUS_UNAVAILABLE */
  request(letter: Pick<DeadSummary, "id" | "sensor">): Promise<void>;
  inbox(sensor: ResourceName): RedriveInbox;
  /** Follows what is asked until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RedrivesDeps {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createRedrives({ store, clock, log }: RedrivesDeps): Redrives {
  /** By Sensor: letters, as many as the store holds. */
  const asked = new Map<string, Set<number>>();
  const listeners = new Map<string, () => void>();

  function take(change: StateChange): void {
    const cut = change.key.lastIndexOf("/");
    const [sensor, id] = [change.key.slice(0, cut), Number(change.key.slice(cut + 1))];
    const letters = asked.get(sensor) ?? new Set();
    if ("deleted" in change) letters.delete(id);
    else letters.add(id);
    if (letters.size > 0) asked.set(sensor, letters);
    else asked.delete(sensor);
    listeners.get(sensor)?.();
  }

  return {
    async request({ id, sensor }) {
      await store.put(`${keyOf(sensor)}/${id}`, Buffer.from("1", "utf8"));
    },
    inbox(sensor) {
      const key = keyOf(sensor);
      return {
        first: () => asked.get(key)?.values().next().value,
        onChange: (listener) => void listeners.set(key, listener), // a Sensor has one inbox at a time
        async done(letter) {
          await store.delete(`${key}/${letter}`);
          take({ key: `${key}/${letter}`, deleted: true });
        },
      };
    },
    async run(signal) {
      for (let attempt = 1; !signal.aborted; attempt++) {
        try {
          for await (const change of store.watch("", signal)) {
            attempt = 0;
            take(change);
          }
        } catch (error) {
          log.warn("requests to redrive cannot be followed, will retry", { attempt, error });
        }
        await sleepFor(clock, backoffMs(reconnectBackoff, Math.max(1, attempt)), signal).catch(() => undefined);
      }
    },
  };
}

function keyOf({ namespace, name }: ResourceName): string {
  return `${encodeToken(namespace)}/${encodeToken(name)}`;
}
