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
import type { Firing, Outcome, Preview, TriggerContext, TriggerKind } from "./trigger.ts";

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
  /** What servers say that it would change; absent: there is nobody to ask. Changes nothing. */
  preview?(signal: AbortSignal): Promise<Preview | undefined>;
}

export function defineTrigger<Spec, Plan>(kind: TriggerKind<Spec, Plan>): AnyTriggerKind {
  // A trigger without parameters gives the same object with each event.
  const parsed = new WeakMap<object, { readonly spec: Spec }>();
  const parse = (spec: unknown, path: string): Spec => {
    if (typeof spec !== "object" || spec === null) return kind.schema.parse(spec, path);
    const known = parsed.get(spec) ?? { spec: kind.schema.parse(spec, path) };
    parsed.set(spec, known);
    return known.spec;
  };
  return {
    schema: kind.schema,
    async plan(spec, path, firing, context, signal) {
      const plan = await kind.plan(parse(spec, path), firing, context, signal);
      const { preview } = kind;
      return {
        plan,
        apply: (applySignal) => kind.apply(plan, firing, context, applySignal),
        ...(preview && { preview: (askSignal: AbortSignal) => preview.call(kind, plan, firing, context, askSignal) }),
      };
    },
  };
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
