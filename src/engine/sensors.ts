import { join } from "node:path";
import type { Sensor } from "../api/resources.ts";
import type { Clock } from "../base/clock.ts";
import { type BusHandle, readStoredEvent } from "../controllers/bus-directory.ts";
import { createEventBusController } from "../controllers/event-bus.ts";
import { publishOwn } from "../controllers/own-events.ts";
import { createSensorMoves } from "../controllers/own-pod/sensor-moves.ts";
import { createSensorPods } from "../controllers/own-pod/sensor-pods.ts";
import { createSecretReader } from "../controllers/secret-reader.ts";
import { createSensorController, type RunReports, type SensorController } from "../controllers/sensor.ts";
import type { EventBus } from "../events/bus/bus.ts";
import type { Execute } from "../events/sensor/attempts.ts";
import type { CompiledSensor } from "../events/sensor/compile.ts";
import { createDeadLetters } from "../events/sensor/dead-letters.ts";
import { mayNotAct } from "../events/sensor/effect-queue.ts";
import { createExecutor, type ExecutorDeps } from "../events/sensor/executor.ts";
import type { LimitOf } from "../events/sensor/lane.ts";
import { announcing } from "../events/sensor/outcome-events.ts";
import type { Partition } from "../events/sensor/partition.ts";
import { createRateLimit, rateKey, rateStore } from "../events/sensor/rate-limit.ts";
import { createSensorRunner, type SensorRunner, type SensorRunnerDeps } from "../events/sensor/runner.ts";
import { ledgerPositionsIn } from "../events/sensor/sensor-cells.ts";
import { createTicker, type Ticker } from "../events/sensor/ticker.ts";
import { triggerKinds as builtIn } from "../events/triggers/registry.ts";
import type { GitFiles, GitOpsTarget } from "../events/triggers/trigger.ts";
import { withCheckedWrites } from "../kube/checked-writes.ts";
import { type EventHead, outcomeKey } from "../record/records.ts";
import { createBusRunner } from "./buses.ts";
import {
  type Parts,
  type RunningController,
  runController,
  serviceAccountUser,
  settleMs,
  startReadMs,
  surroundingsOf,
  within,
} from "./parts.ts";

/** What triggers reach beyond the bus and the cluster. */
export interface TriggerTargets {
  readonly gitOps: GitOpsTarget;
  readonly git: GitFiles;
}

/** EventBuses and Sensors run before the first source does: what a source emits then is not missed by a Sensor. */
export async function startSensors(
  parts: Parts,
  targets: TriggerTargets,
): Promise<RunningController<SensorController>> {
  const { stack, nursery, partitions, clock, log, system } = parts;
  const finished = await readFinished(parts);
  stack.use(nursery.start("partitions", (signal) => partitions.run(signal)));
  const ticker = createTicker(parts);
  stack.use(nursery.start("ticker", (signal) => ticker.run(signal)));
  const buses = runController(parts, "EventBus", ({ cache, request }) => {
    const runBus = createBusRunner(parts);
    return createEventBusController({ ...parts, cache, runBus, request });
  });
  const sensors = runController(parts, "Sensor", ({ cache, request }) => {
    parts.outcomes.follow(cache);
    return createSensorController({
      ...parts,
      cache,
      request,
      schemas: parts.kinds.schemas.triggers,
      buses: parts.directory,
      owns: parts.leases.sensors.owns,
      isInCluster: !parts.isSimulated,
      ...(parts.isSimulated ? {} : { moves: movesOf(parts) }),
      createRunner: createRunnerFactory(parts, { ...finished, ticker }, targets),
    });
  });
  parts.leases.sensors.workBy({
    changed: (partition) => sensors.reconciler.requestPartition(partition),
    stop: (partition) => sensors.reconciler.stopPartition(partition),
  });
  stack.use(nursery.start("redrives", (signal) => parts.redrives.run(signal)));
  parts.directory.onChange((namespace) => sensors.requestAll(namespace));
  await within(clock, settleMs, Promise.all([buses.settled, sensors.settled]));
  stack.use(nursery.start("event reader", (signal) => system.reader.run(signal)));
  log.debug("sensors started", { sensors: sensors.reconciler.running().length });
  return sensors;
}

function movesOf({ kube, config, directory, partitions, clock, log }: Parts) {
  const pods = createSensorPods({
    kube,
    image: config.image,
    userOf: ({ metadata, template }) => serviceAccountUser(metadata.namespace, template),
    isBuiltIn: (kind) => Object.hasOwn(builtIn, kind),
    forgets: (namespace, bus) => directory.busFor(namespace, bus).readFrom !== undefined,
    clock,
  });
  return createSensorMoves({ pods, partitions, buses: directory, clock, log });
}

type Finished = Required<Pick<SensorRunnerDeps, "finished" | "finishedUntil">>;

/** `outcomeKey`s of effects with a stored outcome that a stored position has not passed: they are not repeated. */
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
    for (const record of records) if (record.outcome !== "failed") finished.add(outcomeKey(record));
  }
  return { finished, finishedUntil: { epoch, after } };
}

function createRunnerFactory(parts: Parts, shared: Finished & { readonly ticker: Ticker }, targets: TriggerTargets) {
  const { dead, directory, redrives, ledger, clock, metrics } = parts;
  const readEvent = (head: EventHead) => readStoredEvent(directory, head);
  return async (compiled: CompiledSensor, own: BusHandle, { startAt, ...told }: RunReports): Promise<SensorRunner> => {
    const handle = own.readFrom ?? own;
    const { namespace, name } = compiled.head;
    const partition = await parts.partitions.of(namespace, name);
    const acting = createActing(parts, compiled, targets, partition);
    // Field by field: V8 keeps an object that is copied together from several, of so many fields, as a table of 3 KiB.
    return createSensorRunner(compiled, {
      execute: acting.execute,
      putDead: acting.putDead,
      expired: acting.expired,
      limitOf: acting.limitOf,
      log: acting.log,
      finished: shared.finished,
      finishedUntil: shared.finishedUntil,
      ticker: shared.ticker,
      reader: handle.reader,
      bus: handle.name,
      subjectOf: (eventSource, event) => handle.subjectOf(namespace, eventSource, event),
      start: () => startOf(startAt ?? compiled.sensor.startAt, handle, placeOfOpening(compiled.sensor, own, clock)),
      partition,
      redrive: { inbox: redrives.inbox({ namespace, name }), letters: dead, readEvent },
      report: told.report,
      onSlowed: told.onSlowed,
      ledger,
      clock,
      metrics,
    });
  };
}

type Acting = Pick<SensorRunnerDeps, "execute" | "putDead" | "log"> &
  Required<Pick<SensorRunnerDeps, "expired" | "limitOf">>;

/**
 * With whose hands a Sensor acts: its service account's; also in a replay, whose effects count for the same rate limits. In
 * a cluster it writes only while it may act: an engine may have been stopped for longer than its lease before a request.
 */
export function createActing(
  parts: Parts,
  compiled: CompiledSensor,
  targets: TriggerTargets,
  { mayAct }: Pick<Partition, "mayAct">,
): Acting {
  const { namespace, name } = compiled.head;
  const { clock } = parts;
  const log = parts.log.child({ namespace, sensor: name });
  const limitOf: LimitOf = (lane, intervalMs) => {
    const store = parts.system.bus.state(rateStore.name, { ttlMs: rateStore.ttlMs });
    return createRateLimit({ store, key: rateKey(namespace, name, lane), intervalMs, clock, log });
  };
  return {
    log,
    limitOf,
    ...announcing(
      compiled.head,
      {
        execute: createExecute(parts, compiled, targets, { log, mayAct }),
        putDead: createDeadLetters(parts.system.bus, compiled.head, clock),
      },
      parts.outcomes.targetOf(namespace, compiled.sensor.eventBusName),
      { clock, log },
    ),
  };
}

/** What a Sensor acts with is made at its first effect: of many Sensors most are idle. */
function createExecute(
  parts: Parts,
  compiled: CompiledSensor,
  targets: TriggerTargets,
  { log, mayAct }: Pick<Partition, "mayAct"> & Pick<Parts, "log">,
): Execute {
  let execute: Execute | undefined;
  const create = (): Execute => {
    const { namespace } = compiled.head;
    const account = parts.kube.as(serviceAccountUser(namespace, compiled.sensor.template));
    const secret = createSecretReader(account, namespace);
    const kube = withCheckedWrites(parts.hands ?? account, () => {
      if (!mayAct()) throw mayNotAct();
    });
    const context = triggerContext(parts, compiled, targets, { kube, secret, log });
    return createExecutor(compiled, { kinds: parts.kinds.triggers, context });
  };
  return (effect, signal) => {
    execute ??= create();
    return execute(effect, signal);
  };
}

/** What a Sensor's triggers may use. */
export function triggerContext(
  parts: Parts,
  { head: { namespace }, sensor }: CompiledSensor,
  targets: TriggerTargets,
  own: Pick<ExecutorDeps["context"], "kube" | "secret" | "log">,
): ExecutorDeps["context"] {
  const { clock, clients, config, dataDir, directory, proxies } = parts;
  return {
    ...own,
    ...targets,
    clients,
    surroundings: surroundingsOf(parts),
    fileRoot: config.fileRoot ?? join(dataDir.file("files"), namespace),
    emit: (event) => publishOwn(directory.busFor(namespace, sensor.eventBusName), namespace, event, clock),
    allowLoopback: true,
    proxies,
    clock,
  };
}

/** How long Sensors that waited for their bus may take to start once it is open. */
const startsWithinMs = 10_000;

/**
 * Sources begin when a bus opens, as the Sensors do that waited for it: those start where it stood then, so that what comes
 * while they start is not missed. Undefined for a Sensor that did not wait.
 */
function placeOfOpening({ metadata }: Sensor, { opened }: BusHandle, clock: Clock): Place | undefined {
  if (opened === undefined || clock.now() - opened.at > startsWithinMs) return undefined;
  return Date.parse(metadata.createdAt) <= opened.at ? opened.place : undefined;
}

type Place = Awaited<ReturnType<EventBus["end"]>>;

/** Where a Sensor that has not read yet begins: by itself at what comes from now on. */
async function startOf(
  startAt: Sensor["startAt"] = "latest",
  { bus, stream }: BusHandle,
  opening: Place | undefined,
): Promise<Place> {
  if (startAt === "latest") return opening ?? bus.end(stream);
  return bus.positionAt(stream, startAt === "earliest" ? 0 : startAt);
}
