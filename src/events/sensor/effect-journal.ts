import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { EffectRecord, Ledger, SensorHead } from "../../record/records.ts";
import { traceUnder } from "../../record/trace-context.ts";
import { untilKept } from "./drain.ts";
import type { DeadEffect, Effect, PutDead } from "./effect.ts";
import type { Lane } from "./lane.ts";

interface JournalDeps {
  readonly ledger: Ledger;
  readonly putDead: PutDead;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

type Labels = { readonly namespace: string; readonly sensor_name: string; readonly trigger_name: string };

/** Where one Sensor's attempts are told: the ledger, `dead` and the counters. */
export class EffectJournal {
  readonly #head: SensorHead;
  readonly #deps: JournalDeps;

  constructor(head: SensorHead, deps: JournalDeps) {
    this.#head = head;
    this.#deps = deps;
  }

  /** Resolves once it is stored that an attempt is over. `effect.failed` does not count it. */
  attempt(
    effect: Effect,
    lane: Lane,
    startedAt: number,
    outcome: Pick<EffectRecord, "outcome" | "message" | "objects">,
  ): Promise<void> {
    const { trigger, dlqOf, redrive } = effect;
    const limitedMs = lane.takeLimitedMs(effect);
    const trace = traceUnder(effect.key, eventsOf(effect));
    return this.#deps.ledger.write({
      kind: "effect",
      at: this.#deps.clock.now(),
      causes: [effect.decision],
      key: effect.key,
      sensor: this.#head,
      trigger,
      ...(dlqOf !== undefined && { dlqOf }),
      ...(redrive !== undefined && { redrive }),
      triggerKind: lane.kind,
      attempt: effect.failed + 1,
      startedAt,
      ...(limitedMs !== undefined && { limitedMs }),
      ...(trace !== undefined && { traceparent: trace.traceparent }),
      ...outcome,
    }).kept;
  }

  /** Resolves once it is kept. Tries for ever, until `signal` aborts. */
  async putDead(dead: DeadEffect, signal: AbortSignal): Promise<void> {
    const { clock, log, metrics, putDead } = this.#deps;
    await untilKept(() => putDead(dead), { clock, log }, signal);
    const { namespace, name } = this.#head;
    metrics.deadLetters.add({ namespace, sensor_name: name });
  }

  /** A counter that is there before it counts can be alerted on. */
  countFromZero(trigger: string): void {
    const { actionTriggered, actionFailed, actionRetriesFailed } = this.#deps.metrics;
    const labels = this.labels(trigger); // each keeps them
    for (const counter of [actionTriggered, actionFailed, actionRetriesFailed]) counter.add(labels, 0);
  }

  labels(trigger: string): Labels {
    const { namespace, name } = this.#head;
    return { namespace, sensor_name: name, trigger_name: trigger };
  }
}

function eventsOf({ events, batch }: Effect): readonly CloudEvent[] {
  return (batch ?? Object.values(events)).map(({ event }) => event);
}
