import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { argoApiVersion, type EventBusResource } from "./api/resources.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import type { Logger } from "./base/log.ts";
import { createMetrics, type Metrics } from "./base/metrics.ts";
import { createNursery, type Nursery } from "./base/nursery.ts";
import { type BusHandle, createBusDirectory, type MutableBusDirectory } from "./controllers/bus-directory.ts";
import { type Controller, createController } from "./controllers/controller.ts";
import { createEventBusController } from "./controllers/event-bus.ts";
import { createEventSourceController } from "./controllers/event-source.ts";
import { createManifestDir } from "./controllers/manifest-dir.ts";
import { createSecretReader } from "./controllers/secret-reader.ts";
import { createSensorController, type SensorController } from "./controllers/sensor.ts";
import { createStatusWriter, type WriteStatus } from "./controllers/status.ts";
import type { EventBus } from "./events/bus/bus.ts";
import { openJetStreamBus } from "./events/bus/jetstream.ts";
import { openSqliteBus } from "./events/bus/sqlite.ts";
import { argoStream, systemStreams } from "./events/bus/streams.ts";
import { createDeadLetters } from "./events/sensor/dead-letters.ts";
import { createExecutor } from "./events/sensor/executor.ts";
import { createPartitions, type Partitions } from "./events/sensor/partition.ts";
import { createEventReader, parseSystemSubject } from "./events/sensor/reader.ts";
import { createSensorRunner } from "./events/sensor/runner.ts";
import { ledgerPositionsIn } from "./events/sensor/sensor-cells.ts";
import { type Ingress, openIngress } from "./events/sources/ingress.ts";
import { sourceKinds, sourceSchemas } from "./events/sources/registry.ts";
import { runEventSource } from "./events/sources/runner.ts";
import { triggerKinds } from "./events/triggers/registry.ts";
import { createKubeClient } from "./kube/client.ts";
import type { KubeClient, WatchCache } from "./kube/kube.ts";
import { createWatchCache } from "./kube/watch-cache.ts";
import { openLedger } from "./ledger/ledger.ts";
import { openProjection } from "./ledger/projection.ts";
import { createServingCertificate } from "./local/certificate.ts";
import { openControlPlane } from "./local/control-plane.ts";
import { type DataDir, type Endpoints, openDataDir, replaceFile } from "./local/data-dir.ts";
import { kubeconfigText } from "./local/kubeconfig.ts";
import { serveControlPlane } from "./local/serve.ts";
import { encodeEvent } from "./record/cloud-event.ts";
import type { EffectRecord, Ledger } from "./record/records.ts";
import { eventSubject, rawSubject } from "./record/subject.ts";
import { createServer } from "./server/server.ts";
import { admit } from "./validate/admission.ts";

export interface EngineConfig {
  readonly dataDir: string;
  /** Manifests to apply and follow: a directory or a file. */
  readonly manifests?: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly ingressPort: number;
  readonly kubePort: number;
  /** `nats://…`; absent: the embedded bus. */
  readonly bus?: string;
  readonly log: Logger;
}

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

const host = "127.0.0.1";

/** What most parts need, opened first and closed last. */
interface Base {
  readonly config: EngineConfig;
  readonly stack: AsyncDisposableStack;
  readonly nursery: Nursery;
  readonly dataDir: DataDir;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Starts everything in one process. From the sink to the tap: bus, ledger, API, server, Sensors, then sources; disposal
 * goes the other way. @throws TerminalError with what to change: a port in use, a locked directory, a bad manifest.
 */
export async function startEngine(config: EngineConfig): Promise<Engine> {
  await using stack = new AsyncDisposableStack();
  const nursery = createNursery();
  const dataDir = stack.use(openDataDir(config.dataDir));
  const base: Base = { config, stack, nursery, dataDir, clock: systemClock, log: config.log, metrics: createMetrics() };
  const bus = stack.use(await openSystemBus(base));
  const records = await openRecords(base, bus);
  const cluster = await openCluster(base);
  const state = { ready: "starting" as string | undefined };
  const server = await openServer(base, bus, records, () => state.ready);
  const applied = await applyManifests(base, cluster.kube);
  const parts = await openParts(base, bus, records, cluster);
  const sensors = await startSensors(parts);
  server.answer({ sensors: sensors.running });
  const ingress = await startSources(parts);
  const endpoints: Endpoints = {
    server: server.url,
    ingress: ingress.url,
    kube: cluster.url,
    kubeconfig: dataDir.file("kubeconfig"),
    token: dataDir.file("token"),
    pid: process.pid,
    simulated: true,
  };
  state.ready = undefined;
  dataDir.writeEndpoints(endpoints);
  const running = stack.move();
  const webhooks = ingress.urls();
  return { endpoints, applied, webhooks, failed: nursery.failed, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function openSystemBus({ config, dataDir, log, clock }: Base): Promise<EventBus> {
  const streams = systemStreams();
  if (config.bus === undefined) return openSqliteBus({ path: dataDir.file("bus.db"), streams, log });
  return openJetStreamBus({ servers: config.bus, streams, log, clock, name: `tiphys ${hostname()}` });
}

interface Records {
  readonly ledger: Ledger;
  readonly projection: Projection;
}

async function openRecords({ stack, nursery, clock, log, dataDir }: Base, bus: EventBus): Promise<Records> {
  const projection = stack.use(await openProjection({ path: dataDir.file("ledger.db"), clock, log }));
  stack.use(nursery.start("ledger projection", (signal) => projection.follow("system", bus, [rawSubject("events.>")], signal)));
  const ledger = stack.use(await openLedger({ bus, writer: randomUUID().slice(0, 8), clock, log }));
  return { ledger, projection };
}

interface Cluster {
  readonly kube: KubeClient;
  readonly url: string;
}

/** The embedded control plane, for the engine in process and for `kubectl` over HTTPS. */
async function openCluster({ config, stack, clock, log, dataDir, metrics }: Base): Promise<Cluster> {
  const user = { token: dataDir.token, name: "tiphys-admin", groups: ["system:masters"] };
  const plane = stack.use(
    await openControlPlane({ path: dataDir.file("kube.db"), clock, log, users: [user], admission: admit }),
  );
  const certificate = await readOrCreateCertificate(dataDir, clock);
  const served = stack.use(await serveControlPlane({ plane, host, port: config.kubePort, certificate, log }));
  const text = kubeconfigText({ url: served.url, caPem: certificate.certPem, token: dataDir.token, name: "tiphys" });
  replaceFile(dataDir.file("kubeconfig"), text);
  const kube = createKubeClient({ fetch: plane.fetch, baseUrl: served.url, token: dataDir.token, log });
  return { kube, url: served.url };
}
