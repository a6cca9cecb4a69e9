import { systemClock } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { StateEntry, StateStore } from "../../../src/events/bus/bus.ts";
import type { EventDraft, SourceContext } from "../../../src/events/sources/source.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";

export interface RecordedContext extends SourceContext {
  readonly emitted: EventDraft[];
  readonly failed: { count: number };
  readonly isReady: { value: boolean };
  /** What it said of events that the upstream dropped. */
  readonly lostEvents: (readonly [events: number, message: string])[];
  /** What it said of not working, in order; `ready()` empties it. */
  readonly failures: string[];
}

/** A context that keeps what is emitted; parts can be replaced. */
export function recordedContext(
  parts: Partial<SourceContext> = {},
  secrets: Record<string, string> = {},
): RecordedContext {
  const emitted: EventDraft[] = [];
  const failed = { count: 0 };
  const isReady = { value: false };
  const failures: string[] = [];
  const lostEvents: (readonly [number, string])[] = [];
  const read = async ({ name, key }: { name: string; key: string }): Promise<string> => {
    const value = secrets[`${name}/${key}`];
    if (value === undefined) throw new EngineError("SECRET_MISSING", `no Secret ${name} with key ${key}`);
    return value;
  };
  return {
    emitted,
    failed,
    isReady,
    failures,
    lostEvents,
    namespace: "default",
    eventSource: "es",
    event: "e",
    emit: async (draft) => void emitted.push(draft),
    ready: () => {
      isReady.value = true;
      failures.length = 0;
    },
    failing: (message) => void failures.push(message),
    countFailed: (events = 1) => {
      failed.count += events;
    },
    lost: (events, message) => void lostEvents.push([events, message]),
    secret: { read, readConfigMap: read },
    http: { serve: () => Promise.reject(new Error("no HTTP in this test")) },
    fetch: () => Promise.reject(new Error("no requests in this test")),
    fileRoot: "/nowhere",
    kube: {} as KubeClient,
    state: memoryState(),
    clock: systemClock,
    log: silentLogger,
    ...parts,
  };
}

export function memoryState(): StateStore {
  const entries = new Map<string, StateEntry>();
  return {
    get: async (key) => entries.get(key),
    async put(key, value, expected) {
      const known = entries.get(key)?.revision ?? 0;
      if (expected !== undefined && expected !== known) throw new EngineError("BUS_STALE", `${key} is at ${known}`);
      const revision = known + 1;
      entries.set(key, { key, value, revision });
      return revision;
    },
    delete: async (key) => void entries.delete(key),
    entries: async (prefix) => [...entries.values()].filter(({ key }) => key.startsWith(prefix)),
    watch: () => {
      throw new Error("the state in memory cannot be watched");
    },
  };
}
