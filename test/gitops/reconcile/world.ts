import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { Application, AppProject } from "../../../src/api/application-types.ts";
import { defaultInstanceLabel } from "../../../src/api/resource-settings.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createMetrics } from "../../../src/base/metrics.ts";
import { keyOf, keyText } from "../../../src/gitops/diff/diff.ts";
import { ownerOf } from "../../../src/gitops/diff/tracking.ts";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import { createClaims } from "../../../src/gitops/reconcile/claims.ts";
import type { DestinationCluster } from "../../../src/gitops/reconcile/destination.ts";
import { createMemory, type Look, type Memory } from "../../../src/gitops/reconcile/look.ts";
import { operate, type RunningOperation } from "../../../src/gitops/reconcile/operate.ts";
import { type ReconcileDeps, type Reconciled, reconcile } from "../../../src/gitops/reconcile/reconcile.ts";
import { createRenderCache, type RenderCache } from "../../../src/gitops/reconcile/render-cache.ts";
import { type ComparisonLevel, requestOf, type SeenCommit } from "../../../src/gitops/reconcile/request.ts";
import type { ToolName } from "../../../src/gitops/render/tools.ts";
import type { SyncProgress } from "../../../src/gitops/sync/sync.ts";
import { createKubeClient } from "../../../src/kube/client.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { createLiveState, type LiveState } from "../../../src/kube/live-state.ts";
import { trimLive } from "../../../src/kube/trim-live.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { adminToken, openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { renderSettings } from "../../harness/render-tools.ts";
import { createVirtualClock, type VirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { openCharts, openSources, type SourceRig } from "../source/rig.ts";
import { applicationOf } from "./applications.ts";

/** Long enough for everything that a test waits for. */
export const patient = (): AbortSignal => AbortSignal.timeout(20_000);

export interface Asked {
  readonly level?: ComparisonLevel;
  readonly hard?: boolean;
  readonly seen?: readonly SeenCommit[] | "all";
  readonly signal?: AbortSignal;
  readonly deps?: ReconcileDeps;
}

/** One Application with what is remembered of it; its status is kept from look to look. */
export interface TestApp {
  application: Application;
  readonly memory: Memory;
  readonly spec: JsonObject;
}

export interface World extends AsyncDisposable {
  readonly plane: TestPlane;
  readonly rig: SourceRig;
  readonly repository: TestRepository;
  readonly renders: RenderCache;
  readonly live: LiveState;
  readonly clock: VirtualClock;
  readonly cluster: DestinationCluster;
  /** By name; `default` permits everything. */
  readonly projects: Map<string, AppProject>;
  /** `namespace/name` of Applications that are there but were not looked at yet. */
  readonly applications: Set<string>;
  readonly deps: ReconcileDeps;
  app(name?: string, spec?: JsonObject, metadata?: JsonObject): TestApp;
  /** Changes the spec and keeps the status. */
  change(app: TestApp, spec: JsonObject): void;
  look(app: TestApp, asked?: Asked): Promise<Reconciled>;
  /** The same, where it has to come to a look. */
  lookWell(app: TestApp, asked?: Asked): Promise<Look>;
  sync(
    app: TestApp,
    look: Look,
    operation?: JsonObject,
    isAutomated?: boolean,
    signal?: AbortSignal,
  ): Promise<SyncProgress>;
  /** Until the live state has the object as the server has it. */
  seen(object: { readonly apiVersion: string; readonly kind: string; readonly metadata: object }): Promise<void>;
}

interface WorldOptions {
  readonly simulate?: boolean;
  readonly tools?: readonly ToolName[];
  /** What the cluster says instead; undefined: what the plane says. */
  readonly answer?: (request: Request) => Response | undefined;
}

function answering({ plane }: TestPlane, answer: NonNullable<WorldOptions["answer"]>): KubeClient {
  const fetch = async (request: Request): Promise<Response> => answer(request) ?? plane.fetch(request);
  return createKubeClient({ fetch, baseUrl: "http://kube.local", token: adminToken, log: silentLogger });
}

/** The embedded control plane, its live state and one repository: what a reconcile works on. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const stack = new AsyncDisposableStack();
  const plane = stack.use(await openTestPlane(options));
  const repository = stack.use(await createTestRepository());
  const rig = stack.use(await openSources());
  const clock = createVirtualClock("2026-11-29T12:00:00Z");
  const groupOf = (object: KubeObject): string | undefined =>
    ownerOf(object, { method: "annotation", label: defaultInstanceLabel });
  const client = options.answer === undefined ? plane.client : answering(plane, options.answer);
  const live = createLiveState({ client, clock, log: silentLogger, groupOf, trim: trimLive });
  const stop = new AbortController();
  const running = live.run(stop.signal);
  stack.defer(async () => {
    stop.abort();
    await running;
  });
  const cluster = { server: "https://kubernetes.default.svc", name: "in-cluster", kube: client, live };
  const projects = new Map([["default", { ...defaultProject("argocd"), sourceNamespaces: ["*"] }]]);
  const applications = new Set<string>();
  const renders = createRenderCache({ settings: renderSettings(rig.directory, { tools: options.tools ?? [] }) });
  const deps: ReconcileDeps = {
    sources: rig.sources,
    charts: openCharts(join(rig.directory, "charts")),
    renders,
    claims: createClaims(),
    clock,
    controllerNamespace: "argocd",
    directory: { project: (name) => projects.get(name), clusters: () => [cluster], controllerNamespace: "argocd" },
    graceMs: () => 180_000,
    isApplication: (key) => applications.has(key),
    metrics: createMetrics(),
  };

  function parse(name: string, spec: JsonObject, top: JsonObject): Application {
    const source = { repoURL: repository.url, path: "web", targetRevision: "main" };
    const destination = { server: cluster.server, namespace: "default" };
    const full = spec.sources === undefined ? { source, destination, ...spec } : { source: null, destination, ...spec };
    const metadata = {
      name,
      namespace: "argocd",
      creationTimestamp: "2026-11-29T10:00:00Z",
      ...(top.metadata as object),
    };
    return applicationOf(full, { ...top, metadata });
  }

  async function look(app: TestApp, asked: Asked = {}): Promise<Reconciled> {
    const { level = 2, signal = patient(), deps: given = deps, seen = [], hard = false } = asked;
    const cause = { reason: "spec" as const, id: "test", text: "a test asks" };
    const result = await reconcile(
      app.application,
      { ...requestOf(cause, level, { hard }), seen },
      app.memory,
      given,
      signal,
    );
    app.application = { ...app.application, status: result.status };
    return result;
  }

  async function seen(object: Parameters<World["seen"]>[0]): Promise<void> {
    const ref = refOf(object as KubeObject);
    await waitFor(`${ref.kind}/${ref.name} to be seen`, async () => {
      await live.ensure([{ apiVersion: ref.apiVersion, kind: ref.kind }], patient());
      await live.fetch([ref], "", patient());
      const wanted = await plane.client.get(ref, patient()).catch(() => undefined);
      await turn();
      const known = live.find(ref);
      return wanted?.metadata.resourceVersion === known?.metadata.resourceVersion;
    });
  }

  return {
    plane,
    rig,
    repository,
    renders,
    live,
    clock,
    cluster,
    projects,
    applications,
    deps,
    app: (name = "web", spec = {}, metadata = {}) => {
      return { application: parse(name, spec, { metadata }), memory: createMemory(), spec };
    },
    change(app, spec) {
      const { metadata, status } = app.application;
      const { name, namespace, createdAt: creationTimestamp } = metadata;
      app.application = parse(name, { ...app.spec, ...spec }, { metadata: { namespace, creationTimestamp }, status });
    },
    look,
    async lookWell(app, asked) {
      const { found, status } = await look(app, asked);
      if (found === undefined) throw new Error(`nothing was compared: ${JSON.stringify(status.conditions)}`);
      return found.look;
    },
    async sync(app, found, operation = {}, isAutomated = false, signal = patient()) {
      const { operation: parsed } = applicationOf({}, { operation: { sync: { prune: true, ...operation } } });
      if (parsed?.sync === undefined) throw new Error("the operation has no sync");
      const running: RunningOperation = {
        sync: parsed.sync,
        isAutomated,
        startedAt: clock.now(),
        previous: [],
        runId: `run-${clock.now()}`,
        current: () => app.application,
        project: () => projects.get(app.application.project) ?? defaultProject("argocd"),
      };
      const place = { project: projects.get(app.application.project) ?? defaultProject("argocd"), cluster };
      const given = { clock: systemClock, report: async () => undefined, pollMs: 2, waveDelayMs: 0 };
      const progress = await operate(app.application, place, found, running, given, signal);
      await clock.advance(1_500); // kinds that were missing are asked for again
      for (const { target } of found.comparison.objects) if (target?.metadata.name) await seen(target);
      return progress;
    },
    seen,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function refOf({ apiVersion, kind, metadata: { name = "", namespace } }: KubeObject) {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

export function configMap(name: string, data: Record<string, string> = {}, metadata: JsonObject = {}): string {
  return manifest({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data });
}

/** JSON is YAML. */
export function manifest(...objects: readonly object[]): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join("---\n");
}

/** `Kind/name status`, with `!` for what another Application owns. */
export const shown = ({ comparison, foreign }: Look): string[] =>
  comparison.objects.flatMap(({ target, live, status = "-" }) => {
    const object = target ?? live;
    if (object === undefined) return [];
    const mark = foreign.has(keyText(keyOf(object))) ? "!" : "";
    return [`${mark}${object.kind}/${object.metadata.name ?? object.metadata.generateName} ${status}`];
  });
export const warnings = ({ conditions }: Look): string[] =>
  conditions.map(({ type, message }) => `${type}: ${message}`);
