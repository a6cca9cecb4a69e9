import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import type { SyncRecord } from "../../record/records.ts";
import type { Wait } from "./waits.ts";

/** Why a commit is, or is not, what an Application has deployed. */
export interface WhyNot {
  /** As it was asked for; the whole id where it is known. */
  readonly commit: string;
  readonly verdict:
    | ("deployed" | "syncing" | "failed" | "superseded" | "unchanged" | "blocked")
    | ("not-seen" | "not-followed" | "not-compared" | "moved-on" | "not-known");
  /** A sentence for people. */
  readonly text: string;
  /** Of `blocked` and `not-known`. */
  readonly waits?: readonly Wait[];
}

/** What repositories and the ledger know of a commit. */
export interface CommitFacts {
  readonly asked: string;
  /** The source that has it, by its place; undefined: none has. */
  readonly source: number | undefined;
  readonly commit: string;
  /** What the source names now, as far as is known. */
  readonly tip: string | undefined;
  /** Whether `tip` is the commit or comes after it. */
  readonly isOnTip: boolean;
  /** Whether what is deployed is the commit, or comes after it. */
  readonly isInDeployed: boolean;
  /** Whether the source's folder differs from that of the last sync; undefined: not known. */
  readonly touchesPath: boolean | undefined;
  /** Syncs to it that ended, the newest first. */
  readonly syncs: readonly SyncRecord[];
}

/** The first answer that holds, from what is there to what never came. */
export function whyNot(application: Application, facts: CommitFacts, waits: readonly Wait[]): WhyNot {
  const { asked, source, commit } = facts;
  if (source === undefined) {
    const repositories = [...new Set(application.sources.map(({ repoURL }) => repoURL))].join(", ");
    return { commit: asked, verdict: "not-seen", text: `never seen: ${asked} is not in ${repositories}` };
  }
  const found = deployedOrRunning(application, facts, source) ?? failedOrReplaced(application, facts, source);
  return { commit, ...(found ?? pending(application, facts, source, waits)) };
}

type Answer = Omit<WhyNot, "commit">;

function deployedOrRunning(
  application: Application,
  { commit, syncs }: CommitFacts,
  source: number,
): Answer | undefined {
  const { operation, status } = application;
  const state = objectOf(status.operationState);
  if (operation !== undefined && revisionAt(objectOf(state.syncResult), source) === commit) {
    return { verdict: "syncing", text: `it is being synced: ${textOf(state.message) || "in progress"}` };
  }
  if (deployedRevision(application, source) !== commit) return undefined;
  const at = syncs.find(({ phase }) => phase === "Succeeded")?.at;
  const since = at === undefined ? "" : ` since ${new Date(at).toISOString()}`;
  return { verdict: "deployed", text: `it is deployed${since}` };
}

function failedOrReplaced(application: Application, facts: CommitFacts, source: number): Answer | undefined {
  const { commit, syncs, isInDeployed } = facts;
  const [last] = syncs;
  const compared = revisionAt(objectOf(application.status.sync), source);
  const now = inEffect(application, source);
  if (last?.supersededBy !== undefined) {
    return { verdict: "superseded", text: `superseded by ${last.supersededBy.join(", ")} while it waited` };
  }
  if (last !== undefined && last.phase !== "Succeeded") {
    return {
      verdict: "failed",
      text: `its sync at ${new Date(last.at).toISOString()} ended ${last.phase}: ${last.message}`,
    };
  }
  if (last !== undefined && now !== undefined) {
    const when = new Date(last.at).toISOString();
    return { verdict: "superseded", text: `it was synced at ${when}; since then ${now} took its place` };
  }
  if (compared === commit || !isInDeployed || now === undefined) return undefined;
  return { verdict: "superseded", text: `superseded: ${now}, which comes after it, was synced without it` };
}

function pending(
  application: Application,
  { commit, tip, isOnTip, touchesPath }: CommitFacts,
  source: number,
  waits: readonly Wait[],
): Answer {
  const { targetRevision = "HEAD", path = "." } = application.sources[source] ?? {};
  const sync = objectOf(application.status.sync);
  if (revisionAt(sync, source) === commit) {
    if (sync.status === "Synced") {
      const what = touchesPath === false ? `nothing in ${path}, which this Application reads` : "no object";
      return { verdict: "unchanged", text: `it was compared, and changes ${what}: there is nothing to sync` };
    }
    const why = waits.map(({ text }) => text).join("; ");
    return { verdict: "blocked", text: why === "" ? "a sync to it is due" : `blocked: ${why}`, waits };
  }
  if (!isOnTip) {
    const where = tip === undefined ? "not known" : `at ${tip}`;
    return { verdict: "not-followed", text: `not on ${targetRevision}, which the Application follows (${where})` };
  }
  if (tip === commit) {
    const why = waits.map(({ text }) => text).join("; ");
    return {
      verdict: "not-compared",
      text: `${targetRevision} is at it, but it was not compared yet${why && `: ${why}`}`,
    };
  }
  return { verdict: "moved-on", text: `superseded before it was compared: ${targetRevision} is at ${tip} now` };
}

/** What is deployed: a comparison that found no difference needs no sync. */
export function inEffect(application: Application, source: number): string | undefined {
  const sync = objectOf(application.status.sync);
  const compared = sync.status === "Synced" ? revisionAt(sync, source) : undefined;
  return compared ?? deployedRevision(application, source);
}

/** What the last sync that succeeded brought about, whole or in part. */
export function deployedRevision({ status }: Application, source: number): string | undefined {
  const state = objectOf(status.operationState);
  const isDryRun = objectOf(objectOf(state.operation).sync).dryRun === true;
  if (state.phase === "Succeeded" && !isDryRun) return revisionAt(objectOf(state.syncResult), source);
  const newest = listOf(status.history).map(objectOf).at(-1);
  return newest === undefined ? undefined : revisionAt(newest, source);
}

function revisionAt({ revision, revisions }: JsonObject, source: number): string | undefined {
  const several = listOf(revisions).map(textOf);
  const found = several.length > 0 ? several[source] : source === 0 ? textOf(revision) : "";
  return found || undefined;
}
