import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import type { AuditEvent } from "../../src/local/audit.ts";
import { git } from "../harness/git-repository.ts";
import { startGitServer } from "../harness/git-server.ts";
import { openTestCluster, type TestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { EngineSlot } from "./engine-slot.ts";
import { isManifest, writesOfOthers } from "./fleet-witness.ts";
import { auditOwners } from "./owners.ts";
import { type Chaos, pastLeaseMs } from "./scenario.ts";
import type { Verdict } from "./stage.ts";

/** What nothing may stall for: a lease that runs out, a look, and a sync. */
const stallMs = 30_000;
/** How long a round waits before it gives up on those that stall. */
const patienceMs = 60_000;

/** Engines that share Applications of one repository, on a cluster that this process serves and keeps a log of. */
export interface Fleet extends AsyncDisposable {
  readonly engines: readonly EngineSlot[];
  /** Commits a change of every Application and tells one engine; `fault` comes while they sync. Resolves when all are synced. */
  round(fault: () => Promise<void>): Promise<void>;
  /** Rounds with a fault each, until the time is up; then the verdict. */
  underFaults(chaos: Chaos): Promise<Verdict>;
  /** How long each Application took in each round, at most. */
  readonly slowestMs: number;
  /** How many Applications each engine wrote to since the start. */
  shares(): ReadonlyMap<string, number>;
  settle(): Promise<Verdict>;
}

export interface FleetOptions {
  /** `nats://…` */
  readonly bus: string;
  readonly engines: number;
  readonly applications: number;
}

export async function openFleet({ bus, engines: count, applications }: FleetOptions): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const names = Array.from({ length: applications }, (_, n) => `app-${n}`);
  const log: AuditEvent[] = [];
  const cluster = stack.use(await openTestCluster({ simulate: true, audit: (event) => void log.push(event) }));
  await cluster.open({ user: { token: "admin-token" } });
  const repository = await openRepository(stack, names);
  const folder = stack.use(await tempDir()).path;
  const dir = join(folder, "manifests");
  await mkdir(dir);
  const objects = names.map((name) => applicationOf(name, repository.url));
  await writeFile(join(dir, "applications.yaml"), objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  const args = ["--bus", bus, "--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes", "--log-level", "warn"];
  const owners = stack.use(await auditOwners(bus));
  const engines: EngineSlot[] = [];
  for (let n = 0; n < count; n++) {
    const engine = stack.use(new EngineSlot(join(folder, `data-${n}`), { ...(n === 0 ? { dir } : {}), args }));
    engines.push(engine);
    await engine.start();
  }
  const owned = stack.move();
  let slowestMs = 0;
  let rounds = 0;
  const stalled: string[] = [];

  async function round(fault: () => Promise<void>): Promise<void> {
    rounds += 1;
    const commit = await repository.change(rounds);
    await tell(engines, repository.url, commit);
    const [late] = await Promise.all([untilSynced(cluster, names, commit), fault()]);
    slowestMs = Math.max(slowestMs, late.tookMs);
    const isLate = late.tookMs > stallMs || late.names.length > 0;
    if (isLate) stalled.push(`round ${rounds}: ${Math.round(late.tookMs)} ms, not synced: ${late.names.join(", ")}`);
  }

  async function settle(): Promise<Verdict> {
    const exits = await Promise.all(engines.map((engine) => engine.stop().catch(() => null)));
    const problems = [...(await owners.problems()), ...writesOfOthers(log, owners.holdings)];
    const kept = rounds * applications;
    return {
      sent: rounds,
      kept,
      actedOn: kept - stalled.length,
      lost: stalled,
      underTwoKeys: [],
      repeated: 0,
      twoOwners: problems,
      settledMs: 0,
      claims: owners.claims,
      exits,
      outputs: engines.map(({ output }) => output),
    };
  }

  return {
    engines,
    round,
    get slowestMs() {
      return slowestMs;
    },
    shares() {
      const written = engines.map(({ engineId }) => {
        const own = log.filter(({ userAgent = "", objectRef, requestURI }) => {
          return objectRef?.resource === "applications" && userAgent.includes(engineId) && !isManifest(requestURI);
        });
        return [engineId, new Set(own.map(({ objectRef }) => objectRef?.name)).size] as const;
      });
      return new Map(written);
    },
    async underFaults(chaos) {
      const end = performance.now() + chaos.forMs;
      do await round(() => hit(engines, chaos));
      while (performance.now() < end);
      return settle();
    },
    settle,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** In the middle of what they do: killed, and started again later, or stopped for longer than a lease lasts. */
async function hit(engines: readonly EngineSlot[], chaos: Chaos): Promise<void> {
  const engine = engines[Math.floor(chaos.random() * engines.length)];
  await chaos.pause(0, 4_000);
  if (chaos.random() < 0.5) {
    await engine?.whilePaused(() => chaos.pause(...pastLeaseMs));
    chaos.note("engine paused past its lease");
    return;
  }
  await engine?.kill9();
  chaos.note("engine killed");
  await chaos.pause(0, 20_000);
  await engine?.start();
}

/** A Git server of this process, which nothing kills. */
async function openRepository(stack: AsyncDisposableStack, names: readonly string[]) {
  const served = stack.use(await startGitServer());
  const files = (round: number) =>
    Object.fromEntries(names.map((name) => [`${name}/all.yaml`, manifestsOf(name, round)]));
  await served.server.createServedRepository("shop", files(0));
  const folder = stack.use(await tempDir()).path;
  await git(folder, ["clone", "--quiet", served.server.pushUrlOf("shop"), "shop"]);
  const clone = join(folder, "shop");
  return {
    url: served.server.urlOf("shop"),
    async change(round: number): Promise<string> {
      for (const [path, text] of Object.entries(files(round))) await writeFile(join(clone, path), text);
      await git(clone, ["commit", "--quiet", "-am", `Round ${round}`]);
      await git(clone, ["push", "--quiet", "origin", "HEAD:main"]);
      return git(clone, ["rev-parse", "HEAD"]);
    },
  };
}

/** A hook makes a sync last for some seconds, so that faults come in the middle of it. */
function manifestsOf(name: string, round: number): string {
  const hook = { "argocd.argoproj.io/hook": "PreSync", "tiphys.io/simulate-after": "2s" };
  const podSpec = { restartPolicy: "Never", containers: [{ name: "main", image: "busybox" }] };
  return [
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name, annotations: hook },
      spec: { template: { metadata: { annotations: hook }, spec: podSpec } },
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { round: String(round) } },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

function applicationOf(name: string, repoURL: string): object {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name, namespace: "argocd" },
    spec: {
      project: "default",
      source: { repoURL, path: name, targetRevision: "main" },
      destination: { server: "https://kubernetes.default.svc", namespace: "default" },
      syncPolicy: { automated: { selfHeal: true } },
    },
  };
}

/** Whichever engine answers: a provider sends it again to those that do not. */
async function tell(engines: readonly EngineSlot[], html_url: string, after: string): Promise<void> {
  const repository = { html_url, default_branch: "main" };
  const body = JSON.stringify({ ref: "refs/heads/main", before: "1".repeat(40), after, commits: [], repository });
  const headers = { "content-type": "application/json", "x-github-event": "push" };
  await waitFor("an engine to take the push", async () => {
    for (const engine of engines) {
      if (engine.serverUrl === undefined) continue;
      const init = { method: "POST", headers, body, signal: AbortSignal.timeout(2_000) };
      const response = await fetch(`${engine.serverUrl}/api/webhook`, init).catch(() => undefined);
      await response?.body?.cancel();
      if (response?.status === 200) return true;
    }
    return false;
  });
}

/** When the last was synced to the commit, and those that are not after a minute. */
async function untilSynced(cluster: TestCluster, names: readonly string[], commit: string) {
  const since = performance.now();
  const left = new Set(names);
  const path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";
  await waitFor(
    "all to be synced",
    async () => {
      const { items } = (await cluster.plane.call("GET", path)).body as { items: readonly Listed[] };
      for (const { metadata, status } of items) if (isSynced(status, commit)) left.delete(metadata.name);
      return left.size === 0;
    },
    patienceMs,
  ).catch(() => undefined);
  return { tookMs: performance.now() - since, names: [...left] };
}

interface Listed {
  readonly metadata: { readonly name: string };
  readonly status?: ApplicationStatus;
}

function isSynced(status: ApplicationStatus | undefined, commit: string): boolean {
  const { sync, operationState } = status ?? {};
  const isDone = operationState?.phase === "Succeeded" && operationState.syncResult?.revision === commit;
  return sync?.status === "Synced" && sync.revision === commit && isDone;
}
