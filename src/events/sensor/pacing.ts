import { entriesOf, entryOf, withEntry, withoutEntry } from "../../base/due-map.ts";
import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import { fire, fireBatch, newKey } from "./firing.ts";
import type { Decision, HeldGroup, HeldItem, MergedEvents, SavedEvents, TimedState } from "./state.ts";
import type { Pace } from "./timing.ts";
import { maxKeys } from "./waiting.ts";

/** Firings of one trigger that wait at once, over all keys; then the oldest key fires early. */
export const maxHeldItems = 10_000;
/** Ids that are kept of events that debounce passed over; all are counted. */
const maxMergedIds = 32;

type Fire = Extract<Decision, { kind: "fire" }>;

interface Holding {
  readonly sensor: CompiledSensor;
  readonly trigger: CompiledTrigger;
  readonly pace: Pace;
}

export interface Held {
  readonly state: TimedState;
  readonly fired: readonly Fire[];
}

/**
 * One more firing under `key`, at `at`. Debounce keeps the last and waits anew; batch keeps all until they are enough.
 * What is there already, with the same events, changes nothing.
 */
export function hold(
  state: TimedState,
  key: string,
  { item, at }: { readonly item: HeldItem; readonly at: number },
  holding: Holding,
): Held {
  const { pace } = holding;
  const group = entryOf(state.held, key);
  const items = group?.items ?? [];
  if (items.some(({ events }) => isSame(events, item.events))) return { state, fired: [] };
  if (pace.kind === "debounce") {
    const [last] = items;
    const next = last ? { ...item, merged: merge(last, item) } : item;
    return bounded(withGroup(state, { key, due: at + pace.quietMs, items: [next] }), holding);
  }
  const more: HeldGroup = { key, due: group?.due ?? at + pace.waitMs, items: [...items, item] };
  const full = withGroup(state, more);
  return more.items.length >= pace.size ? release(full, more, holding) : bounded(full, holding);
}

/** The group fires. */
export function release(state: TimedState, group: HeldGroup, { sensor, trigger, pace }: Holding): Held {
  const left = withoutGroup(state, group);
  if (pace.kind === "batch") return { state: left, fired: [fireBatch(sensor, trigger, group.items)] };
  const fired = group.items.map(({ events, merged }): Fire => {
    const one = fire(trigger.name, events, true, newKey(sensor, trigger, events, new Set()));
    return merged ? { ...one, merged } : one;
  });
  return { state: left, fired };
}

function bounded(state: TimedState, holding: Holding): Held {
  if (state.held.size <= maxKeys && state.heldItems <= maxHeldItems) return { state, fired: [] };
  let oldest: HeldGroup | undefined;
  for (const group of entriesOf(state.held)) {
    if (!oldest || group.due < oldest.due || (group.due === oldest.due && group.key < oldest.key)) oldest = group;
  }
  if (!oldest) return { state, fired: [] };
  const early = `fires early: more than ${Math.min(maxKeys, maxHeldItems)} events wait`;
  const released = release(state, oldest, holding);
  return { state: released.state, fired: released.fired.map((one) => ({ ...one, early })) };
}

function withGroup(state: TimedState, group: HeldGroup): TimedState {
  const before = entryOf(state.held, group.key)?.items.length ?? 0;
  const heldItems = state.heldItems - before + group.items.length;
  return { ...state, held: withEntry(state.held, group), heldItems };
}

function withoutGroup(state: TimedState, { key }: HeldGroup): TimedState {
  const before = entryOf(state.held, key)?.items.length ?? 0;
  return { ...state, held: withoutEntry(state.held, key), heldItems: state.heldItems - before };
}

function merge(last: HeldItem, item: HeldItem): MergedEvents {
  const now = idsOf(item.events);
  const passed = idsOf(last.events).filter((id) => !now.includes(id));
  const ids = [...(last.merged?.ids ?? []), ...(item.merged?.ids ?? []), ...passed].slice(-maxMergedIds);
  return { ids, count: (last.merged?.count ?? 0) + (item.merged?.count ?? 0) + passed.length };
}

function idsOf(events: SavedEvents): string[] {
  return Object.values(events).map(({ event }) => event.id);
}

/** Asked for each item of a batch. */
function isSame(a: SavedEvents, b: SavedEvents): boolean {
  for (const name in a) if (!Object.hasOwn(b, name) || a[name]?.event.id !== b[name]?.event.id) return false;
  for (const name in b) if (!Object.hasOwn(a, name)) return false;
  return true;
}
