import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AuditEvent } from "../../src/local/audit.ts";
import { git } from "../harness/git-repository.ts";
import { startGitServer } from "../harness/git-server.ts";
import { openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { EngineSlot } from "./engine-slot.ts";
import {
  type Asked,
  askForRollback,
  create,
  deleteApplication,
  untilGone,
  untilRolledBack,
  untilSynced,
} from "./fleet-orders.ts";
import { hooksNotOnce, writesOfOthers } from "./fleet-witness.ts";
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
  /**
   * The same of half of them, while of the others some are rolled back and some are deleted, with a finalizer and a hook.
   * Resolves when all of that is done, and those deleted are made and synced anew.
   */
  turn(fault: () => Promise<void>): Promise<void>;
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
  /** How far the clock of the second engine is ahead. */
  readonly skewMs?: number;
}

export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const { bus, engines: count, applications, skewMs = 0 } = options;
  await using stack = new AsyncDisposableStack();
  const names = Array.from({ length: applications }, (_, n) => `app-${n}`);
  const [rolled, deleted] = [names.filter((_, n) => n % 4 === 1), names.filter((_, n) => n % 4 === 2)];
  const others = new Set([...rolled, ...deleted]);
  const branchOf = (name: string) => (others.has(name) ? "other" : "main");
  const log: AuditEvent[] = [];
  const cluster = stack.use(await openTestCluster({ simulate: true, audit: (event) => void log.push(event) }));
  await cluster.open({ user: { token: "admin-token" } });
  const repository = await openRepository(stack, names);
  const folder = stack.use(await tempDir()).path;
  const objects = new Map(names.map((name) => [name, applicationOf(name, repository.url, branchOf(name))]));
  const args = ["--bus", bus, "--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes", "--log-level", "warn"];
  const owners = stack.use(await auditOwners(bus));
  const engines: EngineSlot[] = [];
  for (let n = 0; n < count; n++) {
    const env = n === 1 && skewMs !== 0 ? skewedBy(skewMs) : {};
    const engine = stack.use(new EngineSlot(join(folder, `data-${n}`), { args, env }));
    engines.push(engine);
    await engine.start();
  }
  // Not by an engine: one that starts again would make anew what was deleted.
  for (const object of objects.values()) await create(cluster, object);
  await untilSynced(cluster, names, undefined, patienceMs);
  const owned = stack.move();
  let slowestMs = 0;
  let rounds = 0;
  const stalled: string[] = [];

  const problems: string[] = [];
  const asked: Asked[] = [];
  let kept = 0;

  /** Notes what took too long, or did not come. */
  async function timed(
    what: string,
    expected: readonly string[],
    work: () => Promise<readonly string[]>,
  ): Promise<void> {
    const since = performance.now();
    const late = await work();
    const tookMs = performance.now() - since;
    kept += expected.length;
    slowestMs = Math.max(slowestMs, tookMs);
    const isLate = tookMs > stallMs || late.length > 0;
    if (isLate) stalled.push(`round ${rounds}, ${what}: ${Math.round(tookMs)} ms, not done: ${late.join(", ")}`);
  }

  async function push(branches: readonly string[]): Promise<string> {
    rounds += 1;
    const commit = await repository.change(rounds, branches);
    for (const branch of branches) await tell(engines, repository.url, branch, commit);
    return commit;
  }

  async function round(fault: () => Promise<void>): Promise<void> {
    const from = log.length;
    const commit = await push(["main", "other"]);
    const synced = timed("synced", names, () => untilSynced(cluster, names, commit, patienceMs));
    await allOf([synced, fault()]);
    problems.push(...hooksNotOnce(log.slice(from), names, `round ${rounds}`));
  }

  async function turn(fault: () => Promise<void>): Promise<void> {
    const from = log.length;
    const pushed = names.filter((name) => !others.has(name));
    const commit = await push(["main"]);
    for (const name of deleted) await deleteApplication(cluster, name);
    const back = Promise.all(rolled.map((name) => askForRollback({ cluster, engines, name, asked })));
    await allOf([
      timed("synced", pushed, () => untilSynced(cluster, pushed, commit, patienceMs)),
      timed("rolled back", rolled, async () => untilRolledBack(cluster, await back, patienceMs)),
      timed("deleted", deleted, () => untilGone(cluster, deleted, patienceMs)),
      fault(),
    ]);
    problems.push(...hooksNotOnce(log.slice(from), pushed, `round ${rounds}`));
    problems.push(...hooksNotOnce(log.slice(from), deleted.map(cleanupOf), `round ${rounds}`));
    await untilGone(cluster, deleted, patienceMs); // those that come late were told of
    for (const name of deleted) await create(cluster, objects.get(name));
    await timed("made anew", deleted, () => untilSynced(cluster, deleted, undefined, patienceMs));
  }

  async function settle(): Promise<Verdict> {
    const exits = await Promise.all(engines.map((engine) => engine.stop().catch(() => null)));
    const twoOwners = [...(await owners.problems()), ...writesOfOthers(log, owners.holdings, asked)];
    return {
      sent: rounds,
      kept,
      actedOn: kept - stalled.length,
      lost: stalled,
      lostBy: {},
      underTwoKeys: [],
      repeated: 0,
      twoOwners: [...twoOwners, ...problems],
      settledMs: 0,
      claims: owners.claims,
      exits,
      outputs: engines.map(({ output }) => output),
    };
  }

  return {
    engines,
    round,
    turn,
    get slowestMs() {
      return slowestMs;
    },
    shares() {
      const written = engines.map(({ engineId }) => {
        const own = log.filter(({ userAgent = "", objectRef }) => {
          return objectRef?.resource === "applications" && userAgent.includes(engineId);
        });
        return [engineId, new Set(own.map(({ objectRef }) => objectRef?.name)).size] as const;
      });
      return new Map(written);
    },
    async underFaults(chaos) {
      const end = performance.now() + chaos.forMs;
      await round(async () => undefined);
      do await (chaos.random() < 0.5 ? round : turn)(() => hit(engines, chaos));
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

/** Rejects once none is under way any more: a fault that goes on would start an engine that nobody ends. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
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
  await git(clone, ["push", "--quiet", "origin", "HEAD:refs/heads/other"]);
  return {
    url: served.server.urlOf("shop"),
    async change(round: number, branches: readonly string[]): Promise<string> {
      for (const [path, text] of Object.entries(files(round))) await writeFile(join(clone, path), text);
      await git(clone, ["commit", "--quiet", "-am", `Round ${round}`]);
      await git(clone, ["push", "--quiet", "origin", ...branches.map((branch) => `HEAD:refs/heads/${branch}`)]);
      return git(clone, ["rev-parse", "HEAD"]);
    },
  };
}

/** Hooks make a sync and a deletion last for some seconds, so that faults come in the middle of them. */
function manifestsOf(name: string, round: number): string {
  const data = { round: String(round) };
  const objects = [
    hookJob(name, "PreSync"),
    hookJob(cleanupOf(name), "PostDelete"),
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data },
  ];
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

/** The hook of its deletion. */
const cleanupOf = (name: string) => `${name}-cleanup`;

function hookJob(name: string, phase: string): object {
  const annotations = { "argocd.argoproj.io/hook": phase, "tiphys.io/simulate-after": "2s" };
  const podSpec = { restartPolicy: "Never", containers: [{ name: "main", image: "busybox" }] };
  const spec = { template: { metadata: { annotations }, spec: podSpec } };
  return { apiVersion: "batch/v1", kind: "Job", metadata: { name, annotations }, spec };
}

/** Its dates and timestamps are ahead of what this machine says; timers are not. */
function skewedBy(ms: number): Readonly<Record<string, string>> {
  const module = new URL("../harness/skewed-date.ts", import.meta.url).href;
  return { NODE_OPTIONS: `--import=${module}`, TIPHYS_TEST_SKEW_MS: String(ms) };
}

function applicationOf(name: string, repoURL: string, targetRevision: string): object {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name, namespace: "argocd", finalizers: ["resources-finalizer.argocd.argoproj.io"] },
    spec: {
      project: "default",
      source: { repoURL, path: name, targetRevision },
      destination: { server: "https://kubernetes.default.svc", namespace: "default" },
      syncPolicy: { automated: { selfHeal: true } },
    },
  };
}

/** Whichever engine answers: a provider sends it again to those that do not. */
async function tell(engines: readonly EngineSlot[], html_url: string, branch: string, after: string): Promise<void> {
  const repository = { html_url, default_branch: "main" };
  const ref = `refs/heads/${branch}`;
  const body = JSON.stringify({ ref, before: "1".repeat(40), after, commits: [], repository });
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
