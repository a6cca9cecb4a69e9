import { createHash } from "node:crypto";
import type { CompiledSensor, CompiledTrigger } from "./compile.ts";
import type { BatchedEvent, Decision, HeldItem, ReceivedEvent, SavedEvents } from "./state.ts";

type Fire = Extract<Decision, { kind: "fire" }>;

/** In the order of the trigger's conditions, and only what these name: state may be older than the Sensor. */
export function inOrder(trigger: CompiledTrigger, events: SavedEvents): SavedEvents {
  const ordered: [string, ReceivedEvent][] = [];
  for (const name of trigger.dependencies) {
    const received = Object.hasOwn(events, name) ? events[name] : undefined;
    if (received) ordered.push([name, received]);
  }
  return Object.fromEntries(ordered);
}

/** A key that is not in `keys` yet, and adds it; absent: the trigger fires once at most. */
export function newKey(
  sensor: CompiledSensor,
  trigger: CompiledTrigger,
  events: SavedEvents,
  keys: Set<string> | undefined,
): string {
  const ids = Object.values(events).map((received) => received.event.id);
  const repeated = ids.at(-1) ?? "";
  for (;;) {
    const key = `${sensor.head.uid}/${trigger.name}/${ids.sort().join(",")}`;
    if (!keys?.has(key)) {
      keys?.add(key);
      return key;
    }
    ids.push(repeated);
  }
}

export function fire(trigger: string, events: SavedEvents, joined: boolean, key: string): Fire {
  return { kind: "fire", trigger, key, events, joined };
}

/** What a batch held, as one firing. Its key is a hash, since the ids of a thousand events fit into no header. */
export function fireBatch(sensor: CompiledSensor, trigger: CompiledTrigger, items: readonly HeldItem[]): Fire {
  const batch: BatchedEvent[] = [];
  const newest: Record<string, ReceivedEvent> = {};
  for (const { events } of items) {
    for (const [dependency, { event, head }] of Object.entries(events)) {
      batch.push({ dependency, event, head });
      setOwn(newest, dependency, { event, head });
    }
  }
  const ids = batch.map(({ event }) => event.id).sort();
  const hash = createHash("sha256").update(JSON.stringify(ids)).digest("hex").slice(0, 32);
  const key = `${sensor.head.uid}/${trigger.name}/batch-${batch.length}-${hash}`;
  return { ...fire(trigger.name, inOrder(trigger, newest), true, key), batch };
}

/** Also where the name is one of Object's prototype, `__proto__` among them. */
function setOwn(events: Record<string, ReceivedEvent>, name: string, received: ReceivedEvent): void {
  Object.defineProperty(events, name, { value: received, enumerable: true, configurable: true, writable: true });
}
