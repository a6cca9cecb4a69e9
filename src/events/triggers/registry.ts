import type { TriggerKindSchema } from "../../api/sensor-schema.ts";
import type { Schema } from "../../base/schema.ts";
import { createAmqpTrigger } from "./amqp.ts";
import { argoWorkflowTrigger } from "./argo-workflow.ts";
import { createAwsLambdaTrigger } from "./aws-lambda.ts";
import { azureEventHubsTrigger } from "./azure-event-hubs.ts";
import { azureServiceBusTrigger } from "./azure-service-bus.ts";
import { createCustomTrigger } from "./custom.ts";
import { createEmailTrigger } from "./email.ts";
import { emitTrigger } from "./emit.ts";
import { gitOpsTrigger } from "./gitops.ts";
import { createHttpTrigger } from "./http.ts";
import { k8sTrigger } from "./k8s.ts";
import { createKafkaTrigger } from "./kafka.ts";
import { logTrigger } from "./log.ts";
import { natsTrigger } from "./nats.ts";
import { openWhiskTrigger } from "./open-whisk.ts";
import { pulsarTrigger } from "./pulsar.ts";
import { createSlackTrigger } from "./slack.ts";
import type { Awaitable, Firing, Outcome, Preview, TriggerContext, TriggerKind } from "./trigger.ts";

/** A kind whose spec and plan are known only inside: what registries and runners hold. */
export interface AnyTriggerKind {
  readonly schema: Schema<unknown>;
  /** `spec` stands at `path`. Whoever plans often with the same spec parses it once. @throws TerminalError MANIFEST_INVALID */
  parse(spec: unknown, path: string): ParsedTrigger;
}

export interface ParsedTrigger {
  plan(firing: Firing, context: TriggerContext, signal: AbortSignal): Awaitable<PlannedEffect>;
}

/** What would happen, and the way to make it happen. */
export interface PlannedEffect {
  /** Plain JSON, for people and tests. */
  readonly plan: unknown;
  apply(signal: AbortSignal): Awaitable<Outcome>;
  /** What servers say that it would change; absent: there is nobody to ask. Changes nothing. */
  preview?(signal: AbortSignal): Promise<Preview | undefined>;
}

export function defineTrigger<Spec, Plan>(kind: TriggerKind<Spec, Plan>): AnyTriggerKind {
  return {
    schema: kind.schema,
    parse(spec, path) {
      const parsed = kind.schema.parse(spec, path);
      return {
        plan(firing, context, signal) {
          const plan = kind.plan(parsed, firing, context, signal);
          const effect = (made: Plan): PlannedEffect => plannedEffect(kind, made, firing, context);
          return plan instanceof Promise ? plan.then(effect) : effect(plan);
        },
      };
    },
  };
}

function plannedEffect<Spec, Plan>(
  kind: TriggerKind<Spec, Plan>,
  plan: Plan,
  firing: Firing,
  context: TriggerContext,
): PlannedEffect {
  const { preview } = kind;
  const apply = (signal: AbortSignal): Awaitable<Outcome> => kind.apply(plan, firing, context, signal);
  if (!preview) return { plan, apply };
  return { plan, apply, preview: (signal) => preview.call(kind, plan, firing, context, signal) };
}

/** Kinds of their own: some remember what they did, and keep connections. */
export function createTriggerKinds(): Readonly<Record<string, AnyTriggerKind>> {
  return {
    amqp: defineTrigger(createAmqpTrigger()),
    argoWorkflow: defineTrigger(argoWorkflowTrigger),
    awsLambda: defineTrigger(createAwsLambdaTrigger()),
    custom: defineTrigger(createCustomTrigger()),
    email: defineTrigger(createEmailTrigger()),
    emit: defineTrigger(emitTrigger),
    gitOps: defineTrigger(gitOpsTrigger),
    http: defineTrigger(createHttpTrigger()),
    k8s: defineTrigger(k8sTrigger),
    kafka: defineTrigger(createKafkaTrigger()),
    log: defineTrigger(logTrigger),
    nats: defineTrigger(natsTrigger),
    openWhisk: defineTrigger(openWhiskTrigger),
    slack: defineTrigger(createSlackTrigger()),
  };
}

/** Those of this process. */
export const triggerKinds = createTriggerKinds();

/** Kinds that have no adapter yet, only their schema: they are checked and warned about, and do not run. */
const plannedKinds: Readonly<Record<string, Schema<unknown>>> = {
  azureEventHubs: azureEventHubsTrigger,
  azureServiceBus: azureServiceBusTrigger,
  pulsar: pulsarTrigger,
};

/** By the template's key: what `api` needs to parse Sensors. */
export function triggerSchemas(): Readonly<Record<string, TriggerKindSchema>> {
  const running = Object.entries(triggerKinds).map(([key, kind]) => [key, kind.schema] as const);
  const planned = Object.entries(plannedKinds).map(([key, schema]) => [key, { ...schema, isPlanned: true }] as const);
  return Object.fromEntries([...planned, ...running]);
}
