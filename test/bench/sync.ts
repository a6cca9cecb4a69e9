import assert from "node:assert/strict";
import { instant, systemClock } from "../../src/base/clock.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { type ComparedObject, compareObjects } from "../../src/gitops/diff/compare.ts";
import { keyOf, keyText } from "../../src/gitops/diff/diff.ts";
import { toTargets } from "../../src/gitops/diff/targets.ts";
import { assessObject } from "../../src/gitops/health/assess.ts";
import { executeSync } from "../../src/gitops/sync/executor.ts";
import { type PlanOptions, planSync } from "../../src/gitops/sync/plan.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { type Bench, type BenchRow, inRounds, median } from "./bench.ts";
import { objectsOf } from "./gitops-rig.ts";

const tracking = { method: "annotation", instance: "bench", label: "app.kubernetes.io/instance" } as const;
const options: PlanOptions = {
  prune: true,
  syncOptions: [],
  strategy: "hook",
  resources: [],
  revision: "0123456789",
  startedAt: instant(1_700_000_000_000),
  namespace: "default",
  namespaceExists: true,
};

/** Four kinds in ten waves; each tenth is live only and has to be pruned. */
function objectsToPlan(count: number): { readonly targets: KubeObject[]; readonly live: KubeObject[] } {
  const all = Array.from({ length: count / 4 }, (_, index) => objectsOf(`app-${index}`, "1")).flat();
  const waved = all.map((object, index) => {
    const annotations = { "argocd.argoproj.io/sync-wave": String(index % 10) };
    return { ...object, metadata: { ...object.metadata, annotations } };
  });
  const targets = targetsOf(waved);
  return {
    targets: targets.filter((_, index) => index % 10 !== 0),
    live: targets.filter((_, index) => index % 10 === 0),
  };
}

function targetsOf(objects: readonly KubeObject[]): KubeObject[] {
  const manifests = objects as unknown as readonly JsonObject[];
  return [...toTargets(manifests, { namespace: "default", tracking, isNamespaced: () => true }).objects];
}

function compare(targets: readonly KubeObject[], live: readonly KubeObject[]): readonly ComparedObject[] {
  return compareObjects(targets, live, { method: "annotation", ignore: [] }).objects;
}

/** Against one sort of the same keys, which a plan cannot do without. */
function measurePlan(count: number): readonly BenchRow[] {
  const { targets, live } = objectsToPlan(count);
  const compared = compare(targets, live);
  const keys = [...targets, ...live].map((object) => keyText(keyOf(object)));
  const time = (run: () => unknown): number => {
    const begun = performance.now();
    run();
    return performance.now() - begun;
  };
  const values = Array.from({ length: 9 }, () => time(() => planSync(compared, [], [], options)));
  const limits = Array.from({ length: 9 }, () => time(() => [...keys].sort()));
  const [value, limit] = [median(values), median(limits)];
  return [{ name: `plan of ${count} tasks`, value, unit: "ms", limit, ratio: value / limit }];
}

/** Preflight, dry run, apply and results, against the applies alone, twenty at once. */
async function measureSync(count: number, round: number): Promise<readonly BenchRow[]> {
  const all = Array.from({ length: count / 4 }, (_, index) => objectsOf(`app-${round}-${index}`, "1")).flat();
  const targets = targetsOf(all);
  const order = round % 2 === 0 ? (["ours", "bare"] as const) : (["bare", "ours"] as const);
  const rates = { ours: 0, bare: 0 };
  for (const which of order) {
    await using plane = await openTestPlane();
    const begun = performance.now();
    if (which === "bare") await applyBare(targets, plane.client);
    else await sync(targets, plane.client);
    rates[which] = (count * 1_000) / (performance.now() - begun);
  }
  const { ours, bare } = rates;
  const name = `sync of ${count} objects, embedded API`;
  return [{ name, value: ours, unit: "objects/s", limit: bare, ratio: ours / bare, leastRatio: 0.7 }];
}

type Client = Awaited<ReturnType<typeof openTestPlane>>["client"];

async function applyBare(targets: readonly KubeObject[], client: Client): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let target = targets[next++]; target !== undefined; target = targets[next++]) {
      const { name = "", namespace = "" } = target.metadata;
      const ref = { apiVersion: target.apiVersion, kind: target.kind, namespace, name };
      const body = target as unknown as JsonObject;
      await client.patch(ref, "application/apply-patch+yaml", body, { fieldManager: "bare", force: true });
    }
  };
  await Promise.all(Array.from({ length: 20 }, work));
}

async function sync(targets: readonly KubeObject[], client: Client): Promise<void> {
  const plan = planSync(compare(targets, []), [], [], options);
  const run = {
    dryRun: false,
    syncOptions: [],
    force: false,
    runId: "bench",
    previous: [],
    isApproved: () => true,
    hold: () => undefined,
    refusal: () => undefined,
    pollMs: 10,
    waveDelayMs: 0,
    waveTimeoutMs: 0,
  };
  const deps = { kube: client, clock: systemClock, assess: assessObject, report: async () => undefined };
  const { phase, message, resources } = await executeSync(plan, run, deps, AbortSignal.timeout(120_000));
  assert.deepEqual([phase, resources.length], ["Succeeded", targets.length], message);
}

export const syncBenches: readonly Bench[] = [
  { name: "plan", run: async ({ quick }) => measurePlan(quick ? 1_000 : 5_000) },
  {
    name: "sync",
    async run({ quick }) {
      // What runs first compiles: it must not be one of the two that are compared.
      for (const round of [0, 1]) await measureSync(200, round);
      return inRounds(quick ? 1 : 6, (round) => measureSync(quick ? 200 : 1_000, round));
    },
  },
];
