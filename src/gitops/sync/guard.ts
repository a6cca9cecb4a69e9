import { createHash } from "node:crypto";
import { optionValue } from "../../api/resource-annotations.ts";
import { keyText, type ObjectKey } from "../diff/diff.ts";
import { allTasks, type SyncPlan, type SyncTask } from "./sync.ts";
import { isProtectedKind } from "./write-mode.ts";

/** On the Application: the digest of the plan that a person has approved. */
export const approvedPlanAnnotation = "tiphys.io/approved-plan";

/** Deletions that nobody asked for by hand, and that wait for a person (DESIGN section 5). */
export interface ParkedPlan {
  /** Of everything that would be deleted: another set of deletions needs another approval. */
  readonly digest: string;
  /** Why, once each. */
  readonly reasons: readonly string[];
  /** Everything that would be deleted, in order; those that are the reason first. */
  readonly deletions: readonly string[];
}

/** So many are named in a message. */
const maxNamed = 5;

/**
 * What an automated sync must not delete without a person's word: a Namespace, CRD, PersistentVolume or claim, all objects
 * of the Application, or more than its `PruneLimit` (`10`, `20%`; opt-in). `kept` counts its live objects that would stay.
 * Undefined: nothing of that kind.
 */
export function guardPlan(plan: SyncPlan, kept: number, syncOptions: readonly string[]): ParkedPlan | undefined {
  const prunes = allTasks(plan).filter(({ action, skip }) => action === "prune" && skip === undefined);
  if (prunes.length === 0) return undefined;
  const isGrave = ({ key }: SyncTask): boolean => isProtectedKind(key);
  const grave = prunes.filter(isGrave);
  const reasons = [
    ...new Set(grave.map(({ key }) => `a ${key.kind} would be deleted`)),
    ...(kept === 0 ? ["all objects of the Application would be deleted"] : []),
    ...limitReasons(prunes.length, kept, optionValue(syncOptions, "PruneLimit")),
  ];
  if (reasons.length === 0) return undefined;
  const ordered = [...grave, ...prunes.filter((task) => !isGrave(task))];
  return { digest: digestOf(prunes), reasons, deletions: ordered.map(({ key }) => shortText(key)) };
}

function limitReasons(count: number, kept: number, limit: string | undefined): readonly string[] {
  const [, digits, percent] = /^(\d{1,9})(%?)$/.exec(limit ?? "") ?? [];
  if (digits === undefined) return [];
  const share = percent ? (count * 100) / (count + kept) : count;
  return share > Number(digits) ? [`${count} of ${count + kept} objects would be deleted, more than ${limit}`] : [];
}

/** Of keys and uids: an object that was made anew is another. */
function digestOf(prunes: readonly SyncTask[]): string {
  const texts = prunes.map(({ key, live }) => `${keyText(key)} ${live?.metadata.uid ?? ""}`).sort();
  return createHash("sha256").update(texts.join("\n")).digest("hex").slice(0, 16);
}

function shortText({ kind, namespace, name }: ObjectKey): string {
  return [kind, ...(namespace === "" ? [] : [namespace]), name].join("/");
}

/** What a person reads: what, why, and how to go on. */
export function parkedMessage(
  { digest, reasons, deletions }: ParkedPlan,
  application: string,
  namespace: string,
): string {
  const named = deletions.slice(0, maxNamed).join(", ");
  const more = deletions.length > maxNamed ? ` and ${deletions.length - maxNamed} more` : "";
  const command = `kubectl annotate application ${application} -n ${namespace} --overwrite ${approvedPlanAnnotation}=${digest}`;
  return `needs approval: ${reasons.join("; ")} (${named}${more}). To approve: ${command}, or sync by hand`;
}

export interface WaitingPlan {
  /** Its digest. */
  readonly plan: string;
  /** What would be deleted, and why that waits. */
  readonly message: string;
}

/** What a `parkedMessage` tells; undefined for any other text. */
export function waitingPlan(message: string): WaitingPlan | undefined {
  const [, before = "", plan] = /^(needs approval: .*)\. To approve: .*=([0-9a-f]{16}), or sync/.exec(message) ?? [];
  return plan === undefined ? undefined : { plan, message: before };
}
