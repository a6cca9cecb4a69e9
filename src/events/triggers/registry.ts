import type { Schema } from "../../base/schema.ts";
import { gitOpsTrigger } from "./gitops.ts";
import { createHttpTrigger } from "./http.ts";
import { k8sTrigger } from "./k8s.ts";
import { logTrigger } from "./log.ts";
import type { Firing, Outcome, TriggerContext, TriggerKind } from "./trigger.ts";

/** A kind whose spec and plan are known only inside: what registries and runners hold. */
export interface AnyTriggerKind {
  readonly schema: Schema<unknown>;
  /** Parses `spec`, which stands at `path`, then plans. @throws TerminalError MANIFEST_INVALID */
  plan(
    spec: unknown,
    path: string,
    firing: Firing,
    context: TriggerContext,
    signal: AbortSignal,
  ): Promise<PlannedEffect>;
}

/** What would happen, and the way to make it happen. */
export interface PlannedEffect {
  /** Plain JSON, for people and tests. */
  readonly plan: unknown;
  apply(signal: AbortSignal): Promise<Outcome>;
}

export function defineTrigger<Spec, Plan>(kind: TriggerKind<Spec, Plan>): AnyTriggerKind {
  return {
    schema: kind.schema,
    async plan(spec, path, firing, context, signal) {
      const plan = await kind.plan(kind.schema.parse(spec, path), firing, context, signal);
      return { plan, apply: (applySignal) => kind.apply(plan, firing, context, applySignal) };
    },
  };
}

export const triggerKinds: Readonly<Record<string, AnyTriggerKind>> = {
  gitOps: defineTrigger(gitOpsTrigger),
  http: defineTrigger(createHttpTrigger()),
  k8s: defineTrigger(k8sTrigger),
  log: defineTrigger(logTrigger),
};

/** Keys of the template that have no adapter yet: known, so that they are told apart from a misspelt key. */
export const unsupportedTriggerKinds = [
  "argoWorkflow",
  "awsLambda",
  "azureEventHubs",
  "azureServiceBus",
  "custom",
  "email",
  "kafka",
  "nats",
  "openWhisk",
  "pulsar",
  "slack",
] as const;

/** By the template's key: what `api` needs to parse Sensors. */
export function triggerSchemas(): Readonly<Record<string, Schema<unknown>>> {
  return Object.fromEntries(Object.entries(triggerKinds).map(([key, kind]) => [key, kind.schema]));
}
