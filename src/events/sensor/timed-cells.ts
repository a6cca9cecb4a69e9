import { changedEntries, type DueEntry, type DueMap, entriesOf } from "../../base/due-map.ts";
import type { StoredHeld, StoredWaiting } from "./adopt.ts";
import type { CellChange } from "./partition-log.ts";
import type { HeldGroup, HeldItem, ReceivedEvent, SensorState, WaitingGroup } from "./state.ts";
import { timedOf } from "./timed.ts";

/**
 * What waits at triggers with keys or times, as cells of the partition, one for each event or firing, so that a change
 * is as small as what changed: `<uid>/waiting/<trigger>/<key>/<dependency>` and `<uid>/held/<trigger>/<key>/<number>`.
 * Due times are not stored: they follow from the events and the Sensor.
 */
export function readTimedCells(cells: ReadonlyMap<string, unknown>, prefix: string) {
  const waiting: StoredWaiting[] = [];
  const held: (StoredHeld & { readonly number: number })[] = [];
  for (const [key, value] of cells) {
    if (!key.startsWith(prefix)) continue;
    const [kind, trigger = "", , last = ""] = key.slice(prefix.length).split("/").map(decodeURIComponent);
    if (kind === "waiting") waiting.push({ trigger, dependency: last, received: value as ReceivedEvent });
    else if (kind === "held") held.push({ trigger, item: value as HeldItem, number: Number(last) });
  }
  return { waiting, held: held.sort((a, b) => a.number - b.number) };
}

/** From `before` to `now`. */
export function timedChanges(
  prefix: string,
  before: SensorState["timed"],
  now: SensorState["timed"],
): readonly CellChange[] {
  if (before === now) return [];
  const changes: CellChange[] = [];
  for (const trigger of new Set([...Object.keys(before ?? {}), ...Object.keys(now ?? {})])) {
    const [old, current] = [timedOf(before, trigger), timedOf(now, trigger)];
    if (old === current) continue;
    compare(old.waiting, current.waiting, waitingCells(prefix, trigger), changes);
    compare(old.held, current.held, heldCells(prefix, trigger), changes);
  }
  return changes;
}

/** From what is stored, which another revision of the Sensor may have written, to `now`. */
export function timedRewrite(
  cells: ReadonlyMap<string, unknown>,
  prefix: string,
  now: SensorState["timed"],
): readonly CellChange[] {
  const wanted = new Map<string, unknown>();
  for (const [trigger, { waiting, held }] of Object.entries(now ?? {})) {
    for (const group of entriesOf(waiting)) addTo(wanted, waitingCells(prefix, trigger)(group));
    for (const group of entriesOf(held)) addTo(wanted, heldCells(prefix, trigger)(group));
  }
  const kinds = [`${prefix}waiting/`, `${prefix}held/`];
  const gone = [...cells.keys()].filter((key) => kinds.some((kind) => key.startsWith(kind)) && !wanted.has(key));
  const changed = [...wanted].filter(([key, value]) => cells.get(key) !== value);
  return [...gone.map((key): CellChange => [key, null]), ...changed];
}

type CellsOf<Entry> = (entry: Entry) => ReadonlyMap<string, unknown>;

function waitingCells(prefix: string, trigger: string): CellsOf<WaitingGroup> {
  return ({ key, events }) => {
    const at = cellKey(`${prefix}waiting`, trigger, key);
    return new Map(Object.entries(events).map(([name, received]) => [`${at}/${encodeURIComponent(name)}`, received]));
  };
}

function heldCells(prefix: string, trigger: string): CellsOf<HeldGroup> {
  return ({ key, items }) => {
    const at = cellKey(`${prefix}held`, trigger, key);
    return new Map(items.map((item, number) => [`${at}/${number}`, item]));
  };
}

function cellKey(kind: string, trigger: string, key: string): string {
  return `${kind}/${encodeURIComponent(trigger)}/${encodeURIComponent(key)}`;
}

function compare<Entry extends DueEntry>(
  before: DueMap<Entry>,
  now: DueMap<Entry>,
  cellsOf: CellsOf<Entry>,
  changes: CellChange[],
): void {
  for (const change of changedEntries(before, now)) {
    const old = change.before ? cellsOf(change.before) : noCells;
    const current = change.now ? cellsOf(change.now) : noCells;
    for (const key of old.keys()) if (!current.has(key)) changes.push([key, null]);
    for (const [key, value] of current) if (old.get(key) !== value) changes.push([key, value]);
  }
}

const noCells: ReadonlyMap<string, unknown> = new Map();

function addTo(wanted: Map<string, unknown>, cells: ReadonlyMap<string, unknown>): void {
  for (const [key, value] of cells) wanted.set(key, value);
}
