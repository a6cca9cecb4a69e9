import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { argoApiVersion, type EventBusResource, type EventSource, type PodTemplate } from "./api/resources.ts";
import { type Clock, sleepFor, systemClock } from "./base/clock.ts";
import type { JsonObject } from "./base/json.ts";
import type { Logger } from "./base/log.ts";
import { releaseGarbage } from "./base/memory.ts";
import { createMetrics, type Metrics } from "./base/metrics.ts";
import { createNursery, type Nursery } from "./base/nursery.ts";
import {
  type BusHandle,
  createBusDirectory,
  type MutableBusDirectory,
  publishEvent,
  readStoredEvent,
} from "./controllers/bus-directory.ts";
import { conditionsOf } from "./controllers/conditions.ts";
import { type Controller, createController } from "./controllers/controller.ts";
import { createEventBusController } from "./controllers/event-bus.ts";
import { createEventSender } from "./controllers/event-sender.ts";
import { createEventSourceController, type EventSourceController } from "./controllers/event-source.ts";
import { argoSubject, parseArgoSubject, readExotic } from "./controllers/exotic-bus.ts";
import { createManifestDir } from "./controllers/manifest-dir.ts";
import type { Reconciler } from "./controllers/reconciler.ts";
import { createSecretReader } from "./controllers/secret-reader.ts";
import { createSensorController, type SensorController } from "./controllers/sensor.ts";
import { createStatusWriter, type WriteStatus } from "./controllers/status.ts";
import type { EventBus, StoredMessage } from "./events/bus/bus.ts";
import { openJetStreamBus } from "./events/bus/jetstream.ts";
import { openSqliteBus } from "./events/bus/sqlite.ts";
import { argoStream, systemStreams } from "./events/bus/streams.ts";
import type { CompiledSensor } from "./events/sensor/compile.ts";
import { createDeadLetters } from "./events/sensor/dead-letters.ts";
import { createExecutor } from "./events/sensor/executor.ts";
import { createPartitions, type Partitions } from "./events/sensor/partition.ts";
import { createEventReader, parseSystemSubject } from "./events/sensor/reader.ts";
import { createSensorRunner, type SensorRunner, type SensorRunnerDeps } from "./events/sensor/runner.ts";
import { ledgerPositionsIn } from "./events/sensor/sensor-cells.ts";
import { openIngress } from "./events/sources/ingress.ts";
import { sourceKinds, sourceSchemas } from "./events/sources/registry.ts";
import { runEventSource } from "./events/sources/runner.ts";
import { triggerKinds, triggerSchemas } from "./events/triggers/registry.ts";
import { createKubeClient } from "./kube/client.ts";
import type { KubeClient, WatchCache } from "./kube/kube.ts";
import { createWatchCache } from "./kube/watch-cache.ts";
import { openLedger } from "./ledger/ledger.ts";
import { openProjection, type Projection } from "./ledger/projection.ts";
import { ensureCertificate } from "./local/certificate.ts";
import { openControlPlane } from "./local/control-plane.ts";
import { type DataDir, type Endpoints, openDataDir, replaceFile } from "./local/data-dir.ts";
import { kubeconfigText } from "./local/kubeconfig.ts";
import { serveControlPlane } from "./local/serve.ts";
import type { KubeObject } from "./objects/object.ts";
import type { Ledger } from "./record/records.ts";
import { eventSubject, rawSubject } from "./record/subject.ts";
import type { ListedResource } from "./server/history-routes.ts";
import { openServer } from "./server/server.ts";
import { createWhy } from "./server/why.ts";
import { admit } from "./validate/admission.ts";
import { type CustomResourceDefinition, eventCrds } from "./validate/crds.ts";

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
/** How long the start waits for the first reconcile of every object; the rest goes on behind. */
const settleMs = 10_000;
/** How long reading stored state and the ledger may take at the start. */
const startReadMs = 120_000;

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
  const parts = openParts(base, bus, records, cluster);
  const state: ApiState = {
    notReady: "starting",
    sensors: () => [],
    listed: { sensors: () => [], sources: () => [] },
  };
  const server = await openApi(parts, state);
  const applied = await applyManifests(base, cluster.kube);
  const sensors = await startSensors(parts);
  state.sensors = sensors.reconciler.running;
  const ingress = await startSources(parts);
  state.listed = { sensors: sensors.listed, sources: ingress.listed };
  const endpoints: Endpoints = {
    server: server.url,
    ingress: ingress.url,
    kube: cluster.url,
    kubeconfig: dataDir.file("kubeconfig"),
    token: dataDir.file("token"),
    pid: process.pid,
    simulated: true,
  };
  await releaseGarbage();
  state.notReady = undefined;
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
  stack.use(
    nursery.start("event projection", (signal) => projection.follow("system", bus, [rawSubject("events.>")], signal)),
  );
  const ledger = stack.use(await openLedger({ bus, writer: randomUUID().slice(0, 8), clock, log }));
  return { ledger, projection };
}

interface Cluster {
  readonly kube: KubeClient;
  readonly url: string;
}

/** The embedded control plane, for the engine in process and for `kubectl` over HTTPS. */
async function openCluster({ config, stack, clock, log, dataDir }: Base): Promise<Cluster> {
  const user = { token: dataDir.token, name: "tiphys-admin", groups: ["system:masters"] };
  const plane = stack.use(
    await openControlPlane({
      path: dataDir.file("kube.db"),
      clock,
      log,
      users: [user],
      simulate: true,
      admission: ({ object }) => admit(object),
    }),
  );
  const certificate = await ensureCertificate(dataDir.path, clock);
  const served = stack.use(await serveControlPlane({ plane, host, port: config.kubePort, certificate, log }));
  const text = kubeconfigText({ url: served.url, caPem: certificate.cert, token: dataDir.token, name: "tiphys" });
  replaceFile(dataDir.file("kubeconfig"), text);
  const kube = createKubeClient({ fetch: plane.fetch, baseUrl: served.url, token: dataDir.token, log });
  return { kube, url: served.url };
}

async function applyManifests({ config, stack, nursery, clock, log }: Base, kube: KubeClient): Promise<number> {
  const signal = AbortSignal.timeout(startReadMs);
  for (const crd of eventCrds({ sources: sourceSchemas(), triggers: triggerSchemas() }))
    await installCrd(kube, crd, signal);
  if (config.manifests === undefined) return 0;
  const dir = createManifestDir({ path: config.manifests, kube, clock, log });
  const applied = await dir.applyAll(signal);
  stack.use(nursery.start("manifests", (stop) => dir.watch(stop)));
  return applied;
}

async function installCrd(kube: KubeClient, crd: CustomResourceDefinition, signal: AbortSignal): Promise<void> {
  const ref = { apiVersion: crd.apiVersion, kind: crd.kind, name: crd.metadata.name };
  const body = crd as unknown as JsonObject;
  await kube.patch(ref, "application/apply-patch+yaml", body, { fieldManager: "tiphys", force: true }, signal);
}

/** A stored message that is no event is skipped, recorded and counted. */
function reportInvalid(
  bus: string,
  { clock, log, metrics, ledger }: Pick<Parts, "clock" | "log" | "metrics" | "ledger">,
): (message: StoredMessage, reason: string) => void {
  return ({ subject, sequence }, reason) => {
    log.error("a stored message is not an event", { bus, subject, sequence, reason });
    metrics.eventsInvalid.add({ namespace: "", bus });
    const causes = [`${bus}:${sequence}`];
    const { kept } = ledger.write({
      kind: "invalid",
      at: clock.now(),
      causes,
      bus,
      subject,
      sequence,
      message: reason,
    });
    kept.catch((error: unknown) => log.error("a record could not be stored", { error }));
  };
}

/** Everything that Sensors and sources are made of. */
interface Parts extends Base, Records {
  readonly kube: KubeClient;
  readonly directory: MutableBusDirectory;
  readonly system: BusHandle;
  readonly partitions: Partitions;
  readonly writeStatus: WriteStatus;
}

function openParts(base: Base, bus: EventBus, records: Records, { kube }: Cluster): Parts {
  const { clock, log } = base;
  const system = createSystemHandle(base, bus, records.ledger);
  const partitions = createPartitions({ bus, clock, log });
  const writeStatus = createStatusWriter(kube, clock);
  return { ...base, ...records, kube, directory: createBusDirectory(system), system, partitions, writeStatus };
}

function createSystemHandle({ clock, log, metrics }: Base, bus: EventBus, ledger: Ledger): BusHandle {
  const reader = createEventReader({
    name: "system",
    bus,
    stream: "events",
    subjects: [rawSubject("events.>")],
    parseSubject: parseSystemSubject,
    onInvalid: reportInvalid("system", { clock, log, metrics, ledger }),
  });
  return { name: "system", bus, reader, stream: "events", subjectOf: eventSubject };
}

/** EventBuses and Sensors run before the first source does: what a source emits then is not missed by a Sensor. */
async function startSensors(parts: Parts): Promise<RunningController<SensorController>> {
  const { stack, nursery, partitions, clock, log, system } = parts;
  const finished = await readFinished(parts);
  stack.use(nursery.start("partitions", (signal) => partitions.run(signal)));
  const buses = runController(parts, "EventBus", ({ cache, request }) => {
    const runBus = createBusRunner(parts);
    return createEventBusController({ ...parts, cache, runBus, request });
  });
  const sensors = runController(parts, "Sensor", ({ cache, request }) =>
    createSensorController({
      ...parts,
      cache,
      request,
      schemas: triggerSchemas(),
      buses: parts.directory,
      createRunner: createRunnerFactory(parts, finished),
    }),
  );
  parts.directory.onChange((namespace) => sensors.requestAll(namespace));
  await within(clock, settleMs, Promise.all([buses.settled, sensors.settled]));
  stack.use(nursery.start("event reader", (signal) => system.reader.run(signal)));
  log.debug("sensors started", { sensors: sensors.reconciler.running().length });
  return sensors;
}

interface RunningController<R extends Reconciler> extends Controller {
  readonly reconciler: R;
  /** Every object of the kind, with its conditions. */
  listed(): readonly ListedResource[];
}

/** A controller with its watch cache; both stop, and what the reconciler runs ends, when the engine is disposed of. */
function runController<R extends Reconciler & { stopAll(): Promise<void> }>(
  { stack, nursery, kube, clock, log }: Parts,
  kind: string,
  create: (deps: { cache: WatchCache; request: (namespace: string, name: string) => void }) => R,
): RunningController<R> {
  const gvk = { apiVersion: argoApiVersion, kind };
  const cache = createWatchCache({ client: kube, kind: gvk, clock, log, trim: withoutManagedFields });
  let controller: Controller | undefined;
  const reconciler = create({ cache, request: (namespace, name) => controller?.request(namespace, name) });
  controller = createController({ kind: gvk, cache, reconciler, clock, log });
  const { run } = controller;
  stack.use(nursery.start(`${kind} cache`, (signal) => cache.run(signal)));
  stack.defer(() => reconciler.stopAll());
  stack.use(nursery.start(`${kind} controller`, run));
  return { ...controller, reconciler, listed: () => [...cache.items()].map(toListed) };
}

function toListed(object: KubeObject): ListedResource {
  const { namespace = "", name = "", uid = "" } = object.metadata;
  return { namespace, name, uid, conditions: conditionsOf(object) };
}

/** Who wrote which field is as long as the object itself, and no controller asks. */
function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

type Finished = Pick<SensorRunnerDeps, "finished" | "finishedUntil">;

/** Keys of effects with a stored outcome that a stored position has not passed: they are not repeated. */
async function readFinished({ ledger, partitions }: Parts): Promise<Finished> {
  const signal = AbortSignal.timeout(startReadMs);
  const cells = await partitions.open(signal);
  const { epoch, after } = ledger.mark();
  let since = after;
  for (const map of cells) {
    for (const position of ledgerPositionsIn(map))
      if (position.epoch === epoch) since = Math.min(since, position.after);
  }
  const finished = new Set<string>();
  for await (const records of ledger.readEffects({ epoch, after: since }, signal)) {
    for (const { key, outcome } of records) if (outcome !== "failed") finished.add(key);
  }
  return { finished, finishedUntil: { epoch, after } };
}

function createRunnerFactory(parts: Parts, finished: Finished) {
  return async (compiled: CompiledSensor, handle: BusHandle): Promise<SensorRunner> => {
    const { namespace, name } = compiled.head;
    const log = parts.log.child({ namespace, sensor: name });
    const kube = parts.kube.as(serviceAccountUser(namespace, compiled.sensor.template));
    const context = { kube, secret: createSecretReader(kube, namespace), allowLoopback: true, clock: parts.clock, log };
    return createSensorRunner(compiled, {
      ...parts,
      log,
      ...finished,
      reader: handle.reader,
      bus: handle.name,
      subjectOf: (eventSource, event) => handle.subjectOf(namespace, eventSource, event),
      start: () => handle.bus.end(handle.stream),
      partition: await parts.partitions.of(namespace, name),
      execute: createExecutor(compiled, { kinds: triggerKinds, context }),
      putDead: createDeadLetters(parts.system.bus, compiled.head, parts.clock),
    });
  };
}

/** A connection of its own for a `jetstreamExotic` EventBus, in Argo Events' wire format. */
function createBusRunner({ clock, kube, ledger, log, metrics, projection }: Parts) {
  return async (
    { metadata: { namespace, name }, spec }: EventBusResource,
    onOpen: (handle: BusHandle) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    const { url, streamConfig, ...access } = readExotic(spec.jetstreamExotic, createSecretReader(kube, namespace));
    const stream = argoStream(streamConfig);
    const label = `${namespace}/${name}`;
    await using bus = await openJetStreamBus({
      servers: url,
      streams: [stream],
      ...access,
      log,
      clock,
      name: `tiphys ${label}`,
    });
    const reader = createEventReader({
      name: label,
      bus,
      stream: stream.name,
      subjects: stream.subjects,
      parseSubject: (subject) => ({ namespace, ...parseArgoSubject(subject) }),
      onInvalid: reportInvalid(label, { clock, log, metrics, ledger }),
    });
    onOpen({
      name: label,
      bus,
      reader,
      stream: stream.name,
      subjectOf: (_, source, event) => argoSubject(source, event),
    });
    await Promise.all([reader.run(signal), projection.follow(label, bus, stream.subjects, signal)]);
  };
}

interface RunningSources extends Pick<RunningController<EventSourceController>, "listed"> {
  readonly url: string;
  /** Of each HTTP event. */
  urls(): readonly string[];
}

/** HTTP sources are served once everything behind them runs. */
async function startSources(parts: Parts): Promise<RunningSources> {
  const { config, stack, clock, log, metrics } = parts;
  const ingress = stack.use(await openIngress({ host, port: config.ingressPort, log }));
  const state = parts.system.bus.state("sources");
  const sources = runController(parts, "EventSource", ({ cache, request }) =>
    createEventSourceController({
      ...parts,
      cache,
      request,
      schemas: sourceSchemas(),
      buses: parts.directory,
      urlOf: ({ metadata }, { kind, name }) =>
        sourceKinds[kind]?.http ? `${ingress.url}${ingress.pathOf(metadata, name)}` : undefined,
      runSource(eventSource, handle, report, signal) {
        const { metadata, template } = eventSource;
        const kube = parts.kube.as(serviceAccountUser(metadata.namespace, template));
        return runEventSource(
          {
            eventSource,
            kinds: sourceKinds,
            publish: (event) => publishEvent(handle, metadata.namespace, event),
            mountFor: (event) => ingress.mountFor(metadata, event, (message) => report.warning(event, message)),
            secret: createSecretReader(kube, metadata.namespace),
            kube,
            state,
            clock,
            log: log.child({ namespace: metadata.namespace }),
            metrics,
            onStatus: (event, status) => report.status(event, status.state === "failed" ? status.message : undefined),
          },
          signal,
        );
      },
    }),
  );
  parts.directory.onChange((namespace) => sources.requestAll(namespace));
  await within(clock, settleMs, sources.settled);
  const urlsOf = ({ metadata, events }: EventSource): string[] =>
    events.flatMap(({ kind, name }) =>
      sourceKinds[kind]?.http ? [`${ingress.url}${ingress.pathOf(metadata, name)}`] : [],
    );
  return { url: ingress.url, listed: sources.listed, urls: () => sources.reconciler.running().flatMap(urlsOf) };
}

/** Waits for `settled`, but not longer than `ms`: an object that is slow to settle must not hold up the rest. */
async function within(clock: Clock, ms: number, settled: Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  const late = sleepFor(clock, ms, enough.signal).catch(() => undefined);
  await Promise.race([settled, late]);
  enough.abort();
}

function serviceAccountUser(namespace: string, { serviceAccountName }: PodTemplate): string {
  return `system:serviceaccount:${namespace}:${serviceAccountName || "default"}`;
}

/** What the API learns as the start goes on. */
interface ApiState {
  notReady: string | undefined;
  sensors: () => readonly CompiledSensor[];
  listed: { readonly sensors: () => readonly ListedResource[]; readonly sources: () => readonly ListedResource[] };
}

/** Answers health checks from here on, questions once Sensors run, until everything else has stopped. */
async function openApi(parts: Parts, state: Readonly<ApiState>) {
  const { config, stack, dataDir, metrics, log, projection, directory, clock } = parts;
  const why = createWhy({
    history: projection.history,
    sensors: () => state.sensors(),
    readEvent: (head) => readStoredEvent(directory, head),
  });
  const send = createEventSender(directory, clock);
  const { token } = dataDir;
  return stack.use(
    await openServer({
      host,
      port: config.port,
      token,
      metrics,
      history: projection.history,
      notReady: () => state.notReady,
      sensors: () => state.listed.sensors(),
      sources: () => state.listed.sources(),
      why,
      send,
      log,
    }),
  );
}
