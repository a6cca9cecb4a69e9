import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { compareObjects } from "../../../src/gitops/diff/compare.ts";
import { toTargets } from "../../../src/gitops/diff/targets.ts";
import { assessObject } from "../../../src/gitops/health/assess.ts";
import { executeSync } from "../../../src/gitops/sync/executor.ts";
import { type PlanOptions, planSync } from "../../../src/gitops/sync/plan.ts";
import type { ExecuteOptions, ExecutorDeps } from "../../../src/gitops/sync/run.ts";
import type { SyncProgress } from "../../../src/gitops/sync/sync.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { builtInResources } from "../../../src/objects/kubernetes-types.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import type { TestPlane } from "../../harness/control-plane.ts";

const tracking = { method: "annotation", instance: "app", label: "app.kubernetes.io/instance" } as const;
export const config = (name: string, annotations: Record<string, string> = {}, data: object = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, annotations },
  data,
});
export const job = (name: string, annotations: Record<string, string>) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, annotations },
  spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } },
});
export const hook = (type: string, policy = "BeforeHookCreation") => ({
  "argocd.argoproj.io/hook": type,
  "argocd.argoproj.io/hook-delete-policy": policy,
});
export const wave = (n: number) => ({ "argocd.argoproj.io/sync-wave": String(n) });

export interface Sync {
  readonly targets: readonly object[];
  readonly live?: readonly KubeObject[];
  readonly options?: Partial<ExecuteOptions>;
  readonly prune?: boolean;
  readonly plan?: Partial<PlanOptions>;
  readonly kube?: KubeClient;
  readonly assess?: ExecutorDeps["assess"];
  readonly clock?: Clock;
  /** Called at each report. */
  readonly onReport?: (progress: SyncProgress) => Promise<void>;
  readonly signal?: AbortSignal;
}

let runs = 0;

export async function run(plane: TestPlane, sync: Sync): Promise<SyncProgress> {
  const targets = toTargets(sync.targets as never, {
    namespace: "default",
    tracking,
    isNamespaced: ({ kind }) => builtInResources.find((known) => known.kind === kind)?.namespaced ?? true,
  });
  const compared = compareObjects(targets.objects, sync.live ?? [], { method: "annotation", ignore: [] });
  const plan = planSync(compared.objects, compared.hooks, [], {
    prune: sync.prune ?? true,
    syncOptions: sync.options?.syncOptions ?? [],
    strategy: "hook",
    resources: [],
    revision: "abc",
    startedAt: systemClock.now(),
    namespace: "default",
    namespaceExists: true,
    ...sync.plan,
  });
  const options: ExecuteOptions = {
    dryRun: false,
    syncOptions: [],
    previous: [],
    force: false,
    runId: `run-${runs++}`,
    isApproved: () => false,
    hold: () => undefined,
    waveTimeoutMs: 0,
    refusal: () => undefined,
    pollMs: 2,
    waveDelayMs: 0,
    ...sync.options,
  };
  const report = sync.onReport ?? (async () => undefined);
  const signal = sync.signal ?? AbortSignal.timeout(20_000);
  return executeSync(
    plan,
    options,
    { kube: sync.kube ?? plane.client, clock: sync.clock ?? systemClock, assess: sync.assess ?? assessObject, report },
    signal,
  );
}

export const ref = (kind: string, name: string) => ({
  apiVersion: kind === "Job" ? "batch/v1" : "v1",
  kind,
  namespace: "default",
  name,
});

export function show({ resources }: SyncProgress): string[] {
  return resources.map(({ name, status, hookPhase, message }) => `${name} ${status} ${hookPhase}: ${message}`);
}

/** Sets the condition of a Job once it is there. */
export async function finish(plane: TestPlane, name: string, type: "Complete" | "Failed"): Promise<void> {
  if ((await plane.client.get(ref("Job", name))) === undefined) return;
  const status = { conditions: [{ type, status: "True", message: `${type} it is` }] };
  await plane.client.patch(ref("Job", name), "application/merge-patch+json", { status }, { subresource: "status" });
}
