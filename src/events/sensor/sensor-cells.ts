import type { LedgerPosition } from "../../record/records.ts";
import type { StoredEvents } from "./adopt.ts";
import type { CompiledSensor } from "./compile.ts";
import type { OutboxEntry } from "./effect.ts";
import type { CellChange } from "./partition-log.ts";
import type { ReceivedEvent, SensorState } from "./state.ts";
import { readTimedCells, timedChanges, timedRewrite } from "./timed-cells.ts";

/** Where a Sensor stands, as stored. */
export interface StoredPosition {
  readonly bus: string;
  readonly epoch: string;
  readonly after: number;
  /** Outcomes of effects that the position has not passed are stored in the ledger after this. */
  readonly ledger: LedgerPosition;
}

interface StoredSensor {
  readonly position: StoredPosition | undefined;
  /** What waits: `adopt` makes the Sensor's state of it. */
  readonly events: StoredEvents;
  readonly outbox: readonly OutboxEntry[];
}

interface Snapshot {
  readonly position: StoredPosition;
  readonly state: SensorState;
  readonly outbox: ReadonlyMap<string, OutboxEntry | null>;
}

/** A position whose Sensor does not move is stored again when the ledger has grown by this much, to bound a restart. */
const ledgerSlack = 1_000;

/**
 * One Sensor's cells of its partition: `<uid>/position`, `<uid>/join/<trigger>/<dependency>`, `<uid>/outbox/<key>`, and
 * those of `timed-cells.ts`.
 */
export interface SensorCells {
  restore(): StoredSensor;
  readonly hasPosition: boolean;
  /** What differs from what was committed last. */
  changes(now: Snapshot): { readonly changes: readonly CellChange[]; committed(): void };
}

export function cellPrefix(uid: string): string {
  return `${uid}/`;
}

/** The positions in the ledger that the Sensors of these cells ask for. */
export function* ledgerPositionsIn(cells: ReadonlyMap<string, unknown>): Generator<LedgerPosition> {
  for (const [key, value] of cells) if (key.endsWith("/position")) yield (value as StoredPosition).ledger;
}

export function createSensorCells(compiled: CompiledSensor, cells: ReadonlyMap<string, unknown>): SensorCells {
  const { uid } = compiled.head;
  const prefix = cellPrefix(uid);
  const positionKey = `${prefix}position`;
  interface Saved {
    readonly position: StoredPosition | undefined;
    readonly joins: SensorState["joins"];
    /** "stored": what was restored, before it was stored again as the Sensor has it now. */
    readonly timed: SensorState["timed"] | "stored";
  }
  let saved: Saved = { position: undefined, joins: {}, timed: "stored" };
  const timedSince = ({ timed }: Saved, now: SensorState["timed"]): readonly CellChange[] =>
    timed === "stored" ? timedRewrite(cells, prefix, now) : timedChanges(prefix, timed, now);

  return {
    get hasPosition() {
      return saved.position !== undefined;
    },
    restore() {
      const joins: Record<string, Record<string, ReceivedEvent>> = {};
      const outbox: OutboxEntry[] = [];
      for (const [key, value] of cells) {
        if (!key.startsWith(prefix)) continue;
        const [kind = "", trigger = "", dependency = ""] = key.slice(prefix.length).split("/").map(decodeURIComponent);
        if (kind === "outbox") outbox.push(value as OutboxEntry);
        else if (kind === "join") {
          joins[trigger] = { ...joins[trigger], [dependency]: value as ReceivedEvent };
        }
      }
      const position = cells.get(positionKey) as StoredPosition | undefined;
      saved = { position, joins, timed: "stored" };
      return { position, events: { joins, ...readTimedCells(cells, prefix) }, outbox };
    },
    changes({ position, state, outbox }) {
      const changes = [...joinChanges(prefix, saved.joins, state.joins), ...timedSince(saved, state.timed)];
      for (const [key, effect] of outbox) changes.push([outboxKey(prefix, key), effect]);
      if (changes.length > 0 || moved(saved.position, position)) changes.push([positionKey, position]);
      return {
        changes,
        committed: () => {
          const { joins, timed } = state;
          saved = { position: changes.length > 0 ? position : saved.position, joins, timed };
        },
      };
    },
  };
}

function moved(before: StoredPosition | undefined, now: StoredPosition): boolean {
  if (!before || before.bus !== now.bus || before.epoch !== now.epoch || before.after !== now.after) return true;
  return before.ledger.epoch !== now.ledger.epoch || now.ledger.after - before.ledger.after > ledgerSlack;
}

function joinChanges(prefix: string, before: SensorState["joins"], now: SensorState["joins"]): CellChange[] {
  if (before === now) return [];
  const changes: CellChange[] = [];
  for (const trigger of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const old = before[trigger] ?? {};
    const current = now[trigger] ?? {};
    for (const dependency of new Set([...Object.keys(old), ...Object.keys(current)])) {
      if (old[dependency] === current[dependency]) continue;
      changes.push([joinKey(prefix, trigger, dependency), current[dependency] ?? null]);
    }
  }
  return changes;
}

function joinKey(prefix: string, trigger: string, dependency: string): string {
  return `${prefix}join/${encodeURIComponent(trigger)}/${encodeURIComponent(dependency)}`;
}

function outboxKey(prefix: string, key: string): string {
  return `${prefix}outbox/${encodeURIComponent(key)}`;
}
