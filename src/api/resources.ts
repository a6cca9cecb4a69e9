import type { JsonObject } from "../base/json.ts";
import type { With, WrittenOf } from "../base/schema-type.ts";
import type { eventBusSchema } from "./event-bus-schema.ts";
import type { dataSchema, dependencySchema, filtersSchema, triggerFields } from "./sensor-schema.ts";
import type { conditionSchema, serviceSchema } from "./service-schemas.ts";
import type { backoffSchema, podTemplateSchema } from "./shared-schemas.ts";
import type { StartAt } from "./start-at.ts";

/** The API group and version of the originals' kinds, which are ours unchanged. */
export const argoApiVersion = "argoproj.io/v1alpha1";

export interface ResourceMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  /** RFC 3339; "" when the object was not stored yet. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** spec argo-events 2.3; fields that have no effect standing alone are kept and warned about. */
export type PodTemplate = WrittenOf<typeof podTemplateSchema>;

export interface EventSource {
  readonly metadata: ResourceMeta;
  readonly eventBusName: string;
  readonly template: PodTemplate;
  readonly service?: WrittenOf<typeof serviceSchema>;
  /** One for each event name, over all source kinds. */
  readonly events: readonly EventDefinition[];
}

export interface EventDefinition {
  /** The spec's key: `webhook`, `calendar`, … */
  readonly kind: string;
  readonly name: string;
  /** Parsed by the kind's own schema. */
  readonly spec: unknown;
}

export interface Sensor {
  readonly metadata: ResourceMeta;
  readonly eventBusName: string;
  readonly template: PodTemplate;
  readonly dependencies: readonly Dependency[];
  readonly triggers: readonly Trigger[];
  /** Of one that has not read yet; absent: latest. */
  readonly startAt?: StartAt;
}

export type Dependency = Omit<
  With<WrittenOf<typeof dependencySchema>, "name" | "eventSourceName" | "eventName">,
  "filters"
> & { readonly filters?: Filters };

export type LogicalOperator = NonNullable<Dependency["filtersLogicalOperator"]>;

export type Filters = Omit<WrittenOf<typeof filtersSchema>, "data"> & { readonly data?: readonly DataFilter[] };

/** Of a type that is not known: such a Sensor is accepted, and the filter fails with each event. */
export type DataFilter = Omit<With<WrittenOf<typeof dataSchema>, "path" | "value">, "type"> & { readonly type: string };

/** Durations as they stand: integer nanoseconds or a Go duration (spec argo-events 1.2). */
export type Backoff = WrittenOf<typeof backoffSchema>;

export interface Trigger extends Omit<WrittenOf<TriggerSchema>, "parameters" | "atLeastOnce"> {
  readonly template: TriggerTemplate;
  readonly parameters: readonly JsonObject[];
  readonly atLeastOnce: boolean;
  /** Without a `dlqTrigger` of its own: that one would never run. */
  readonly dlqTrigger?: Trigger;
}

interface TriggerSchema {
  readonly type: "object";
  readonly properties: typeof triggerFields;
}

export interface TriggerTemplate {
  readonly name: string;
  readonly conditions?: string;
  /** The spec's key: `log`, `http`, `k8s`, …; undefined when the template names none that we know. */
  readonly kind?: string;
  /** The whole template as written, for `trigger.parameters`, which may change any of it. */
  readonly raw: JsonObject;
}

export interface EventBusResource {
  readonly metadata: ResourceMeta;
  /** What the spec asks for; exactly one is meant, `nats` > `jetstream` > `kafka` > `jetstreamExotic` if several. */
  readonly kind: keyof EventBusSpec;
  readonly spec: EventBusSpec;
}

export type EventBusSpec = WrittenOf<typeof eventBusSchema>;

/** `status.conditions[]` of the originals: sorted by type, `lastTransitionTime` moves only with the status. */
export type Condition = With<WrittenOf<typeof conditionSchema>, "type" | "status" | "lastTransitionTime">;
