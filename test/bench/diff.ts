import { diffObject } from "../../src/gitops/diff/object-diff.ts";
import { assessHealth } from "../../src/gitops/health/assess.ts";
import { createHealthChecks } from "../../src/gitops/health/checks.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { writtenKinds } from "../gitops/diff/kinds.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";

/** Health checks in Lua, each second. */
const healthBudget = 6_000;

const script = `local hs = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for i, condition in ipairs(obj.status.conditions) do
    if condition.type == "Available" and condition.status == "False" then
      hs.status = "Degraded"
      hs.message = condition.message
      return hs
    end
  end
end
hs.status = "Progressing"
hs.message = "Waiting for " .. obj.metadata.name
return hs`;

interface Pair {
  readonly target: KubeObject;
  readonly live: KubeObject;
}

/** Objects as a cluster holds them after a sync, with their owners and defaults. */
async function appliedPairs(count: number): Promise<readonly Pair[]> {
  await using plane = await openTestPlane();
  const kinds = writtenKinds.filter(({ kind }) => ["Deployment", "Service", "ConfigMap", "Ingress"].includes(kind));
  const pairs: Pair[] = [];
  for (let index = 0; index < count; index++) {
    const written = kinds[index % kinds.length];
    if (written === undefined) throw new Error("there are kinds");
    const target = { ...written, metadata: { ...written.metadata, name: `x${index}` } };
    const ref = { apiVersion: target.apiVersion, kind: target.kind, namespace: "default", name: `x${index}` };
    const options = { fieldManager: "argocd-controller", force: true };
    const live = await plane.client.patch(ref, "application/apply-patch+yaml", target as never, options);
    pairs.push({ target, live });
  }
  return pairs;
}

function changed({ target, live }: Pair): Pair {
  return { live, target: { ...target, metadata: { ...target.metadata, labels: { changed: "yes" } } } };
}

function perSecond(pairs: readonly Pair[], rounds: number, step: (pair: Pair, index: number) => void): number {
  const startMs = performance.now();
  for (let round = 0; round < rounds; round++) for (const [index, pair] of pairs.entries()) step(pair, index);
  return Math.round((pairs.length * rounds * 1_000) / (performance.now() - startMs));
}

async function run({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  const pairs = await appliedPairs(40);
  const others = pairs.map(changed);
  const texts = pairs.map(({ target, live }) => [JSON.stringify(target), JSON.stringify(live)] as const);
  const checks = createHealthChecks(
    { overrides: new Map([["apps/Deployment", { health: script, useOpenLibs: true }]]) },
    () => Date.now(),
  );
  const deployments = pairs.filter(({ live }) => live.kind === "Deployment");
  const rounds = quick ? 25 : 250; // 10,000 objects
  for (const { live } of deployments) assessHealth(live, checks); // Lua is set up
  return inRounds(quick ? 1 : 5, async () => {
    const limit = perSecond(pairs, rounds, (_pair, index) => {
      for (const text of texts[index] ?? []) JSON.parse(text);
    });
    const row = (name: string, value: number, budget?: number): BenchRow => {
      return { name, value, unit: "objects/s", limit, ratio: value / limit, ...(budget ? { budget } : {}) };
    };
    return [
      row(
        "diff, 10,000 unchanged objects",
        perSecond(pairs, rounds, ({ target, live }) => void diffObject(target, live)),
      ),
      row(
        "diff, 1,000 changed objects",
        perSecond(others, rounds / 10, ({ target, live }) => void diffObject(target, live)),
      ),
      row(
        "health by Lua",
        perSecond(deployments, rounds * 2, ({ live }) => void assessHealth(live, checks)),
        healthBudget,
      ),
    ];
  });
}

/** The limit is what reading target and live costs: JSON.parse of both texts. */
export const diffBenches: readonly Bench[] = [{ name: "diff", run }];
