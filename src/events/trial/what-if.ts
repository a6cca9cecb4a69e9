import { type Instant, instant } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { ResourceName } from "../../record/records.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import { createPlanner, type ExecutorDeps } from "../sensor/executor.ts";
import type { Decision, ReceivedEvent, SensorState } from "../sensor/state.ts";
import { createSecretHider, type SecretHider } from "../triggers/hidden-secrets.ts";
import type { Preview } from "../triggers/trigger.ts";
import { createVirtualSensor, type Step } from "./virtual-time.ts";

/** What a trigger would do. */
export interface WhatIfFiring {
  readonly trigger: string;
  readonly key: string;
  /** Milliseconds after the event: of debounce, batches and delays. */
  readonly inMs: number;
  /** Dependency → event id. */
  readonly events: Readonly<Record<string, string>>;
  /** The resolved object or request; secrets as hashes. */
  readonly plan?: JsonValue;
  /** What the servers say would change. */
  readonly preview?: Preview;
  /** Why it could not be planned, or would be refused. */
  readonly error?: string;
}

export interface WhatIfSensor {
  readonly sensor: ResourceName;
  readonly firings: readonly WhatIfFiring[];
  /** Dependencies that did not take the event, and why. */
  readonly refused: readonly {
    readonly dependency: string;
    readonly verdict: "rejected" | "error";
    readonly reason: string;
  }[];
  /** Triggers that then wait for other events. */
  readonly waiting: readonly string[];
  /** What limits the answer. */
  readonly note?: string;
}

export interface WhatIfReport {
  readonly events: readonly { readonly id: string; readonly eventSource: string; readonly event: string }[];
  readonly namespace: string;
  readonly sensors: readonly WhatIfSensor[];
}

/** How far ahead timers are followed. */
const aheadMs = 60 * 60 * 1_000;
/** Firings that are planned, each with what servers say. */
const maxFirings = 100;
const planTimeoutMs = 30_000;

/**
 * What a Sensor would do if the events came now: the engine's own reducer, on the state it has, and each trigger's plan with
 * what servers answer to a dry run. Changes nothing: `deps.context` must not be able to.
 */
export async function whatIf(
  compiled: CompiledSensor,
  {
    events,
    state,
    now,
  }: { readonly events: readonly ReceivedEvent[]; readonly state: SensorState; readonly now: Instant },
  deps: ExecutorDeps,
  signal: AbortSignal,
): Promise<WhatIfSensor> {
  const sensor = createVirtualSensor(compiled, state);
  const hider = createSecretHider();
  const plan = createPlanner(compiled, { ...deps, context: learning(deps.context, hider) });
  const steps: Step[] = events.flatMap((received) => [...sensor.take(received, now)]);
  const waiting = Object.keys(sensor.state.joins);
  steps.push(...sensor.passTime(instant(now + aheadMs)));
  const firings: WhatIfFiring[] = [];
  let fired = 0;
  for (const { at, decisions } of steps) {
    for (const decision of decisions) {
      if (decision.kind !== "fire" || ++fired > maxFirings) continue;
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(planTimeoutMs)]);
      firings.push({ ...headOf(decision, at - now), ...(await planOf(decision, { plan, hider }, deadline)) });
    }
  }
  const { namespace, name } = compiled.head;
  const report = { sensor: { namespace, name }, firings, refused: refusedIn(steps), waiting };
  if (fired <= maxFirings) return report;
  return { ...report, note: `of ${fired} firings the first ${maxFirings} are shown` };
}

type Fire = Extract<Decision, { kind: "fire" }>;

function headOf(
  { trigger, key, events }: Fire,
  inMs: number,
): Pick<WhatIfFiring, "trigger" | "key" | "inMs" | "events"> {
  const ids = Object.entries(events).map(([dependency, { event }]) => [dependency, event.id]);
  return { trigger, key, inMs, events: Object.fromEntries(ids) };
}

/** The hider knows what triggers read of Secrets: no error of anybody may quote it. */
function learning(context: ExecutorDeps["context"], { learn }: SecretHider): ExecutorDeps["context"] {
  const { secret } = context;
  const read: typeof secret.read = async (selector) => {
    const value = await secret.read(selector);
    learn(value);
    return value;
  };
  return { ...context, secret: { ...secret, read } };
}

async function planOf(
  fire: Fire,
  { plan, hider }: { readonly plan: ReturnType<typeof createPlanner>; readonly hider: SecretHider },
  signal: AbortSignal,
): Promise<Pick<WhatIfFiring, "plan" | "preview" | "error">> {
  let planned: Awaited<ReturnType<typeof plan>>;
  try {
    planned = await plan(fire, signal);
  } catch (error) {
    return { error: hider.text(messageOf(error)) };
  }
  const shown = { plan: hider.hide(planned.plan) };
  try {
    const preview = await planned.preview?.(signal);
    return preview === undefined ? shown : { ...shown, preview: hiddenPreview(preview, hider) };
  } catch (error) {
    return { ...shown, error: hider.text(messageOf(error)) };
  }
}

function hiddenPreview({ summary, diff }: Preview, { text }: SecretHider): Preview {
  return { summary: text(summary), ...(diff && { diff: diff.map(text) }) };
}

function refusedIn(steps: readonly Step[]): WhatIfSensor["refused"] {
  const refused: WhatIfSensor["refused"][number][] = [];
  for (const decision of steps.flatMap(({ decisions }) => decisions)) {
    const { kind } = decision;
    if (kind === "rejected") refused.push({ dependency: decision.dependency, verdict: kind, reason: decision.reason });
    if (kind === "error") refused.push({ dependency: decision.dependency, verdict: kind, reason: decision.message });
  }
  return refused;
}
