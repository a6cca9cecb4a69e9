import type { EventHead } from "../../record/records.ts";

/**
 * How much a reconcile looks at again (spec argo-cd-engine 2.2). 0: nothing but health and the tree; 1: compares with the
 * commit that is known; 2: what the revisions name now; 3: the same, asking the repository's server first.
 */
export type ComparisonLevel = 0 | 1 | 2 | 3;

/** The reasons to reconcile (DESIGN section 1); the names of the dependencies of the Application's Sensor. */
export const reasons = ["push", "poll", "drift", "spec", "timer", "event"] as const;
export type Reason = (typeof reasons)[number];

/** Why a request was made. */
export interface RequestCause {
  readonly reason: Reason;
  /** Of a stored event or an effect's key; for what is found again by listing, text that names it. Never empty. */
  readonly id: string;
  /** One line for people: `ref refs/heads/main is now 1a2b3c4`. */
  readonly text: string;
  /** Of the stored event, where there is one. */
  readonly event?: EventHead;
}

/** A sync that a Sensor wishes for: it becomes the Application's `operation` when none is in progress. */
export interface SyncWish {
  /** Default: the revision that the source names. */
  readonly revision?: string;
  readonly prune: boolean;
  readonly dryRun: boolean;
  readonly syncOptions: readonly string[];
  /** An entry of the history to go back to, in place of all else. */
  readonly rollbackTo?: number;
  /** Whoever asks: `Sensor default/deploy`. */
  readonly by: string;
}

/** A commit that somebody saw as the tip of a ref. */
export interface SeenCommit {
  /** As `normaliseRepositoryUrl` writes it. */
  readonly repository: string;
  /** `refs/heads/main` */
  readonly ref: string;
  readonly commit: string;
  /** The tip before; 40 zeros for a new ref. */
  readonly before: string;
}

/** What is to be looked at for one Application. Plain JSON. */
export interface ReconcileRequest {
  readonly level: ComparisonLevel;
  /** Whether rendered manifests that are kept count, too. */
  readonly hard: boolean;
  /** Live objects that changed, as `group/kind/namespace/name`, each once. */
  readonly objects: readonly string[] | "all";
  /** What pushes told of: the repository is asked, unless it is known to hold them. "all": asked in any case. */
  readonly seen: readonly SeenCommit[] | "all";
  /** The first of them; `causeCount` is how many there were. Never empty. */
  readonly causes: readonly RequestCause[];
  readonly causeCount: number;
  readonly sync?: SyncWish;
}

const maxCauses = 32;
const maxObjects = 100;
const maxSeen = 16;

/** A request for one reason. */
export function requestOf(
  cause: RequestCause,
  level: ComparisonLevel,
  more: {
    readonly hard?: boolean;
    readonly objects?: readonly string[];
    readonly seen?: ReconcileRequest["seen"];
    readonly sync?: SyncWish;
  } = {},
): ReconcileRequest {
  const { hard = false, objects = [], seen = [], sync } = more;
  return {
    level,
    hard,
    objects: union(objects, [], maxObjects),
    seen: union(seen, [], maxSeen),
    causes: [cause],
    causeCount: 1,
    ...(sync ? { sync } : {}),
  };
}

/**
 * Both requests as one; nothing of either is lost (DESIGN section 1): the higher level, the union of objects (over 100:
 * all) and of causes (the first 32 and a count). Of two wishes for a sync see `mergeWishes`.
 */
export function mergeRequests(earlier: ReconcileRequest | undefined, later: ReconcileRequest): ReconcileRequest {
  if (earlier === undefined) return later;
  const known = new Set(earlier.causes.map(causeKey));
  const added = later.causes.filter((cause) => !known.has(causeKey(cause)));
  const repeated = later.causes.length - added.length;
  const sync = mergeWishes(earlier.sync, later.sync);
  return {
    level: Math.max(earlier.level, later.level) as ComparisonLevel,
    hard: earlier.hard || later.hard,
    objects: union(earlier.objects, later.objects, maxObjects),
    seen: union(earlier.seen, later.seen, maxSeen),
    causes: [...earlier.causes, ...added].slice(0, maxCauses),
    causeCount: earlier.causeCount + later.causeCount - repeated,
    ...(sync ? { sync } : {}),
  };
}

/** A dry run takes no sync away, another revision or a rollback comes in its place; else all that either wants is done. */
function mergeWishes(earlier: SyncWish | undefined, later: SyncWish | undefined): SyncWish | undefined {
  if (earlier === undefined || later === undefined) return later ?? earlier;
  if (earlier.dryRun !== later.dryRun) return earlier.dryRun ? later : earlier;
  const isRollback = earlier.rollbackTo !== undefined || later.rollbackTo !== undefined;
  if (isRollback || earlier.revision !== later.revision) return later;
  const decided = new Set(later.syncOptions.map(optionName));
  const kept = earlier.syncOptions.filter((option) => !decided.has(optionName(option)));
  return { ...later, prune: earlier.prune || later.prune, syncOptions: [...kept, ...later.syncOptions] };
}

function optionName(option: string): string {
  return option.split("=", 1)[0] ?? option;
}

function causeKey({ reason, id }: RequestCause): string {
  return `${reason} ${id}`;
}

function union<T>(a: readonly T[] | "all", b: readonly T[] | "all", max: number): readonly T[] | "all" {
  if (a === "all" || b === "all") return "all";
  const known = new Map([...a, ...b].map((item) => [JSON.stringify(item), item]));
  return capped([...known.values()], max);
}

function capped<T>(items: readonly T[], max: number): readonly T[] | "all" {
  return items.length > max ? "all" : items;
}
