import type { JsonObject } from "../base/json.ts";

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
export interface PodTemplate {
  readonly serviceAccountName?: string;
  readonly [field: string]: unknown;
}

export interface EventSource {
  readonly metadata: ResourceMeta;
  readonly eventBusName: string;
  readonly template: PodTemplate;
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
}

export type LogicalOperator = "" | "and" | "or";

export interface Dependency {
  readonly name: string;
  readonly eventSourceName: string;
  readonly eventName: string;
  readonly filters?: Filters;
  readonly filtersLogicalOperator?: LogicalOperator;
  readonly transform?: { readonly jq?: string; readonly script?: string };
}

export interface Filters {
  readonly data?: readonly DataFilter[];
  readonly dataLogicalOperator?: LogicalOperator;
  readonly exprs?: readonly {
    readonly expr: string;
    readonly fields: readonly { readonly name: string; readonly path: string }[];
  }[];
  readonly exprLogicalOperator?: LogicalOperator;
  readonly context?: Readonly<Record<string, string>>;
  readonly time?: { readonly start: string; readonly stop: string; readonly timezone?: string };
  readonly script?: string;
}

export interface DataFilter {
  readonly path: string;
  readonly type: string;
  readonly value: readonly string[];
  readonly comparator?: "" | "=" | "!=" | ">" | ">=" | "<" | "<=";
  readonly template?: string;
}

/** Durations as they stand: integer nanoseconds or a Go duration (spec argo-events 1.2). */
export interface Backoff {
  readonly duration?: number | string;
  readonly factor?: number;
  readonly jitter?: number;
  readonly steps?: number;
}

export interface Trigger {
  readonly template: TriggerTemplate;
  readonly parameters: readonly JsonObject[];
  readonly policy?: JsonObject;
  readonly retryStrategy?: Backoff;
  readonly rateLimit?: { readonly unit?: "Second" | "Minute" | "Hour"; readonly requestsPerUnit: number };
  readonly atLeastOnce: boolean;
  readonly dlqTrigger?: JsonObject;
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
  readonly kind: "nats" | "jetstream" | "kafka" | "jetstreamExotic" | "embedded";
  readonly spec: JsonObject;
}

/** `status.conditions[]` of the originals: sorted by type, `lastTransitionTime` moves only with the status. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime: string;
}
