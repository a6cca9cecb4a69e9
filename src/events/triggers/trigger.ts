import type { Clock } from "../../base/clock.ts";
import type { ProxyRules } from "../../base/http-proxy.ts";
import type { JsonValue } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { Schema } from "../../base/schema.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { ObjectRef } from "../../objects/object.ts";
import type { CloudEvent } from "../../record/cloud-event.ts";
import type { ResourceName } from "../../record/records.ts";
import type { TraceContext } from "../../record/trace-context.ts";
import type { SecretKeySelector } from "../sources/source.ts";
import type { GitOpsPlan, GitOpsRequest, GitOpsWait, GitOpsWhich } from "./gitops-request.ts";

/** A kind that waits for nothing gives its result at once: promises are a tenth of what a firing costs. */
export type Awaitable<T> = T | Promise<T>;

/** One kind of trigger: one file, one line in `registry.ts`, one test, one example. */
export interface TriggerKind<Spec, Plan> {
  readonly schema: Schema<Spec>;
  /**
   * Reads only. What would happen, in a form a person can read and a test can compare (plain JSON). Parameters of the
   * kind's own (`payload`, `parameters`) are resolved here with `context.parameters`.
   */
  plan(spec: Spec, firing: Firing, context: TriggerContext, signal: AbortSignal): Awaitable<Plan>;
  /** May be called again with the same `firing.key`: make the effect happen once. */
  apply(plan: Plan, firing: Firing, context: TriggerContext, signal: AbortSignal): Awaitable<Outcome>;
  /** What a server says that the plan would change, where one can be asked without changing anything. */
  preview?(plan: Plan, firing: Firing, context: TriggerContext, signal: AbortSignal): Promise<Preview | undefined>;
}

/** What a plan would change. */
export interface Preview {
  /** One line. */
  readonly summary: string;
  /** Lines that begin with `+`, `-` or a space. */
  readonly diff?: readonly string[];
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

/** The reconcile flow as triggers see it; filled by the engine, so that `events` and `gitops` do not know each other. */
export interface GitOpsTarget {
  /** Reads only, as `kube`'s user. Of a selector all that it finds. @throws TerminalError NOT_FOUND, API_FORBIDDEN */
  find(which: GitOpsWhich, kube: KubeClient, signal: AbortSignal): Promise<readonly GitOpsPlan[]>;
  /**
   * Stores the request; it is acted on after that. `kube`'s user must be allowed to patch the Application.
   * @throws TerminalError NOT_FOUND, API_FORBIDDEN
   */
  request(request: GitOpsRequest, kube: KubeClient, signal: AbortSignal): Promise<Outcome>;
  /** Resolves with what came of it. @throws EngineError SYNC_FAILED when that is not what was waited for */
  wait(request: GitOpsRequest, wait: GitOpsWait, kube: KubeClient, signal: AbortSignal): Promise<string>;
  /** What a sync would do, with prunes and hooks; undefined where nothing reconciles here. Reads only. */
  preview(request: GitOpsRequest, kube: KubeClient, signal: AbortSignal): Promise<Preview | undefined>;
}

/** A file of a Git repository. */
export interface GitFile {
  readonly url: string;
  /** Branch, tag, full ref or commit, as the server has it now. */
  readonly revision: string;
  /** Where a tag and a branch have that name, the tag is meant. */
  readonly isTag?: boolean;
  /** From the top of the repository. */
  readonly path: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Whose the credentials are, where they change: what was fetched with one token is read with the next. */
  readonly identity?: string;
  readonly sshKey?: string;
  /** Of ssh: whether any host key is taken. */
  readonly ignoreHostKey?: boolean;
}

/** Reads files of Git repositories; filled by the engine. What one set of credentials fetched no other reads. */
export interface GitFiles {
  /** @throws EngineError GIT_*, TerminalError for what retrying does not mend */
  read(file: GitFile, signal: AbortSignal): Promise<Buffer>;
}

/** An event of a Sensor's own, on the bus of its Sensor. */
export interface EmittedEvent {
  /** The same for a repeat: it is stored once. */
  readonly id: string;
  readonly eventSource: string;
  readonly event: string;
  readonly type: string;
  readonly subject?: string;
  readonly data: JsonValue;
  /** What caused it: ids of events. */
  readonly causes: readonly string[];
  /** How many events of ours led to it; the bus of loops is cut by it. */
  readonly hop: number;
  readonly trace?: TraceContext | undefined;
}

/** A client that several firings share. */
export interface PooledClient<Client> {
  readonly client: Client;
  /** A client that is not usable any more is replaced at its next use. */
  isUsable(): boolean;
  close(): Promise<void>;
}

/** Connections kept between firings, closed when they are idle and when the engine ends. */
export interface ClientPool {
  /**
   * `work` with the client of `key`, opened if there is none. `key` holds all that a connection depends on, secrets as
   * hashes, so that a rotated secret gets a connection of its own.
   */
  use<Client, Result>(
    key: string,
    open: () => Promise<PooledClient<Client>>,
    work: (client: Client) => Promise<Result>,
  ): Promise<Result>;
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
  /** Absent where there is no Git. */
  readonly git?: GitFiles;
  /** The only folder whose files artifacts may name; absent: none. */
  readonly fileRoot?: string;
  readonly clients: ClientPool;
  /** What clouds say of this process in its environment; undefined: it acts for others, and has no identity to give. */
  readonly surroundings?: Readonly<Record<string, string>> | undefined;
  /** Nothing can be read: a plan that would have to says so with TRIGGER_OFFLINE. */
  readonly isOffline?: boolean;
  /** Resolves once the bus has kept the event; absent where there is no bus. @throws EngineError BUS_UNAVAILABLE */
  readonly emit?: (event: EmittedEvent) => Promise<void>;
  /** Whether outgoing HTTP may go to loopback addresses; link-local and metadata addresses are always refused. */
  readonly allowLoopback: boolean;
  /** Of the engine's environment; absent: all goes straight. */
  readonly proxies?: ProxyRules | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}
