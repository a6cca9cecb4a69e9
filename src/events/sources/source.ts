import type { Clock, Instant } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { Schema } from "../../base/schema.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { TraceContext } from "../../record/trace-context.ts";
import type { StateStore } from "../bus/bus.ts";

/** One kind of event source: one file, one line in `registry.ts`, one test, one example. */
export interface SourceKind<Spec> {
  /** The CloudEvent's `type` (spec argo-events 2.2; differs from the spec key for a few kinds). */
  readonly eventType: string;
  readonly schema: Schema<Spec>;
  /** Runs on one replica at a time, by lease: kinds that would emit everything twice otherwise. */
  readonly singleton: boolean;
  /** Served over HTTP: the EventSource's status shows its URL. */
  readonly http?: boolean;
  /** Emits until `signal` aborts. Returning or rejecting earlier is a failure: the runner backs off and calls again, for ever. */
  run(spec: Spec, context: SourceContext, signal: AbortSignal): Promise<void>;
}

export interface EventDraft {
  /** The upstream's own id, where it has one: a redelivery is then a no-op. Random otherwise. */
  readonly id?: string;
  readonly data: JsonValue;
  /** Default: now. */
  readonly time?: Instant;
  /** That of the request or message that it came with. */
  readonly trace?: TraceContext | undefined;
}

/** What an adapter gets; it never sees the bus or another adapter. */
export interface SourceContext {
  readonly namespace: string;
  readonly eventSource: string;
  readonly event: string;
  /**
   * Resolves once the event is kept by the bus. Acknowledge upstream only after that. `draft.id` makes a redelivery a
   * no-op. @throws EngineError BUS_UNAVAILABLE (transient), BUS_MESSAGE_TOO_LARGE or EVENT_INVALID (for good).
   */
  emit(draft: EventDraft): Promise<void>;
  /** Says that events are being listened for: the status then is "running". Call it again after a reconnect or not. */
  ready(): void;
  /**
   * Says that it does not work for now, or only in part, though it goes on and tries again by itself; `ready()` ends that.
   * The status then is "failed" with this message.
   */
  failing(message: string): void;
  /** Counts what came in and could not become an event (not JSON, given up, dropped); log it as well. */
  countFailed(events?: number): void;
  /**
   * Says that the upstream dropped `events` before they came in here (0: nobody knows how many): counted, logged as an
   * error, a record in the ledger, and from then on a warning of the EventSource, until it changes or the engine starts anew.
   */
  lost(events: number, message: string): void;
  readonly secret: SecretReader;
  readonly http: HttpMount;
  /** For the APIs of services. */
  readonly fetch: OutgoingFetch;
  /** What clouds say of this process in its environment; undefined: it acts for others, and has no identity to give. */
  readonly surroundings?: Readonly<Record<string, string>> | undefined;
  /** The directory that file sources may look into. */
  readonly fileRoot: string;
  /** Acts as the EventSource's service account. */
  readonly kube: KubeClient;
  /** Durable, of this event alone. */
  readonly state: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SecretKeySelector {
  readonly name: string;
  readonly key: string;
}

/** Reads Secrets and ConfigMaps of the object's own namespace at each call, so that a rotation is seen. */
export interface SecretReader {
  /** One trailing newline is trimmed (spec argo-events 1.3). @throws EngineError SECRET_MISSING */
  read(selector: SecretKeySelector): Promise<string>;
  readConfigMap(selector: SecretKeySelector): Promise<string>;
}

export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tls?: ClientTls;
}

export interface OutgoingResponse {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * One request, with any status as its answer. Addresses that the engine must not reach are refused.
 * @throws EngineError HTTP_FAILED (transient) or TerminalError HTTP_REFUSED
 */
export type OutgoingFetch = (request: OutgoingRequest, signal: AbortSignal) => Promise<OutgoingResponse>;

/** As `node:tls` takes them. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

/** PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

export interface IngressRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  /** Canonical MIME names (`X-Github-Event`), each with every value (spec argo-events 1.7). Without `Host`. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Buffer;
}

export interface IngressResponse {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpRoute {
  /** The source's own `port` and `endpoint`, served beside the ingress URL. */
  readonly port?: number;
  readonly endpoint?: string;
  /** Of the own port, read again from time to time: certificates are renewed. Absent: plain HTTP. */
  readonly tls?: () => Promise<ServerTls>;
  /** A larger body is answered 400 by the listener, before any parsing (spec argo-events 3.5). */
  readonly maxBodyBytes: number;
  /** Runs before the body is read: headers only. An answer ends the request. */
  readonly authorize?: (request: Omit<IngressRequest, "body">) => Promise<IngressResponse | undefined>;
  readonly handle: (request: IngressRequest) => Promise<IngressResponse>;
}

/** Where HTTP sources are served: `/webhooks/<namespace>/<eventsource>/<event>` on the ingress, and their own port. */
export interface HttpMount {
  /**
   * Serves until `signal` aborts, then lets requests under way end. Rejects with PORT_IN_USE only when nothing at all can
   * be served; a port that is taken is a warning of the EventSource, which works at its ingress URL.
   */
  serve(route: HttpRoute, signal: AbortSignal): Promise<void>;
}
