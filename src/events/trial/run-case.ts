import type { RetryPlan } from "../../api/backoff-plan.ts";
import type { Trigger } from "../../api/resources.ts";
import type { SensorTest, SensorTestCase } from "../../api/sensor-test.ts";
import { type Instant, instant } from "../../base/clock.ts";
import { formatDuration } from "../../base/duration.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import { dlqFiringOf, type Effect, retryPlanOf } from "../sensor/effect.ts";
import { createPlanner, createTriggerFinder } from "../sensor/executor.ts";
import { explain } from "../sensor/reducer.ts";
import { type Decision, emptyState } from "../sensor/state.ts";
import { triggerKinds } from "../triggers/registry.ts";
import { createStandingClock, planningContext } from "./context.ts";
import type { TimedEvent } from "./given-events.ts";
import { renderTrigger } from "./rendered-trigger.ts";
import { createVirtualSensor, type Step } from "./virtual-time.ts";

/** A trigger that fired, with what came of it. */
export interface ObservedFiring {
  readonly trigger: string;
  /** Of a `dlqTrigger`: the trigger that had failed for good. */
  readonly dlqOf?: string;
  /** From the test's start on. */
  readonly at: string;
  /** Ids by dependency. */
  readonly events: Readonly<Record<string, string>>;
  /** As its parameters have made it; absent when they fail. */
  readonly template?: JsonObject;
  /** Absent when it cannot be planned. */
  readonly plan?: unknown;
  /** Why it cannot be rendered or planned. */
  readonly error?: string;
  readonly attempts: number;
  readonly outcome: "succeeded" | "dead";
}

export interface ObservedDecision {
  /** The event's id. */
  readonly event: string;
  readonly dependency: string;
  readonly verdict: "passed" | "rejected" | "error";
  readonly reason: string;
}

export interface CaseOutcome {
  readonly firings: readonly ObservedFiring[];
  readonly decisions: readonly ObservedDecision[];
  /** Events that no dependency listens to. */
  readonly unheard: readonly UnheardEvent[];
}

export interface UnheardEvent {
  readonly event: string;
  /** `EVENTSOURCE/EVENT` */
  readonly name: string;
  /** One that the Sensor listens to, and that is spelt much the same. */
  readonly likely?: string;
}

/** A case that fires more often is cut there. */
const maxFirings = 10_000;
const afterLastMs = 60 * 60 * 1_000;

type Fire = Extract<Decision, { kind: "fire" }>;
type Fired = Pick<Effect, "key" | "trigger" | "dlqOf" | "events" | "batch">;

export interface CaseRunner {
  run(one: SensorTestCase, events: readonly TimedEvent[]): Promise<CaseOutcome>;
}

/**
 * Runs the cases of a test, one after the other, each from nothing: the engine's compiler, reducer, parameters and plans, on
 * virtual time, with no bus and no cluster. @throws TerminalError for a `retryStrategy` that cannot be read
 */
export function createCaseRunner(compiled: CompiledSensor, { startMs }: Pick<SensorTest, "startMs">): CaseRunner {
  const clock = createStandingClock();
  const plan = createPlanner(compiled, { kinds: triggerKinds, context: planningContext(clock) });
  const findTrigger = createTriggerFinder(compiled);
  const retryOf = (fire: Fired) => retries.get(findTrigger(fire)?.trigger) ?? { attempts: 1, delayMs: () => 0 };
  const retries = new Map<Trigger | undefined, RetryPlan>(
    compiled.triggers.flatMap(({ trigger }) => withDlq(trigger)).map((trigger) => [trigger, retryPlanOf(trigger)]),
  );
  const signal = new AbortController().signal;

  async function observe(fire: Fired, at: Instant, failures: Map<string, number>): Promise<ObservedFiring> {
    clock.set(at);
    const retry = retryOf(fire);
    const common = { ...nameOf(fire), at: formatDuration(at - startMs), events: idsOf(fire) };
    let template: JsonObject | undefined;
    try {
      template = renderTrigger(compiled, fire);
      const { plan: planned } = await plan(fire, signal);
      const rendered = template === undefined ? {} : { template };
      return { ...common, ...rendered, plan: planned, ...attemptsOf(fire.trigger, retry, failures) };
    } catch (error) {
      if (isOffline(error) && template !== undefined) {
        return { ...common, template, ...attemptsOf(fire.trigger, retry, failures) };
      }
      const attempts = error instanceof TerminalError ? 1 : retry.attempts;
      const rendered = template === undefined ? {} : { template };
      return { ...common, ...rendered, error: messageOf(error), attempts, outcome: "dead" };
    }
  }

  /** With what its `dlqTrigger` does when it is dead. */
  async function observeAll(fire: Fire, at: Instant, failures: Map<string, number>): Promise<ObservedFiring[]> {
    const first = await observe(fire, at, failures);
    const dlqTrigger = first.outcome === "dead" ? findTrigger(fire)?.trigger.dlqTrigger : undefined;
    return dlqTrigger ? [first, await observe(dlqFiringOf(fire, dlqTrigger), at, failures)] : [first];
  }

  return {
    async run(one, events) {
      const sensor = createVirtualSensor(compiled, emptyState);
      const last = events.at(-1)?.at ?? startMs;
      const end = instant(one.untilMs === undefined ? last + afterLastMs : startMs + one.untilMs);
      const failures = new Map(Object.entries(one.fails));
      const firings: ObservedFiring[] = [];
      const follow = async (steps: readonly Step[]): Promise<void> => {
        for (const { at, decisions } of steps) {
          for (const decision of decisions) {
            if (decision.kind !== "fire" || firings.length >= maxFirings) continue;
            firings.push(...(await observeAll(decision, at, failures)));
          }
        }
      };
      for (const { at, received } of events) await follow(sensor.take(received, at));
      await follow(sensor.passTime(end));
      return {
        firings,
        get decisions() {
          return events.flatMap((timed) => verdictsOf(compiled, timed));
        },
        get unheard() {
          return events.flatMap((timed) => unheardOf(compiled, timed));
        },
      };
    },
  };
}

/** What only a running engine can know is no fault of the Sensor. */
function isOffline(error: unknown): boolean {
  return error instanceof EngineError && error.code === "TRIGGER_OFFLINE";
}

function nameOf({ trigger, dlqOf }: Fired): Pick<ObservedFiring, "trigger" | "dlqOf"> {
  return dlqOf === undefined ? { trigger } : { trigger, dlqOf };
}

/** That of a `dlqTrigger` itself is never executed. */
function withDlq(trigger: Trigger): Trigger[] {
  return trigger.dlqTrigger ? [trigger, trigger.dlqTrigger] : [trigger];
}

function idsOf({ events }: Fired): Record<string, string> {
  return Object.fromEntries(Object.entries(events).map(([dependency, { event }]) => [dependency, event.id]));
}

/** Failures that a case asks for are used up firing by firing. */
function attemptsOf(
  trigger: string,
  { attempts }: RetryPlan,
  failures: Map<string, number>,
): Pick<ObservedFiring, "attempts" | "outcome"> {
  const left = failures.get(trigger) ?? 0;
  const failed = Math.min(left, attempts);
  failures.set(trigger, left - failed);
  return failed < attempts ? { attempts: failed + 1, outcome: "succeeded" } : { attempts, outcome: "dead" };
}

function unheardOf(compiled: CompiledSensor, { received: { head } }: TimedEvent): UnheardEvent[] {
  if (compiled.dependenciesOf(head.eventSource, head.event).length > 0) return [];
  const name = `${head.eventSource}/${head.event}`;
  const likely = nearest(
    name,
    compiled.inputs.map(({ eventSource, event }) => `${eventSource}/${event}`),
  );
  return [{ event: head.id, name, ...(likely !== undefined && { likely }) }];
}

function verdictsOf(compiled: CompiledSensor, { received: { event, head } }: TimedEvent): ObservedDecision[] {
  // The EventSource that it came from may have been another than the event's own source says.
  const listened = { ...event, source: head.eventSource, subject: head.event };
  return explain(compiled, listened).map(({ dependency, verdict, reason }) => ({
    event: event.id,
    dependency,
    verdict,
    reason,
  }));
}
