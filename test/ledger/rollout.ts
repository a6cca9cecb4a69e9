import type { LedgerStore } from "../../src/ledger/ledger.ts";
import type { EffectRecord, ObservationRecord, RecordDraft, SyncRecord } from "../../src/record/records.ts";
import { decisionDraft, effectDraft } from "./drafts.ts";

export const application = { namespace: "argocd", name: "web", uid: "app-uid" };
export const commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
/** What the user's Sensor asks the Application by; the decision of the Application names it. */
export const effectKey = "uid/deploy/e1";

/** An attempt to ask the Application. */
export function gitOpsDraft(decision: string, more: Partial<EffectRecord> = {}): RecordDraft {
  return { ...effectDraft(1, decision), key: effectKey, triggerKind: "gitOps", ...more } as RecordDraft;
}

export function applicationDecisionDraft(causes: readonly string[], at = 1_010): RecordDraft {
  const sensor = { ...application, revision: "r1", kind: "Application" } as const;
  return { kind: "decision", at, causes, sensor, trigger: "reconcile", verdict: "fired", events: {} };
}

export function syncDraft(decision: string, more: Partial<SyncRecord> = {}): RecordDraft {
  const key = `sync/${decision}`;
  const objects = [{ object: "apps/v1/Deployment/default/web", status: "Synced" }];
  const end = { startedAt: 1_020, at: 1_140, phase: "Succeeded", retries: 0, message: "synced" } as const;
  return { kind: "sync", causes: [decision], key, application, revisions: [commit], objects, ...end, ...more };
}

export function observationDraft(sync: string, more: Partial<ObservationRecord> = {}): RecordDraft {
  const state = { object: "v1/Pod/default/web-abc", change: "created", health: "Progressing" } as const;
  return { kind: "observation", at: 1_200, causes: [sync], application, ...state, ...more };
}

export interface Rollout {
  readonly decision: string;
  /** The second one succeeded. */
  readonly attempts: readonly [string, string];
  readonly reconcile: string;
  readonly sync: string;
  /** A Pod's two states, and a Service. */
  readonly observations: readonly [string, string, string];
}

/** What event `e1` leads to, down to the live objects: each record names the one before. */
export async function writeRollout(ledger: LedgerStore): Promise<Rollout> {
  const kept: Promise<void>[] = [];
  const write = (draft: RecordDraft): string => {
    const written = ledger.write(draft);
    kept.push(written.kept);
    return written.id;
  };
  const decision = write(decisionDraft("e1"));
  const attempts = [
    write(gitOpsDraft(decision, { outcome: "failed" })),
    write(gitOpsDraft(decision, { attempt: 2, at: 1_002 })),
  ] as const;
  const reconcile = write(applicationDecisionDraft(["drift/apps/Deployment/default/web/123", effectKey]));
  const sync = write(syncDraft(reconcile));
  const observations = [
    write(observationDraft(sync)),
    write(observationDraft(sync, { at: 1_300, change: "health", health: "Healthy" })),
    write(observationDraft(sync, { at: 1_250, object: "v1/Service/default/web", health: "Healthy" })),
  ] as const;
  await Promise.all(kept);
  return { decision, attempts, reconcile, sync, observations };
}
