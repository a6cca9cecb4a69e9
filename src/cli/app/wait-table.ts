import type { Clock } from "../../base/clock.ts";
import { offsetText, type TimeZone } from "../../base/time-zone.ts";
import { keyOf, type ResourceState } from "./resource-states.ts";

/** The rows that a wait prints. */
export interface WaitTable {
  /** A row for each object whose state differs from what was printed of it. */
  update(states: readonly ResourceState[]): void;
}

export interface WaitTableDeps {
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly zone: TimeZone;
}

const headers = ["TIMESTAMP", "GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"] as const;

/** All but the first and the last stand to the right, as in the original. A time is 25 letters. */
const leastWidths = [25, 5, 10, 10, 20, 8, 7, 10, 0] as const;

/** Prints the header at once. A column that grew stays so, since what is printed cannot be moved. */
export function createWaitTable({ write, clock, zone }: WaitTableDeps): WaitTable {
  const printed = new Map<string, ResourceState>();
  const widths: number[] = [...leastWidths];
  const row = (cells: readonly string[]): void => {
    const padded = cells.map((cell, column) => {
      if (column === cells.length - 1) return cell;
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
      return column === 0
        ? cell.padEnd(widths[column])
        : cell.padStart(leastWidths[column] ?? 0).padEnd(widths[column]);
    });
    write(`${padded.join("  ").trimEnd()}\n`);
  };
  row(headers);
  return {
    update(states) {
      for (const state of merged(states)) {
        const before = printed.get(keyOf(state));
        const now = before === undefined ? state : merge(before, state);
        if (before !== undefined && isSame(before, now)) continue;
        printed.set(keyOf(now), now);
        const { group, kind, namespace, name, status, health, hook, message } = now;
        row([timestamp(clock, zone), group, kind, namespace, name, status, health, hook, message]);
      }
    },
  };
}

/** One state for each object: a hook may be an object of the Application, too. */
function merged(states: readonly ResourceState[]): Iterable<ResourceState> {
  const byKey = new Map<string, ResourceState>();
  for (const state of states) {
    const other = byKey.get(keyOf(state));
    byKey.set(keyOf(state), other === undefined ? state : merge(other, state));
  }
  return byKey.values();
}

/** What is known stays when the newer state has nothing to say of it. */
function merge(before: ResourceState, now: ResourceState): ResourceState {
  return {
    ...now,
    status: now.status || before.status,
    health: now.health || before.health,
    hook: now.hook || before.hook,
    message: now.message || before.message,
  };
}

function isSame(a: ResourceState, b: ResourceState): boolean {
  return a.status === b.status && a.health === b.health && a.hook === b.hook && a.message === b.message;
}

/** `2026-01-01T10:20:30+01:00` */
function timestamp(clock: Clock, zone: TimeZone): string {
  const now = clock.now();
  const minutes = zone.offsetMinutes(now);
  const offset = offsetText(minutes);
  return `${new Date(now + minutes * 60_000).toISOString().slice(0, 19)}${offset.slice(0, 3)}:${offset.slice(3)}`;
}
