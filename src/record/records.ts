import type { JsonValue } from "../base/json.ts";

/** `<writer>-<sequence>.<index>`: unique over all engines, in the order of one writer. */
export type RecordId = string;

/** Names a resource in records; kept short, since there are many. */
export interface ResourceName {
  readonly namespace: string;
  readonly name: string;
}

/** What a decision keeps of the event that caused it, so that a chain never ends in nothing. */
export interface EventHead {
  readonly id: string;
  /** The EventSource's namespace and name, and the event's name. */
  readonly namespace: string;
  readonly eventSource: string;
  readonly event: string;
  readonly type: string;
  /** RFC 3339: the CloudEvent's own time. */
  readonly time: string;
  /** The bus (`system`, or `<namespace>/<EventBus>`) and the sequence there. */
  readonly bus: string;
  readonly sequence: number;
  /** Milliseconds since 1970: when the bus stored it. */
  readonly storedAt: number;
  /** W3C: the trace that it came with, of whoever sent it. */
  readonly traceparent?: string;
}

interface RecordBase {
  readonly id: RecordId;
  /** Milliseconds since 1970: when it happened. */
  readonly at: number;
  /**
   * Ids of what caused it: events for a decision, the decision for an effect or a sync, the sync for an observation.
   * A decision of an Application may name an effect of kind `gitOps` by its key, since its id is not known by then, and
   * what is found again by listing by text (`drift/…`). Never empty.
   */
  readonly causes: readonly string[];
}

export interface SensorHead extends ResourceName {
  readonly uid: string;
  /** Hash of the Sensor's spec. */
  readonly revision: string;
  /** Of the Sensor that an Application is; absent: a Sensor that a user declared. */
  readonly kind?: "Application";
}

/** A Sensor decided that something happens, or could not decide. Plain rejections are counted, not recorded. */
export interface DecisionRecord extends RecordBase {
  readonly kind: "decision";
  readonly sensor: SensorHead;
  /** Absent for an error that concerns a dependency, before any trigger. */
  readonly trigger?: string;
  readonly dependency?: string;
  /**
   * fired: the trigger's conditions are met. error: a filter, condition, key or transform failed; the event is on `dead`.
   * expired: events that waited at the trigger were let go. redriven: somebody asked for what is on `dead` to be done again.
   */
  readonly verdict: "fired" | "error" | "expired" | "redriven";
  readonly reason?: string;
  /** By dependency name; of a batch the newest of each, all of them are causes. */
  readonly events: Readonly<Record<string, EventHead>>;
  /** What the filters saw, by dependency; absent where there are none. */
  readonly filters?: Readonly<Record<string, readonly ExplainedFilter[]>>;
}

/** One filter of a dependency, and what it made of an event. */
export interface ExplainedFilter {
  /** Where it stands: `filters.data[0]`. */
  readonly filter: string;
  /** What it asks: `body.ref = "^refs/heads/main$"`; cut at 256 characters. */
  readonly expression: string;
  readonly verdict: "passed" | "rejected" | "error";
  /** The value seen, cut at 256 bytes; absent where it looks at no single value. */
  readonly seen?: string;
  /** Of an error. */
  readonly reason?: string;
}

/** One attempt of a trigger's effect, with its outcome. */
export interface EffectRecord extends RecordBase {
  readonly kind: "effect";
  /** `<sensor uid>/<trigger>/<sorted event ids>`: the same for every attempt and every engine. */
  readonly key: string;
  readonly sensor: SensorHead;
  readonly trigger: string;
  /** Of a `dlqTrigger`: the trigger whose failure fired it. */
  readonly dlqOf?: string;
  /** The dead letter that it was redriven from; the key is still that of the first time. */
  readonly redrive?: string;
  /** `log`, `http`, `k8s`, … */
  readonly triggerKind: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** Milliseconds since 1970; `at` is its end. */
  readonly startedAt: number;
  /** How long its trigger's `rateLimit` held up this attempt; absent where there is none. */
  readonly limitedMs?: number;
  /** failed: will be tried again. dead: failed for good, kept on `dead`. */
  readonly outcome: "succeeded" | "failed" | "dead";
  /** W3C: what was sent along, a span of the trace that its events came with. */
  readonly traceparent?: string;
  /** One line: what was done, or why it failed. */
  readonly message: string;
  /** Objects of Kubernetes touched, as `apiVersion/kind/namespace/name`. */
  readonly objects?: readonly string[];
}

/** Events that the bus had dropped before a Sensor read them. */
export interface LostRecord extends RecordBase {
  readonly kind: "lost";
  readonly bus: string;
  readonly sensors: readonly ResourceName[];
  readonly from: number;
  readonly to: number;
}

/** Events that an upstream had dropped before an EventSource read them. Its cause is the event by text (`source/…`). */
export interface MissedRecord extends RecordBase {
  readonly kind: "missed";
  readonly eventSource: ResourceName;
  readonly event: string;
  /** 0: nobody knows how many. */
  readonly events: number;
  /** What is gone, and where. */
  readonly message: string;
}

/** A stored message that is not an event: skipped and recorded. */
export interface InvalidRecord extends RecordBase {
  readonly kind: "invalid";
  readonly bus: string;
  readonly subject: string;
  readonly sequence: number;
  readonly message: string;
}

/** Names an Application in records. */
export interface ApplicationHead extends ResourceName {
  readonly uid: string;
}

/** A sync of an Application that ended. Its causes are decisions of the Application. */
export interface SyncRecord extends RecordBase {
  readonly kind: "sync";
  /** Names it in the records of what followed while it ran: `sync/<decision>`. */
  readonly key: string;
  readonly application: ApplicationHead;
  readonly project?: string;
  /** The cluster, by its server or by its name, and the namespace. */
  readonly destination?: SyncDestination;
  /** Milliseconds since 1970; `at` is its end. */
  readonly startedAt: number;
  /** Commits, one for each source. */
  readonly revisions: readonly string[];
  /** In the order of `revisions`, without credentials; the first 20. Absent: it did not come so far. */
  readonly sources?: readonly { readonly repoURL: string; readonly path?: string; readonly chart?: string }[];
  /** What was deployed before, one for each source; absent: nothing was. */
  readonly before?: readonly string[];
  /** It went back to what had been deployed before that. */
  readonly isReturn?: true;
  /** Of containers in what was rendered, in that order; the first 20. */
  readonly images?: readonly string[];
  /** `sha256:…` of what was rendered of them (`manifestsDigest`); absent: it did not come so far. */
  readonly manifests?: string;
  readonly phase: "Succeeded" | "Failed" | "Error";
  /** Who asked for it; absent: nobody, it was automated. */
  readonly by?: string;
  /** How it was asked for: `dry run`, `prune`, `force`, `2 objects alone` and sync options; absent: as always. The first 20. */
  readonly options?: readonly string[];
  /** W3C: the trace in which somebody asked for it; of a Sensor's, see the effect behind it. */
  readonly traceparent?: string;
  /** The newer revisions that took its place while it waited, one for each source; absent: none did. */
  readonly supersededBy?: readonly string[];
  /** How often it was tried again. */
  readonly retries: number;
  readonly message: string;
  /** What was applied, pruned or ran, with the result, in the order of the plan; the first 100. */
  readonly objects: readonly SyncedObject[];
}

/** One object of a sync; times are those of the process that ended it, which a restart forgets. */
export interface SyncedObject {
  /** `apiVersion/kind/namespace/name` */
  readonly object: string;
  readonly status: string;
  /** PreSync, Sync, PostSync, SyncFail */
  readonly phase?: string;
  readonly wave?: number;
  /** Of a hook: its type. */
  readonly hook?: string;
  /** Why it failed; cut at 256 characters. */
  readonly message?: string;
  /** Milliseconds since 1970. */
  readonly startedAt?: number;
  /** Applied and, where the sync waited for that, healthy or completed. */
  readonly endedAt?: number;
}

export interface SyncDestination {
  readonly server?: string;
  /** Of the cluster. */
  readonly name?: string;
  readonly namespace?: string;
}

/**
 * A live object of an Application changed its state. Its cause is the sync that it followed. An Application that went with its
 * objects is one of its own.
 */
export interface ObservationRecord extends RecordBase {
  readonly kind: "observation";
  readonly application: ApplicationHead;
  /** `apiVersion/kind/namespace/name` */
  readonly object: string;
  readonly change: "created" | "health" | "deleted";
  /** Healthy, Progressing, …; absent where the kind has none. */
  readonly health?: string;
  readonly message?: string;
  /** Of the Application itself: where its objects were. */
  readonly destination?: SyncDestination;
}

export type LedgerRecord =
  | DecisionRecord
  | EffectRecord
  | SyncRecord
  | ObservationRecord
  | LostRecord
  | MissedRecord
  | InvalidRecord;

type WithoutId<R> = R extends LedgerRecord ? Omit<R, "id"> : never;
export type RecordDraft = WithoutId<LedgerRecord>;

/** The ledger as its writers see it; filled by `src/ledger`. */
export interface Ledger {
  /**
   * Gives the record its id at once and stores it with the next batch. `kept` resolves once it is stored on the bus;
   * it rejects when that failed for good (the engine then stops, since nothing may happen without its record).
   */
  write(draft: RecordDraft): { readonly id: RecordId; readonly kept: Promise<void> };
  /**
   * Whether little of what was written waits for the bus, with so many bytes more: who can wait does, since `write`
   * refuses in the end.
   */
  hasRoom(bytes?: number): boolean;
  /** Resolves when there is room for so many bytes, or when `signal` aborts. */
  room(signal: AbortSignal, bytes?: number): Promise<void>;
  /** The stored records in order, e.g. to learn which effects ran since a position. */
  readEffects(since: LedgerPosition, signal: AbortSignal): AsyncIterable<readonly EffectRecord[]>;
  /** A place in the ledger's stream that every record written from now on is stored after. */
  mark(): LedgerPosition;
}

/** How records name an Application as an object. */
export function applicationObject({ namespace, name }: ResourceName): string {
  return `argoproj.io/v1alpha1/Application/${namespace}/${name}`;
}

/** Tells outcomes of one effect apart: being dead says nothing about what was redriven since. */
export function outcomeKey({ key, redrive }: Pick<EffectRecord, "key" | "redrive">): string {
  return redrive === undefined ? key : `${key}\n${redrive}`;
}

/** Opaque; comes from the bus: stream incarnation and sequence. */
export interface LedgerPosition {
  readonly epoch: string;
  readonly after: number;
}

/** Text of a value for people, cut at 256 bytes (DESIGN section 4). */
export function shownValue(value: JsonValue | undefined): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  const bytes = Buffer.from(text, "utf8");
  return bytes.length <= 256 ? text : `${bytes.subarray(0, 253).toString("utf8")}…`;
}
