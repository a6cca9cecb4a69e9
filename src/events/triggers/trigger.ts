import type { Clock } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { Schema } from "../../base/schema.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { ObjectRef } from "../../objects/object.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { ResourceName } from "../../record/records.ts";
import type { SecretKeySelector } from "../sources/source.ts";

/** One kind of trigger: one file, one line in `registry.ts`, one test, one example. */
export interface TriggerKind<Spec, Plan> {
  readonly schema: Schema<Spec>;
  /**
   * Reads only. What would happen, in a form a person can read and a test can compare (plain JSON). Parameters of the
   * kind's own (`payload`, `parameters`) are resolved here with `context.parameters`.
   */
  plan(spec: Spec, firing: Firing, context: TriggerContext, signal: AbortSignal): Promise<Plan>;
  /** May be called again with the same `firing.key`: make the effect happen once. */
  apply(plan: Plan, firing: Firing, context: TriggerContext, signal: AbortSignal): Promise<Outcome>;
}

/** What a Sensor decided: its trigger fires for these events. */
export interface Firing {
  /** `<sensor uid>/<trigger>/<sorted event ids>`: the same for a repeat after a crash (DESIGN rule 4). */
  readonly key: string;
  readonly sensor: ResourceName;
  readonly trigger: string;
  /** By dependency name; after transforms. Of a batch the newest of each. */
  readonly events: Readonly<Record<string, CloudEvent>>;
  /** All events of a batch, oldest first. */
  readonly batch?: readonly { readonly dependency: string; readonly event: CloudEvent }[];
  /** The trigger's `policy`; kinds that know none ignore it. */
  readonly policy?: TriggerPolicy;
}

/** spec argo-events 6.6 */
export interface TriggerPolicy {
  readonly status?: { readonly allow?: readonly number[] };
  readonly k8s?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly backoff?: unknown;
    readonly errorOnBackoffTimeout?: boolean;
  };
}

export interface Outcome {
  /** One line: what was done. */
  readonly message: string;
  readonly objects?: readonly ObjectRef[];
}

/** `parameters[]`, `payload[]` and `dynamicHeaders[]` of the spec (argo-events 6.3). */
export interface TriggerParameter {
  readonly src: {
    readonly dependencyName: string;
    readonly contextKey?: string;
    readonly contextTemplate?: string;
    readonly dataKey?: string;
    readonly dataTemplate?: string;
    readonly value?: string;
    readonly useRawData?: boolean;
  };
  readonly dest?: string;
  readonly operation?: "" | "append" | "overwrite" | "prepend";
}

/** Parameters over the events of one firing. Errors are PARAMETER_ERROR and name the parameter. */
export interface ParameterResolver {
  /** `document` with each parameter set at its `dest`; the document itself is not changed. */
  apply(document: JsonValue, parameters: readonly TriggerParameter[], path: string): JsonValue;
  /** The JSON text of a payload; "" when there is no entry. */
  payload(parameters: readonly TriggerParameter[], path: string): string;
  /** One value as text; undefined when the dependency has no event and there is no default. */
  text(parameter: TriggerParameter, path: string): string | undefined;
}

/** What a `gitOps` trigger asks of an Application. */
export interface GitOpsRequest {
  readonly application: ResourceName;
  /** refresh: compare with what the repository says now; hardRefresh: and render anew; sync: and apply it. */
  readonly operation: "refresh" | "hardRefresh" | "sync";
  /** Of a sync. */
  readonly sync?: {
    readonly revision?: string;
    readonly prune: boolean;
    readonly dryRun: boolean;
    readonly syncOptions: readonly string[];
  };
  /** The firing's: the same request again is none. */
  readonly key: string;
  /** The Sensor that asks. */
  readonly by: ResourceName;
}

/** What the request would meet, as plain JSON. */
export interface GitOpsPlan {
  readonly application: ResourceName;
  readonly operation: GitOpsRequest["operation"];
  readonly syncStatus: string;
  readonly healthStatus: string;
  /** The commit that it was compared with last; "" before. */
  readonly revision: string;
  /** Objects that differ now, as `group/kind/namespace/name`. */
  readonly outOfSync: readonly string[];
}

/** The reconcile flow as triggers see it; filled by the engine, so that `events` and `gitops` do not know each other. */
export interface GitOpsTarget {
  /** Reads only, as `kube`'s user. @throws TerminalError NOT_FOUND, API_FORBIDDEN */
  plan(request: GitOpsRequest, kube: KubeClient, signal: AbortSignal): Promise<GitOpsPlan>;
  /**
   * Stores the request; it is acted on after that. `kube`'s user must be allowed to patch the Application.
   * @throws TerminalError NOT_FOUND, API_FORBIDDEN
   */
  request(request: GitOpsRequest, kube: KubeClient, signal: AbortSignal): Promise<Outcome>;
}

export interface TriggerContext {
  readonly parameters: ParameterResolver;
  /** Acts as the Sensor's service account. */
  readonly kube: KubeClient;
  readonly secret: {
    read(selector: SecretKeySelector): Promise<string>;
    readConfigMap(selector: SecretKeySelector): Promise<string>;
  };
  /** Absent where nothing reconciles. */
  readonly gitOps?: GitOpsTarget;
  /** Whether outgoing HTTP may go to loopback addresses; link-local and metadata addresses are always refused. */
  readonly allowLoopback: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}
