import type { JsonObject } from "../base/json.ts";
import type { GroupVersionKind, KubeObject, ObjectRef } from "../objects/object.ts";

/** The content types of PATCH that Kubernetes knows. */
export type PatchType =
  | "application/merge-patch+json"
  | "application/json-patch+json"
  | "application/strategic-merge-patch+json"
  | "application/apply-patch+yaml";

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  /** Server-side apply: take fields that others own. */
  readonly force?: boolean;
  /** What the server does about fields that it does not know. Default: its own. */
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore";
  readonly subresource?: "status" | "scale";
  /** Of a patch: the server need not send the object, and of what comes back only the reference is there. */
  readonly isAnswerUnread?: boolean;
  /** Of a delete: what happens to the objects that it owns. Default: the kind's own. */
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
  /** Of a delete: refused with API_CONFLICT unless the object is this one, in this state. */
  readonly onlyIf?: { readonly uid?: string; readonly resourceVersion?: string };
  /** Called right before the request leaves, and before each repeat; what it throws is how the write fails. */
  readonly beforeSend?: () => void;
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Of `list`: what is kept of each object, page by page. */
  readonly trim?: (object: KubeObject) => KubeObject;
}

export interface KubeList {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** Which lines of a container. */
export interface LogQuery {
  /** Default: the one that the server takes. */
  readonly container?: string;
  readonly follow?: boolean;
  /** Of the container that ran before. */
  readonly previous?: boolean;
  readonly sinceSeconds?: number;
  /** RFC 3339 */
  readonly sinceTime?: string;
  /** The last ones alone. */
  readonly tailLines?: number;
}

/**
 * Any cluster, real or embedded, as raw JSON. Verbs are Kubernetes' own. Failures are EngineErrors with a code `API_*`;
 * those that retrying cannot mend (invalid, forbidden, no such kind) are TerminalErrors.
 */
export interface KubeClient {
  get(ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined>;
  /** All pages. Items carry `apiVersion` and `kind`. */
  list(kind: GroupVersionKind, options?: ListOptions, signal?: AbortSignal): Promise<KubeList>;
  /** @throws EngineError API_CONFLICT when it exists. */
  create(object: KubeObject, options?: WriteOptions, signal?: AbortSignal): Promise<KubeObject>;
  /** PUT: with the object's `metadata.resourceVersion` only if it did not change since. @throws API_CONFLICT */
  update(object: KubeObject, options?: WriteOptions, signal?: AbortSignal): Promise<KubeObject>;
  patch(
    ref: ObjectRef,
    type: PatchType,
    patch: JsonObject | readonly JsonObject[],
    options?: WriteOptions,
    signal?: AbortSignal,
  ): Promise<KubeObject>;
  /** Resolves to false when there is nothing to delete. */
  delete(ref: ObjectRef, options?: WriteOptions, signal?: AbortSignal): Promise<boolean>;
  /** One watch from `resourceVersion` on; ends when the server ends it. @throws API_CONFLICT 410 when it is too old. */
  watch(kind: GroupVersionKind, from: string, options: ListOptions, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** Whether objects of the kind live in namespaces. @throws TerminalError API_NOT_FOUND for a kind the server lacks. */
  isNamespaced(kind: GroupVersionKind, signal?: AbortSignal): Promise<boolean>;
  /**
   * The lines of a Pod's container, each with its time (RFC 3339) before it where the server knows one; with `follow`
   * until the container or `signal` ends. @throws EngineError API_*
   */
  logs(pod: Pick<ObjectRef, "namespace" | "name">, query: LogQuery, signal: AbortSignal): AsyncIterable<string>;
  /** What the server says of itself: `/version`, `/apis`, `/apis/apps/v1`; undefined for 404. */
  document(path: string, signal?: AbortSignal): Promise<unknown>;
  /** The kind of a plural, such as `pods`. @throws EngineError API_NOT_FOUND: there is none, or not yet. */
  kindOf(apiVersion: string, plural: string, signal?: AbortSignal): Promise<string>;
  /** The same cluster as another user, by impersonation: `system:serviceaccount:<namespace>:<name>`. */
  as(user: string): KubeClient;
}

export interface WatchChange {
  readonly type: "set" | "deleted";
  readonly object: KubeObject;
  /** What was known of this name before; after an absence it may be of another uid. */
  readonly previous?: KubeObject;
  /** Part of the first list of its kind. */
  readonly isInitial: boolean;
}

/** A cache that may be out of date: it tries again and again. */
export interface WatchFailure {
  /** The last one. */
  readonly error: unknown;
  /** How many there were in a row. */
  readonly count: number;
  /** When the first of them was, in the clock's monotonic time. */
  readonly sinceMs: number;
}

/** Everything of one kind in memory, kept current by one watch. */
export interface WatchCache {
  /** Lists, then watches; lists again on 410; backs off and goes on for ever. Settles after `signal` aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves once the first list is in. */
  readonly synced: Promise<void>;
  /** Undefined while nothing speaks against what is known being current. */
  readonly failure: WatchFailure | undefined;
  find(namespace: string | undefined, name: string): KubeObject | undefined;
  items(): Iterable<KubeObject>;
  /** Called for each change, also for those that a new list shows. Returns the way to stop. */
  onChange(listener: (change: WatchChange) => void): () => void;
}
