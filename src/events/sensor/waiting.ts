import { type DueMap, entriesOf, entryOf, withEntry, withoutEntry } from "../../base/due-map.ts";
import type { CompiledTrigger } from "./compile.ts";
import { inOrder } from "./firing.ts";
import type { Decision, ReceivedEvent, SavedEvents, WaitingGroup } from "./state.ts";
import type { Expiry, TriggerTiming } from "./timing.ts";

/** Keys of one trigger that wait at once; then the oldest gives way. */
export const maxKeys = 10_000;

type Waiting = DueMap<WaitingGroup>;
type Expired = Extract<Decision, { kind: "expired" }>;

interface Arrival {
  readonly trigger: CompiledTrigger;
  readonly timing: TriggerTiming;
  readonly key: string;
  readonly dependency: string;
  readonly received: ReceivedEvent;
}

export interface Joined {
  readonly waiting: Waiting;
  /** When the conditions are met. */
  readonly met?: SavedEvents;
  /** Whether events that waited took part. */
  readonly joined: boolean;
  readonly expired?: Expired;
}

/** One event joins those of its key: the newest of each dependency counts, and firing clears them all. */
export function join(waiting: Waiting, { trigger, timing, key, dependency, received }: Arrival): Joined {
  const group = entryOf(waiting, key);
  const events = inOrder(trigger, { ...group?.events, [dependency]: received });
  const joined = group !== undefined;
  if (trigger.isMet(new Set(Object.keys(events)))) {
    return { waiting: joined ? withoutEntry(waiting, key) : waiting, met: events, joined };
  }
  if (joined || waiting.size < maxKeys) return { waiting: withEntry(waiting, groupOf(key, events, timing)), joined };
  const oldest = oldestOf(waiting);
  const left = oldest ? withoutEntry(waiting, oldest.key) : waiting;
  return {
    waiting: withEntry(left, groupOf(key, events, timing)),
    joined,
    ...(oldest && { expired: gaveWay(trigger, oldest, storedAtOf(received)) }),
  };
}

function gaveWay(trigger: CompiledTrigger, { events }: WaitingGroup, at: number): Expired {
  const message = `more than ${maxKeys} keys wait: the oldest gives way`;
  return { kind: "expired", trigger: trigger.name, reason: "bound", message, events, at };
}

function groupOf(key: string, events: SavedEvents, timing: TriggerTiming): WaitingGroup {
  let due: number | undefined;
  for (const [dependency, received] of Object.entries(events)) {
    const at = timing.expiryOf(dependency, storedAtOf(received))?.at;
    if (at !== undefined && (due === undefined || at < due)) due = at;
  }
  return { key, events, ...(due === undefined ? {} : { due }) };
}

/** Lets those events of the group go whose time has come by then. */
export function expire(
  waiting: Waiting,
  { key, events, due = 0 }: WaitingGroup,
  { trigger, timing }: { readonly trigger: CompiledTrigger; readonly timing: TriggerTiming },
): { readonly waiting: Waiting; readonly decisions: readonly Expired[] } {
  const left: [string, ReceivedEvent][] = [];
  const gone = new Map<string, { readonly expiry: Expiry; readonly events: [string, ReceivedEvent][] }>();
  for (const [dependency, received] of Object.entries(events)) {
    const expiry = timing.expiryOf(dependency, storedAtOf(received));
    if (!expiry || expiry.at > due) {
      left.push([dependency, received]);
      continue;
    }
    const others = gone.get(expiry.message) ?? { expiry, events: [] };
    gone.set(expiry.message, others);
    others.events.push([dependency, received]);
  }
  const decisions = [...gone.values()].map(({ expiry: { reason, message }, events: list }): Expired => {
    return { kind: "expired", trigger: trigger.name, reason, message, events: Object.fromEntries(list), at: due };
  });
  const rest = groupOf(key, Object.fromEntries(left), timing);
  return { waiting: left.length === 0 ? withoutEntry(waiting, key) : withEntry(waiting, rest), decisions };
}

function oldestOf(waiting: Waiting): WaitingGroup | undefined {
  let found: { readonly group: WaitingGroup; readonly since: number } | undefined;
  for (const group of entriesOf(waiting)) {
    const since = Math.min(...Object.values(group.events).map(storedAtOf));
    if (!found || since < found.since || (since === found.since && group.key < found.group.key)) {
      found = { group, since };
    }
  }
  return found?.group;
}

const lastInstant = Date.UTC(9999, 11, 31);

/** When the bus stored the event, by which keys and times go: it is the same in every run over the same events. */
export function storedAtOf({ head }: ReceivedEvent): number {
  return head.storedAt >= 0 && head.storedAt <= lastInstant ? Math.floor(head.storedAt) : 0;
}
