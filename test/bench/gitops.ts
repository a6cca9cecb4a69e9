import { join } from "node:path";
import type { KubeObject } from "../../src/objects/object.ts";
import { git } from "../harness/git-repository.ts";
import { tempDir } from "../harness/temp-dir.ts";
import type { Bench, BenchRow } from "./bench.ts";
import {
  applyAll,
  folderOf,
  type GitOpsRig,
  isHealthy,
  isSynced,
  objectsOf,
  openGitOpsRig,
  peakMiB,
  untilAll,
} from "./gitops-rig.ts";

/** Objects that one Application is made of. */
const objectCount = objectsOf("x", "0").length;

/** From a push that was accepted to a status that says so, seen through a watch; against the bare parts on the same API. */
export const gitOpsBenches: readonly Bench[] = [
  { name: "push to synced", run: async ({ quick }) => pushToSynced(quick ? 5 : 30) },
  { name: "one push, many Applications", run: async () => onePush(100, { isLarge: false }) },
  { name: "large repository", run: async ({ quick }) => onePush(quick ? 200 : 1_000, { isLarge: true }) },
  { name: "self-heal", run: async ({ quick }) => selfHeal(quick ? 3 : 15) },
];

async function pushToSynced(pushes: number): Promise<readonly BenchRow[]> {
  await using rig = await openGitOpsRig();
  await using folder = await tempDir();
  await rig.createApplications(["web"]);
  await synced(rig, ["web"], await rig.push(folderOf("web", "warm-up")));
  await namespace(rig, "bare");
  await git(folder.path, ["clone", "--quiet", "--bare", `file://${rig.bare}`, "mirror"]);
  const times: number[] = [];
  const bareTimes: number[] = [];
  for (let n = 0; n < pushes; n++) {
    const pushed = await rig.push(folderOf("web", `v${n}`));
    times.push((await synced(rig, ["web"], pushed)) - pushed.acceptedAt);
    const started = performance.now();
    await git(join(folder.path, "mirror"), ["fetch", "--quiet", "origin", "+refs/heads/*:refs/heads/*"]);
    await applyAll(rig.kube, objectsOf("web", `v${n}`, "bare"), 1);
    bareTimes.push(performance.now() - started);
  }
  return [
    rowOf("push → synced, p50", quantile(times, 0.5), "ms", quantile(bareTimes, 0.5)),
    rowOf("push → synced, p99", quantile(times, 0.99), "ms", quantile(bareTimes, 0.99), 500),
  ];
}

/** One push that touches all; in a large repository then one that touches a single Application. */
async function onePush(count: number, { isLarge }: { readonly isLarge: boolean }): Promise<readonly BenchRow[]> {
  await using rig = await openGitOpsRig();
  const names = Array.from({ length: count }, (_, n) => `app-${String(n).padStart(4, "0")}`);
  const empty = await rig.push(Object.fromEntries(names.map((name) => [`apps/${name}/README.md`, `${name}\n`])));
  await rig.createApplications(names);
  await untilAll(rig.applications, names, (object) => isSynced(object, empty.commit, false));
  await quiet(rig);
  const before = await rig.counts();
  const pushed = await rig.push(Object.assign({}, ...names.map((name) => folderOf(name, "v1"))));
  const seconds = ((await synced(rig, names, pushed)) - pushed.acceptedAt) / 1_000;
  const after = await rig.counts();
  await untilAll(rig.applications, names, isHealthy);
  const what = `${count} Applications × ${objectCount} objects`;
  const peak = await peakMiB(rig.engine.pid);
  const one = isLarge ? await touchOne(rig, names) : [];
  const bare = await bareSeconds(rig, names);
  return [
    rowOf(`${what}: one push → all synced`, seconds, "s", bare, isLarge ? 60 : undefined),
    rowOf(`${what}: renders`, after.renders - before.renders, "", count, count),
    rowOf(`${what}: fetches`, after.fetches - before.fetches, "", 1),
    ...(isLarge ? [rowOf(`${what}: peak resident`, peak, "MiB", 400, 400)] : []),
    ...one,
  ];
}

async function touchOne(rig: GitOpsRig, names: readonly string[]): Promise<readonly BenchRow[]> {
  await quiet(rig);
  const before = await rig.counts();
  const touched = names.slice(Math.floor(names.length / 2)).slice(0, 1);
  const pushed = await rig.push(Object.assign({}, ...touched.map((name) => folderOf(name, "v2"))));
  const seconds = ((await synced(rig, touched, pushed)) - pushed.acceptedAt) / 1_000;
  const all = await untilAll(rig.applications, names, (object) => isSynced(object, pushed.commit, false));
  const after = await rig.counts();
  const what = `push that touches 1 of ${names.length}`;
  return [
    rowOf(`${what}: synced`, seconds, "s", 2, 2),
    rowOf(`${what}: all at the new commit`, (all - pushed.acceptedAt) / 1_000, "s", 2, 2),
    rowOf(`${what}: renders`, after.renders - before.renders, "", 1, 1),
    rowOf(`${what}: objects compared`, after.compares - before.compares, "", objectCount, objectCount),
    rowOf(`${what}: fetches`, after.fetches - before.fetches, "", 1),
  ];
}

async function selfHeal(rounds: number): Promise<readonly BenchRow[]> {
  await using rig = await openGitOpsRig();
  const deployments = await rig.watch({ apiVersion: "apps/v1", kind: "Deployment" });
  await rig.createApplications(["web"]);
  await namespace(rig, "bare");
  const times: number[] = [];
  const bareTimes: number[] = [];
  for (let n = 0; n < rounds; n++) {
    // At one commit self-heal backs off; a new one starts over.
    await synced(rig, ["web"], await rig.push(folderOf("web", `v${n}`)));
    await untilAll(rig.applications, ["web"], isHealthy);
    const uid = deployments.find("default", "web")?.metadata.uid;
    await quiet(rig);
    const started = performance.now();
    await rig.kube.delete({ apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "web" });
    await untilAll(deployments, ["web"], (object) => object.metadata.uid !== uid && isAvailable(object));
    times.push((await untilAll(rig.applications, ["web"], isHealthy)) - started);

    const bareStarted = performance.now();
    await applyAll(rig.kube, objectsOf(`bare-${n}`, "v", "bare"), 1);
    bareTimes.push((await untilAll(deployments, [`bare-${n}`], isAvailable)) - bareStarted);
  }
  return [
    rowOf("Deployment deleted → back and Healthy, p50", quantile(times, 0.5), "ms", quantile(bareTimes, 0.5)),
    rowOf("Deployment deleted → back and Healthy, p99", quantile(times, 0.99), "ms", quantile(bareTimes, 0.99)),
  ];
}

function isAvailable({ status }: KubeObject): boolean {
  return (status as { readonly availableReplicas?: number } | undefined)?.availableReplicas === 1;
}

function synced(rig: GitOpsRig, names: readonly string[], { commit }: { readonly commit: string }): Promise<number> {
  return untilAll(rig.applications, names, (object) => isSynced(object, commit));
}

/** The same objects by bare server-side applies, as fast as the API takes them. */
async function bareSeconds(rig: GitOpsRig, names: readonly string[]): Promise<number> {
  await namespace(rig, "bare");
  const started = performance.now();
  await applyAll(
    rig.kube,
    names.flatMap((name) => objectsOf(name, "v1", "bare")),
  );
  return (performance.now() - started) / 1_000;
}

async function namespace(rig: GitOpsRig, name: string): Promise<void> {
  await applyAll(rig.kube, [{ apiVersion: "v1", kind: "Namespace", metadata: { name } }]);
}

/** Until no Application changed for half a second: what is measured next must not pay for what was before. */
async function quiet(rig: GitOpsRig): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  const restart = (): void => {
    clearTimeout(timer);
    timer = setTimeout(resolve, 500);
  };
  restart();
  const stop = rig.applications.onChange(restart);
  await promise;
  stop();
}

function rowOf(name: string, value: number, unit: string, limit: number, budget?: number): BenchRow {
  return { name, value, unit, limit, ratio: value / limit, ...(budget === undefined ? {} : { budget }) };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}
