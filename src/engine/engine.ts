import { randomUUID } from "node:crypto";
import { systemClock } from "../base/clock.ts";
import { createProxyRules } from "../base/http-proxy.ts";
import { releaseWhenIdle } from "../base/idle-memory.ts";
import { boundHeap, collectGarbage, deferOptimizing, releaseGarbage } from "../base/memory.ts";
import { createMetrics } from "../base/metrics.ts";
import { createNursery } from "../base/nursery.ts";
import { createBusDirectory } from "../controllers/bus-directory.ts";
import type { SensorController } from "../controllers/sensor.ts";
import { createStatusWriter } from "../controllers/status.ts";
import type { EventBus } from "../events/bus/bus.ts";
import { createDeadStore } from "../events/sensor/dead-store.ts";
import { createRedrives, redriveStore } from "../events/sensor/redrives.ts";
import { createClientPool } from "../events/triggers/client-pool.ts";
import { openLedger } from "../ledger/ledger.ts";
import { openProjection } from "../ledger/projection.ts";
import { type Endpoints, openDataDir } from "../local/data-dir.ts";
import { rawSubject } from "../record/subject.ts";
import type { ListedKind } from "../server/listed-routes.ts";
import { type ApiState, openApi } from "./api.ts";
import { runApplications } from "./applications.ts";
import { createSystemHandle, openSystemBus } from "./buses.ts";
import { applyManifests, handsOf, openCluster } from "./cluster.ts";
import { createWebhooks, openGitOps } from "./gitops.ts";
import { openKinds } from "./kinds.ts";
import { openLeases } from "./leases.ts";
import { createOutcomes } from "./outcomes.ts";
import type { Base, Cluster, EngineConfig, EngineLeases, Parts, Records } from "./parts.ts";
import { startSensors } from "./sensors.ts";
import { startSources } from "./sources.ts";
import { startTraces } from "./traces.ts";

/** An engine that runs. Disposal stops intake first, lets triggers end, stores state, and answers health checks to the end. */
export interface Engine extends AsyncDisposable {
  readonly endpoints: Endpoints;
  /** Objects applied from the manifests. */
  readonly applied: number;
  /** URLs of the webhooks that are served. */
  readonly webhooks: readonly string[];
  /** Never resolves; rejects when a part failed that the engine cannot go on without. */
  readonly failed: Promise<never>;
}

/**
 * Starts everything in one process. From the sink to the tap: bus, ledger, API, server, Applications, Sensors, then sources; disposal
 * goes the other way. @throws TerminalError with what to change: a port in use, a locked directory, a bad manifest.
 */
export async function startEngine(config: EngineConfig): Promise<Engine> {
  using _starting = deferOptimizing();
  await using stack = new AsyncDisposableStack();
  stack.use(boundHeap());
  const nursery = createNursery();
  const dataDir = stack.use(openDataDir(config.dataDir));
  const kinds = await openKinds(config.adapters ?? [], config.log);
  const base: Base = {
    kinds,
    config,
    stack,
    nursery,
    dataDir,
    clock: systemClock,
    log: config.log,
    metrics: createMetrics(config.version),
    proxies: createProxyRules(config.git.env),
  };
  const bus = stack.use(await openSystemBus(base));
  const records = await openRecords(base, bus);
  const leases = await openLeases(base, bus);
  const cluster = await openCluster(base);
  const parts = openParts(base, { bus, records, leases, cluster });
  const state: ApiState = {
    notReady: "starting",
    sensors: () => [],
    pending: () => [],
    targets: () => undefined,
    gitOpsRunning: () => undefined,
    webhooks: () => undefined,
    lagOf: async () => undefined,
    listed: { sensors: nothing, sources: nothing },
  };
  const server = await openApi(parts, state);
  const gitOps = await openGitOps(parts);
  const applied = await applyManifests(base, cluster.kube);
  const webhooks = createWebhooks(parts, gitOps);
  state.webhooks = () => webhooks;
  await runApplications(parts, gitOps);
  state.gitOpsRunning = () => gitOps.running;
  const targets = { gitOps: gitOps.target, git: gitOps.files };
  const sensors = await startSensors(parts, targets);
  state.targets = () => targets;
  metricsOf(parts, sensors.reconciler.lags);
  state.pending = (namespace, name, event) => sensors.reconciler.pending(namespace, name, event);
  state.sensors = () => [...sensors.reconciler.running(), ...(gitOps.running?.controller.sensors() ?? [])];
  collectGarbage(); // before the sources leave theirs: the peak is a tenth lower
  const ingress = await startSources(parts);
  state.lagOf = (namespace, name) => sensors.reconciler.lag(namespace, name);
  state.listed = { sensors: sensors.listed, sources: ingress.listed };
  const [repository] = gitOps.served.repositories;
  const endpoints: Endpoints = {
    server: server.url,
    ingress: ingress.url,
    kube: cluster.url,
    ...(repository === undefined ? {} : { git: gitOps.served.pushUrlOf(repository) }),
    kubeconfig: cluster.kubeconfig,
    token: dataDir.file("token"),
    pid: process.pid,
    simulated: cluster.isSimulated,
  };
  releaseGarbage();
  stack.use(nursery.start("idle memory", (signal) => releaseWhenIdle(base, signal)));
  state.notReady = undefined;
  dataDir.writeEndpoints(endpoints);
  const running = stack.move();
  const urls = ingress.urls();
  return {
    endpoints,
    applied,
    webhooks: urls,
    failed: nursery.failed,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

const nothing: ListedKind = { all: () => [], find: () => undefined };

/** Levels that only who asks needs to know. */
function metricsOf({ metrics, directory }: Parts, lags: () => ReturnType<SensorController["lags"]>): void {
  metrics.onAsked(async () => {
    metrics.sensorLag.set(await lags());
    for (const { name, reader } of directory.list()) {
      metrics.readerLag.set({ namespace: "", bus: name }, await reader.lag());
    }
  });
}

async function openRecords(base: Base, bus: EventBus): Promise<Records> {
  const { stack, nursery, clock, log, dataDir } = base;
  const projection = stack.use(await openProjection({ path: dataDir.file("ledger.db"), clock, log }));
  stack.use(
    nursery.start("event projection", (signal) => projection.follow("system", bus, [rawSubject("events.>")], signal)),
  );
  const writer = randomUUID().slice(0, 8);
  // Before the ledger: it is closed after it, and sends what was written last.
  await startTraces(base, bus, projection.history, writer);
  const ledger = stack.use(await openLedger({ bus, writer, clock, log }));
  return { ledger, projection };
}

interface Opened {
  readonly bus: EventBus;
  readonly records: Records;
  readonly leases: EngineLeases;
  readonly cluster: Cluster;
}

function openParts(base: Base, { bus, records, leases, cluster: { kube, isSimulated } }: Opened): Parts {
  const system = createSystemHandle(base, bus, records.ledger);
  const writeStatus = createStatusWriter(kube, base.clock);
  const directory = createBusDirectory(system);
  const { partitions } = leases;
  const { name, ttlMs } = redriveStore;
  const redrives = createRedrives({ ...base, store: bus.state(name, { ttlMs }) });
  const dead = createDeadStore(bus, base.clock);
  const outcomes = createOutcomes({ ...base, directory });
  const clients = base.stack.use(createClientPool(base));
  base.stack.use(base.nursery.start("idle connections", (signal) => clients.run(signal)));
  return {
    ...base,
    ...records,
    kube,
    ...handsOf(base),
    isSimulated,
    directory,
    system,
    leases,
    partitions,
    writeStatus,
    dead,
    redrives,
    outcomes,
    clients,
  };
}
