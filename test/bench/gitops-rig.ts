import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { KubeClient, WatchCache } from "../../src/kube/kube.ts";
import { openKubeconfig } from "../../src/kube/kubeconfig.ts";
import { createWatchCache } from "../../src/kube/watch-cache.ts";
import type { GroupVersionKind, KubeObject } from "../../src/objects/object.ts";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { git } from "../harness/git-repository.ts";
import { readMetric } from "../harness/metrics.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { bundle } from "./bundle.ts";

/** `tiphys up` with one served repository, a clone to push from, and the API as any client reaches it. */
export interface GitOpsRig extends AsyncDisposable {
  readonly engine: RunningEngine;
  readonly kube: KubeClient;
  /** The served repository's bare folder. */
  readonly bare: string;
  readonly applications: WatchCache;
  /** Applications that sync by themselves, each from its folder `apps/<name>` to the namespace `default`. */
  createApplications(names: readonly string[]): Promise<void>;
  /** Commits these files on top of what is there and pushes; gives the commit and when the push was accepted. */
  push(files: Readonly<Record<string, string>>): Promise<Pushed>;
  counts(): Promise<Counts>;
  watch(kind: GroupVersionKind): Promise<WatchCache>;
}

export interface Pushed {
  readonly commit: string;
  readonly acceptedAt: number;
}

/** Since the start of the engine. */
export interface Counts {
  readonly fetches: number;
  readonly renders: number;
  /** Objects. */
  readonly compares: number;
}

const applicationKind = { apiVersion: "argoproj.io/v1alpha1", kind: "Application" };
const writers = 16;

export async function openGitOpsRig(): Promise<GitOpsRig> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir()).path;
  const dir = join(folder, "manifests");
  await writeFiles(join(dir, "repositories", "shop"), { "README.md": "Applications of the bench\n" });
  const main = await bundle();
  const args = ["--log-level", "warn"];
  const engine = stack.use(await startEngine({ dir, dataDir: join(folder, "data"), main, args }));
  const { git: pushUrl, kubeconfig } = engine.endpoints;
  if (pushUrl === undefined) throw new Error("the engine serves no repository");
  await git(folder, ["clone", "--quiet", pushUrl, "clone"]);
  const clone = join(folder, "clone");

  const log = silentLogger;
  const cluster = stack.use(await openKubeconfig({ path: kubeconfig, env: {}, clock: systemClock, log }));
  const kube = createKubeClient({ fetch: (request) => cluster.fetch(request), baseUrl: cluster.baseUrl, log });
  const watches = stack.use(new AsyncDisposableStack());
  const watch = async (kind: GroupVersionKind): Promise<WatchCache> => {
    const cache = createWatchCache({ client: kube, kind, clock: systemClock, log });
    const stop = new AbortController();
    const running = cache.run(stop.signal);
    watches.defer(() => {
      stop.abort();
      return running;
    });
    await cache.synced;
    return cache;
  };
  const applications = await watch(applicationKind);

  const repoUrl = new URL(pushUrl);
  repoUrl.username = "";
  repoUrl.password = "";
  const owned = stack.move();
  return {
    engine,
    kube,
    bare: join(folder, "data", "repos", "shop.git"),
    applications,
    createApplications: (names) =>
      applyAll(
        kube,
        names.map((name) => applicationOf(name, repoUrl.href)),
      ),
    async push(files) {
      await writeFiles(clone, files);
      await git(clone, ["add", "-A"]);
      await git(clone, ["commit", "--quiet", "-m", "Change"]);
      const commit = await git(clone, ["rev-parse", "HEAD"]);
      await git(clone, ["push", "--quiet", "origin", "HEAD:main"]);
      return { commit, acceptedAt: performance.now() };
    },
    async counts() {
      const fetches = await readMetric(engine, "argocd_git_request_total", { request_type: "fetch" });
      const renders = await readMetric(engine, "tiphys_renders_total");
      return { fetches, renders, compares: await readMetric(engine, "tiphys_compared_objects_total") };
    },
    watch,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

function applicationOf(name: string, repoURL: string): KubeObject {
  const spec = {
    project: "default",
    source: { repoURL, path: `apps/${name}`, targetRevision: "HEAD" },
    destination: { server: "https://kubernetes.default.svc", namespace: "default" },
    syncPolicy: { automated: { prune: true, selfHeal: true } },
  };
  return { ...applicationKind, metadata: { name, namespace: "argocd" }, spec };
}

/** What an Application of the bench is made of: a workload and what goes with it. */
export function objectsOf(name: string, version: string, namespace = "default"): readonly KubeObject[] {
  const labels = { app: name };
  const container = {
    name: "web",
    image: `registry.example.com/web:${version}`,
    envFrom: [{ configMapRef: { name } }],
  };
  const template = { metadata: { labels }, spec: { serviceAccountName: name, containers: [container] } };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { version } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace },
      spec: { replicas: 1, selector: { matchLabels: labels }, template },
    },
  ];
}

/** The folder of an Application, as a file of several documents. */
export function folderOf(name: string, version: string): Readonly<Record<string, string>> {
  const documents = objectsOf(name, version).map((object) => JSON.stringify(object, undefined, 2));
  return { [`apps/${name}/all.yaml`]: documents.join("\n---\n") };
}

/** Server-side apply of all, some at a time. */
export async function applyAll(kube: KubeClient, objects: readonly KubeObject[], atOnce = writers): Promise<void> {
  const left = objects.values();
  const write = async (): Promise<void> => {
    for (const object of left) {
      const { name = "", namespace } = object.metadata;
      const ref = { apiVersion: object.apiVersion, kind: object.kind, name, ...(namespace ? { namespace } : {}) };
      const options = { fieldManager: "bench", force: true };
      await kube.patch(ref, "application/apply-patch+yaml", object as unknown as JsonObject, options);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, write));
}

/** Resolves with the time when the last of `names` was seen as wanted; fails after `deadlineMs`. */
export async function untilAll(
  cache: WatchCache,
  names: readonly string[],
  isWanted: (object: KubeObject) => boolean,
  deadlineMs = 120_000,
): Promise<number> {
  const left = new Set(names);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const look = (object: KubeObject): void => {
    const { name = "" } = object.metadata;
    if (left.has(name) && isWanted(object)) left.delete(name);
    if (left.size === 0) resolve(performance.now());
  };
  const stop = cache.onChange(({ type, object }) => {
    if (type === "set") look(object);
  });
  for (const object of cache.items()) look(object);
  const timer = setTimeout(() => {
    const [some = ""] = left;
    const state = JSON.stringify([...cache.items()].find(({ metadata }) => metadata.name === some)?.status);
    reject(new Error(`after ${deadlineMs} ms ${left.size} are not as wanted: ${some} is ${state}`));
  }, deadlineMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** Compared with the commit, and, for `isWritten`, brought about by a sync of it. */
export function isSynced({ status }: KubeObject, commit: string, isWritten = true): boolean {
  const { sync, operationState } = (status ?? {}) as ApplicationStatus;
  if (sync?.status !== "Synced" || sync.revision !== commit) return false;
  return !isWritten || (operationState?.phase === "Succeeded" && operationState.syncResult?.revision === commit);
}

export function isHealthy({ status }: KubeObject): boolean {
  const { sync, health } = (status ?? {}) as ApplicationStatus;
  return sync?.status === "Synced" && health?.status === "Healthy";
}

/** Of the engine, since its start; reads /proc, so it needs Linux. */
export async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}
