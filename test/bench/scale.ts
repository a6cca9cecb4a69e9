import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { readMetric } from "../harness/metrics.ts";
import type { Bench, BenchRow } from "./bench.ts";
import { type GitOpsRig, isSynced, openGitOpsRig, untilAll } from "./gitops-rig.ts";

/** Many Applications of one repository, of one object each, through their life. */
export const scaleBenches: readonly Bench[] = [
  { name: "many Applications", run: async ({ quick }) => manyApplications(quick ? 100 : 1_000) },
];

const drifts = 1_000;
/** A process's CPU time is counted in these (`getconf CLK_TCK`). */
const ticksPerSecond = 100;
const deadlineMs = 300_000;
const pollingMs = 20_000;

async function manyApplications(count: number): Promise<readonly BenchRow[]> {
  await using rig = await openGitOpsRig();
  const names = Array.from({ length: count }, (_, n) => `app-${String(n).padStart(4, "0")}`);
  const first = await rig.push(filesOf(names, "1"));
  const emptyMiB = await residentMiB(rig);
  const began = performance.now();
  await rig.createApplications(names);
  const installed = await untilAll(rig.applications, names, (object) => isSynced(object, first.commit), deadlineMs);
  await calm(rig);
  const perThousand = ((await residentMiB(rig)) - emptyMiB) * (1_000 / count);
  const what = `${count} Applications × 1 object`;
  return [
    rowOf(`${what}: created → all synced`, (installed - began) / 1_000, "s", 60),
    rowOf(`${what}: resident more, per 1,000`, perThousand, "MiB", 400),
    await pollAll(rig, names),
    await lookAtAll(rig, names),
    ...(await commits(rig, names)),
    await burst(rig),
    await deletion(rig, names),
  ];
}

function filesOf(names: readonly string[], value: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`apps/${name}/all.yaml`, configMapOf(name, value)]));
}

function configMapOf(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;
}

/** Polls that find nothing new: the server is asked for its refs, and no Application is looked at. The limit is 1 ms for each. */
async function pollAll(rig: GitOpsRig, names: readonly string[]): Promise<BenchRow> {
  const spent = async (ms: number) => {
    const [polls, cpu] = [await pollCount(rig), await cpuMs(rig)];
    await sleep(ms);
    return { polls: (await pollCount(rig)) - polls, cpu: (await cpuMs(rig)) - cpu };
  };
  const looks = await lookCount(rig);
  const idle = await spent(pollingMs);
  const config = { apiVersion: "v1", kind: "ConfigMap", name: "argocd-cm", namespace: "argocd" };
  const pace = async (interval: string, jitter: string): Promise<void> => {
    const object = {
      apiVersion: config.apiVersion,
      kind: config.kind,
      metadata: { name: config.name, namespace: config.namespace, labels: { "app.kubernetes.io/part-of": "argocd" } },
      data: { "timeout.reconciliation": interval, "timeout.reconciliation.jitter": jitter },
    };
    await rig.kube.patch(config, "application/apply-patch+yaml", object, { fieldManager: "bench", force: true });
  };
  await pace("1s", "0s");
  const before = await pollCount(rig);
  // The one that was put off by the former pace comes first.
  for (const end = performance.now() + deadlineMs; (await pollCount(rig)) === before; await sleep(500)) {
    if (performance.now() > end) throw new Error("nothing is polled");
  }
  const busy = await spent(pollingMs);
  await pace("120s", "60s");
  const looked = (await lookCount(rig)) - looks;
  if (looked > 0) throw new Error(`${looked} Applications were looked at, though nothing moved`);
  const each = Math.max(0, busy.cpu - idle.cpu) / Math.max(1, busy.polls - idle.polls);
  return rowOf(`a poll for ${names.length} Applications, nothing new: CPU`, each, "ms", names.length);
}

/** Their project changed in a way that says nothing about them: the refs are asked for, all is compared, nothing is new. */
async function lookAtAll(rig: GitOpsRig, names: readonly string[]): Promise<BenchRow> {
  const looks = await lookCount(rig);
  const before = await cpuMs(rig);
  const project = { apiVersion: "argoproj.io/v1alpha1", kind: "AppProject", name: "default", namespace: "argocd" };
  const spec = { sourceRepos: ["*"], destinations: [{ server: "*", namespace: "*" }] };
  const object = {
    apiVersion: project.apiVersion,
    kind: project.kind,
    metadata: { name: project.name, namespace: project.namespace },
    spec: { ...spec, clusterResourceWhitelist: [{ group: "*", kind: "*" }] },
  };
  await rig.kube.patch(project, "application/apply-patch+yaml", object, { fieldManager: "bench", force: true });
  const end = performance.now() + deadlineMs;
  while ((await lookCount(rig)) < looks + names.length && performance.now() < end) await sleep(100);
  await calm(rig);
  const spent = (await cpuMs(rig)) - before;
  return rowOf(`${names.length} Applications looked at, nothing new: CPU`, spent, "ms", names.length * 10);
}

async function commits(rig: GitOpsRig, names: readonly string[]): Promise<readonly BenchRow[]> {
  const [one = ""] = names;
  const single = await rig.push(filesOf([one], "2"));
  const all = await untilAll(rig.applications, names, (object) => isSynced(object, single.commit, false), deadlineMs);
  await untilAll(rig.applications, [one], (object) => isSynced(object, single.commit), deadlineMs);
  await calm(rig);
  const every = await rig.push(filesOf(names, "3"));
  const synced = await untilAll(rig.applications, names, (object) => isSynced(object, every.commit), deadlineMs);
  await calm(rig);
  return [
    rowOf("a commit to one of them: all at it", (all - single.acceptedAt) / 1_000, "s", 2, 2),
    rowOf("a commit to all of them: all synced", (synced - every.acceptedAt) / 1_000, "s", 60, 60),
  ];
}

/** Of an object that nobody heals, so that only the looks count. */
async function burst(rig: GitOpsRig): Promise<BenchRow> {
  const application = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    name: "app-0000",
    namespace: "argocd",
  };
  await rig.kube.patch(application, "application/merge-patch+json", { spec: { syncPolicy: null } });
  await calm(rig);
  const looks = await lookCount(rig);
  const ref = { apiVersion: "v1", kind: "ConfigMap", name: "app-0000", namespace: "default" };
  const numbers = Array.from({ length: drifts }, (_, n) => n).values();
  const write = async (): Promise<void> => {
    for (const n of numbers) {
      await rig.kube.patch(ref, "application/merge-patch+json", { data: { value: `drift ${n}` } });
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
  await calm(rig);
  return rowOf(`${drifts} changes of one object: looks`, (await lookCount(rig)) - looks, "", 2, 2);
}

async function deletion(rig: GitOpsRig, names: readonly string[]): Promise<BenchRow> {
  const began = performance.now();
  const left = names.values();
  const work = async (): Promise<void> => {
    for (const name of left) {
      const ref = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", name, namespace: "argocd" };
      const finalizers = ["resources-finalizer.argocd.argoproj.io"];
      await rig.kube.patch(ref, "application/merge-patch+json", { metadata: { finalizers } });
      await rig.kube.delete(ref);
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
  const isGone = async (): Promise<boolean> => [...rig.applications.items()].length === 0;
  while (!(await isGone()) && performance.now() - began < deadlineMs) await sleep(50);
  if (!(await isGone())) throw new Error("some Applications are still there");
  return rowOf("deletion of all with their objects", (performance.now() - began) / 1_000, "s", 60, 60);
}

function pollCount({ engine }: GitOpsRig): Promise<number> {
  return readMetric(engine, "argocd_git_request_total", { request_type: "ls-remote" });
}

function lookCount({ engine }: GitOpsRig): Promise<number> {
  return readMetric(engine, "argocd_app_reconcile_count");
}

/** Until no look was taken for a second. */
async function calm(rig: GitOpsRig): Promise<void> {
  for (let before = -1, now = await lookCount(rig); now !== before; now = await lookCount(rig)) {
    before = now;
    await sleep(2_500);
  }
}

async function residentMiB({ engine: { pid } }: GitOpsRig): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_024;
}

/** Of the engine, the embedded API and the simulation, since the start; reads /proc, so it needs Linux. */
async function cpuMs({ engine: { pid } }: GitOpsRig): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}

function rowOf(name: string, value: number, unit: string, limit: number, budget?: number): BenchRow {
  return { name, value, unit, limit, ratio: value / limit, ...(budget === undefined ? {} : { budget }) };
}
