import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Socket } from "node:net";
import { partitionOf } from "../../src/events/sensor/partition.ts";
import type { EngineSlot } from "./engine-slot.ts";
import type { Holding } from "./lease-order.ts";
import type { Action } from "./truth.ts";

/** Which engine did what, as its sink sees it. */
export interface Actors {
  asked(action: Action, from: Socket): void;
  /** Each a sentence: what an engine did that at no time between the event and the act had the lease of the Sensor. */
  problems(holdings: ReadonlyMap<string, readonly Holding[]>): readonly string[];
}

interface Act {
  readonly engine: EngineSlot;
  readonly action: Action;
  readonly at: number;
}

/**
 * An effect may arrive after its engine lost the lease: it was under way then, and its key protects it. What was sent
 * after that, or while the engine stood still, is another's, and an engine that acts on it does not know that it was
 * replaced.
 */
export function createActors(engines: readonly EngineSlot[]): Actors {
  const known = new WeakMap<Socket, EngineSlot>();
  const acts: Act[] = [];
  return {
    asked(action, from) {
      const engine = known.get(from) ?? engineOf(from, engines);
      if (engine === undefined) return; // it was killed since, or this system does not tell
      known.set(from, engine);
      acts.push({ engine, action, at: Date.now() });
    },
    problems: (holdings) =>
      acts.flatMap(({ engine, action, at }) => {
        const held = holdings.get(`sensors/${partitionOf("default", action.sensor)}`) ?? [];
        const began = engine.pauses.find(({ from, to }) => from <= action.sentAt && action.sentAt < to)?.to;
        if (mayHaveHad(engine.engineId, held, began ?? action.sentAt, at)) return [];
        return [`${engine.engineId} acted for ${action.sensor} on ${action.event} (sent ${action.sentAt}) at ${at}`];
      }),
  };
}

/** Whether it had the lease at some time from `from` to `to`, as far as is known. */
function mayHaveHad(engine: string, held: readonly Holding[], from: number, to: number): boolean {
  const first = held.findLastIndex(({ at }) => at < from);
  if (first < 0) return true;
  const within = held.slice(first).filter(({ at }) => at <= to);
  return within.some(({ owner }) => owner === undefined || owner === engine);
}

/** Linux tells whose the other end of a connection on this machine is. */
function engineOf({ remotePort = 0, localPort = 0 }: Socket, engines: readonly EngineSlot[]): EngineSlot | undefined {
  try {
    const ends = [remotePort, localPort].map((port) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`);
    const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
    const columns = lines.map((line) => line.trim().split(/\s+/));
    const found = columns.find(
      ([, local = "", remote = ""]) => local.endsWith(ends[0] ?? "") && remote.endsWith(ends[1] ?? ""),
    );
    const socket = `socket:[${found?.[9]}]`;
    return engines.find((engine) => engine.isRunning && hasOpen(engine.pid, socket));
  } catch {
    return undefined;
  }
}

function hasOpen(pid: number, socket: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((name) => {
    try {
      return readlinkSync(`${folder}/${name}`) === socket;
    } catch {
      return false; // closed meanwhile
    }
  });
}
