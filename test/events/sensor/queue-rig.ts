import assert from "node:assert/strict";
import type { Trigger } from "../../../src/api/resources.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createMetrics } from "../../../src/base/metrics.ts";
import type { Execute, ReportAttempt } from "../../../src/events/sensor/attempts.ts";
import type { DeadEffect, Effect } from "../../../src/events/sensor/effect.ts";
import { EffectQueue } from "../../../src/events/sensor/effect-queue.ts";
import type { LimitOf } from "../../../src/events/sensor/lane.ts";
import type { EffectRecord, Ledger } from "../../../src/record/records.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { compiled, dependency, trigger } from "./builders.ts";

export const never = new AbortController().signal;

export function effect(key: string, more: Partial<Effect> = {}): Effect {
  return { key, trigger: "t", events: {}, decision: "w-1.0", failed: 0, attempts: [], dueAt: 0, ...more };
}

export interface Given {
  readonly execute?: Execute;
  readonly kept?: () => Promise<void>;
  readonly putDead?: (dead: DeadEffect) => Promise<void>;
  readonly steps?: number;
  readonly mayAct?: () => boolean;
  /** Instead of the one trigger `t`. */
  readonly triggers?: readonly Trigger[];
  readonly limitOf?: LimitOf;
  readonly report?: ReportAttempt;
}

/** A queue on virtual time, and what it told everyone. */
export function open(given: Given = {}) {
  const { execute = async () => ({ message: "done" }), kept, putDead, steps, mayAct = () => true, ...more } = given;
  const clock = createVirtualClock();
  const seen = {
    records: [] as Pick<EffectRecord, "key" | "outcome" | "attempt">[],
    /** Milliseconds that the limit held up attempts, in the records' order. */
    limitedMs: [] as (number | undefined)[],
    dead: [] as DeadEffect[],
    failures: [] as unknown[],
    marks: [] as boolean[],
    ledgerEnd: 0,
  };
  const ledger: Ledger = {
    write(draft) {
      if (draft.kind === "effect") {
        seen.records.push({ key: draft.key, outcome: draft.outcome, attempt: draft.attempt });
        seen.limitedMs.push(draft.limitedMs);
      }
      return { id: "w-1.0", kept: kept?.() ?? Promise.resolve() };
    },
    readEffects: () => assert.fail("the queue does not read"),
    hasRoom: () => true,
    room: async () => undefined,
    mark: () => ({ epoch: "l", after: seen.ledgerEnd }),
  };
  const retryStrategy = steps === undefined ? {} : { retryStrategy: { steps, duration: "1s", factor: 2, jitter: 0 } };
  const triggers = more.triggers ?? [{ ...trigger("t", "a", { log: {} }), ...retryStrategy }];
  const sensor = compiled([dependency("a")], triggers);
  const deps = {
    ...(more.limitOf === undefined ? {} : { limitOf: more.limitOf }),
    ...(more.report === undefined ? {} : { report: more.report }),
    ledger,
    execute,
    mayAct,
    putDead: async (dead: DeadEffect) => {
      await putDead?.(dead);
      seen.dead.push(dead);
    },
    clock,
    log: silentLogger,
    metrics: createMetrics(),
  };
  const queue = new EffectQueue(sensor, deps, {
    markDirty: (urgent) => void seen.marks.push(urgent),
    fail: (error) => void seen.failures.push(error),
  });
  return { clock, queue, seen };
}
