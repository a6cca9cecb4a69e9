import { setImmediate as nextTurn } from "node:timers/promises";
import type { Application } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { Schema } from "../../base/schema.ts";
import { createSlots } from "../../base/slots.ts";
import type { CompiledSensor } from "../../events/sensor/compile.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { consentOf } from "../../gitops/reconcile/held-back.ts";
import { claimantOf } from "../../gitops/reconcile/look.ts";
import { type Reconciled, reconcile } from "../../gitops/reconcile/reconcile.ts";
import { refreshAsked } from "../../gitops/reconcile/refresh-needed.ts";
import { mergeRequests, type ReconcileRequest, requestOf } from "../../gitops/reconcile/request.ts";
import { isMovingChart } from "../../gitops/reconcile/resolve-source.ts";
import { unreadableStatus } from "../../gitops/reconcile/status.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import type { Reconciler } from "../reconciler.ts";
import { deleteApplication, releaseApplication } from "./application-deletion.ts";
import {
  addRequest,
  createEntry,
  type Entry,
  holdWish,
  putBack,
  settle,
  type Taken,
  takeRequests,
} from "./application-entry.ts";
import type { ApplicationIndex } from "./application-index.ts";
import { type OperationDeps, type RunDeps, runOperation, type SyncRecordDraft } from "./application-operation.ts";
import { type LocalReason, localEvent, requestFor } from "./application-requests.ts";
import { placeText, selectorsOf } from "./application-selectors.ts";
import { applicationRepositories, compileApplicationSensor, usedRepositories } from "./application-sensor.ts";
import { readApplication } from "./application-store.ts";
import {
  beginAsked,
  isInProgress,
  isStored,
  recordDecision,
  type Written,
  withoutRepeatedWish,
  writeReconciled,
} from "./application-write.ts";
import { keepDeletionFinalizers } from "./deletion-hooks.ts";
import { createEarlyRequests, type EarlyRequests } from "./early-requests.ts";
import type { ChangedApplication } from "./live-changes.ts";
import { lastSyncOf } from "./operation-progress.ts";
import type { UsedRepository } from "./repository-poller.ts";
import { supersede } from "./superseding.ts";

export interface ApplicationControllerDeps extends OperationDeps {
  readonly index: ApplicationIndex;
  /** Schemas of the trigger kinds, for the Sensor that an Application is. */
  readonly schemas: Readonly<Record<string, Schema<unknown>>>;
  readonly metrics: Metrics;
  /** Asks for another reconcile of an Application. */
  readonly request: (namespace: string, name: string) => void;
}

export interface ApplicationController extends Reconciler {
  /**
   * Gives an event to the Sensors of the Applications that it can concern, which turn it into requests.
   * @returns those that were asked
   */
  offer(received: ReceivedEvent): readonly string[];
  /**
   * A stored request for one Application, which may not be known yet. `done` is called once it was acted on, or is known
   * to concern nothing.
   */
  offerStored(application: string, received: ReceivedEvent, done: () => void): void;
  /** What is not stored, for one Application. Resolves when it was acted on. */
  offerLocal(reason: LocalReason): Promise<void>;
  /** Makes all Applications known to `offer`, whatever their first looks wait for. */
  readAll(signal: AbortSignal): Promise<void>;
  /** By instance name, as trackings hold it. */
  byInstance(instance: string): ChangedApplication | undefined;
  /** Git repositories in use, as the sources name them; some may come twice. */
  repositories(): Iterable<UsedRepository>;
  /** Looks again at those with a chart that may have moved without a push, or at those that could not be compared. */
  lookAgain(which: "charts" | "failed", what: string): void;
  /** Applications as the Sensors that they are. */
  sensors(): readonly CompiledSensor[];
  stopAll(): Promise<void>;
}

/** Changes of live objects come in bursts: they are looked at together. */
const driftWindowMs = 20;
/** While an operation writes, its own changes are. */
const driftWindowInOperationMs = 250;
/** An operation whose state cannot be written is taken up again then. */
const failedOperationMs = 30_000;
/** Requests of all operations to clusters at once; operations that only wait are not bounded. */
const maxRequests = 64;

/** Applications: each is a Sensor whose one trigger reconciles it (DESIGN section 1). */
export function createApplicationController(deps: ApplicationControllerDeps): ApplicationController {
  return new ApplicationReconciler(deps);
}

class ApplicationReconciler implements ApplicationController {
  readonly #deps: ApplicationControllerDeps;
  readonly #runDeps: RunDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #byInstance = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #early: EarlyRequests;

  constructor(deps: ApplicationControllerDeps) {
    this.#deps = deps;
    this.#early = createEarlyRequests({
      clock: deps.clock,
      log: deps.log,
      stop: this.#stop.signal,
      isThere: (key) => deps.store.find(key) !== undefined,
    });
    this.#runDeps = {
      ...deps,
      slots: createSlots(maxRequests),
      onDisturbed: (keys) => this.#disturb(keys, "an operation of another Application"),
      onEnd: (record, application) => this.#count(record, application),
    };
  }

  offer(received: ReceivedEvent): readonly string[] {
    return this.#offer(received, undefined, undefined);
  }

  offerStored(application: string, received: ReceivedEvent, done: () => void): void {
    const entry = this.#entries.get(application);
    // What it asks for was decided when it was stored; before its first reconcile an Application is in no index.
    if (entry?.sensor !== undefined) this.#offer(received, application, done);
    else if (entry?.problem === undefined) this.#early.add(application, { received, done });
    else this.#submitDirectly(application, received, done);
  }

  offerLocal(reason: LocalReason): Promise<void> {
    return new Promise((resolve) => {
      this.#offer(localEvent(reason, this.#deps.clock.now()), reason.application, resolve);
    });
  }

  #offer(received: ReceivedEvent, only: string | undefined, done: (() => void) | undefined): readonly string[] {
    const { index, clock, metrics } = this.#deps;
    const request = requestFor(received);
    const keys = new Set<string>();
    for (const { key, decision } of index.match(received, clock.now(), only)) {
      if (decision.kind === "fire" && request !== undefined) keys.add(key);
      if (decision.kind === "rejected") {
        const [namespace = "", sensor_name = ""] = key.split("/");
        metrics.eventRejected.add({ namespace, sensor_name, dependency: decision.dependency });
      }
    }
    if (request === undefined || keys.size === 0) done?.();
    else for (const key of keys) this.#submit(key, request, done);
    return [...keys];
  }

  async readAll(signal: AbortSignal): Promise<void> {
    for (const [count, object] of this.#deps.store.list().entries()) {
      const { namespace, name } = object.metadata;
      const application = readApplication(object);
      const key = `${namespace}/${name}`;
      if (!("problem" in application)) this.#tryCompile(key, this.#entryOf(key, object), application);
      if (count % 50 === 49) await nextTurn(); // others go on meanwhile
      if (signal.aborted) return;
    }
  }

  #submitDirectly(key: string, received: ReceivedEvent, done: () => void): void {
    const request = requestFor(received);
    if (request === undefined) done();
    else this.#submit(key, request, done);
  }

  byInstance(instance: string): ChangedApplication | undefined {
    const key = this.#byInstance.get(instance);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return undefined;
    const [namespace = "", name = ""] = key.split("/");
    const lastSync = entry.run?.recordKey ?? entry.lastSync;
    return { key, head: { namespace, name, uid: entry.uid }, lastSync };
  }

  repositories(): Iterable<UsedRepository> {
    return [...this.#entries.values()].flatMap(({ repositories }) => repositories);
  }

  lookAgain(which: "charts" | "failed", what: string): void {
    for (const [key, { hasMovingChart, memory }] of this.#entries) {
      const isWanted = which === "charts" ? hasMovingChart : memory.hasFailed === true;
      if (isWanted) void this.offerLocal({ reason: "timer", application: key, id: `timer/${key}`, what, level: 2 });
    }
  }

  sensors(): readonly CompiledSensor[] {
    return [...this.#entries.values()].flatMap(({ sensor }) => (sensor === undefined ? [] : [sensor.compiled]));
  }

  async stopAll(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([...this.#entries.values()].map(({ run }) => run?.ended));
  }

  async reconcile(ref: ObjectRef, signal: AbortSignal): Promise<{ readonly againAfterMs?: number }> {
    const key = `${ref.namespace}/${ref.name}`;
    const object = this.#deps.store.find(key);
    if (object === undefined) {
      this.#forget(key);
      return {};
    }
    const entry = this.#entryOf(key, object);
    const application = readApplication(object);
    if ("problem" in application) return this.#refuse(key, entry, object, application.problem, signal);
    this.#compile(key, entry, application);
    if (application.metadata.annotations["argocd.argoproj.io/skip-reconcile"] === "true") {
      await this.#passOver(key, entry, object, "reconciling is turned off (skip-reconcile)");
      return {};
    }
    if (application.deletedAt !== "" && application.operation === undefined) {
      await this.#passOver(key, entry, object, "the Application is being deleted");
      return deleteApplication(key, application, this.#deps, signal);
    }
    await this.#ensureOperation(key, entry, application, object, signal);
    return this.#act(key, entry, application, object, signal);
  }

  #entryOf(key: string, { metadata: { uid = "" } }: KubeObject): Entry {
    const known = this.#entries.get(key);
    if (known?.uid === uid) return known;
    const entry = createEntry(uid, known);
    if (known !== undefined) {
      known.waiting = known.held = { pending: undefined, done: [] };
      this.#forget(key);
    }
    this.#entries.set(key, entry);
    return entry;
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#deps.store.forget(key);
    this.#deps.index.delete(key);
    if (this.#byInstance.get(entry.instance) === key) this.#byInstance.delete(entry.instance);
    entry.timer?.abort();
    entry.run?.terminate();
    settle(takeRequests(entry, false));
    this.#disturb(this.#deps.claims.forget(key), `Application ${key}`);
  }

  async #refuse(key: string, entry: Entry, object: KubeObject, problem: string, signal: AbortSignal) {
    this.#deps.index.delete(key);
    entry.sensor = undefined;
    entry.problem = problem;
    for (const { received, done } of this.#early.take(key)) this.#submitDirectly(key, received, done);
    await this.#passOver(key, entry, object, problem);
    if (object.metadata.deletionTimestamp !== undefined) {
      this.#deps.log.warn("an Application that cannot be read is let go; its objects stay", {
        application: key,
        problem,
      });
      await releaseApplication(key, this.#deps, signal);
      return {};
    }
    const status = unreadableStatus(object, problem, this.#deps.clock.now());
    if (status !== undefined) await this.#deps.store.patch(key, { status }, signal);
    return {};
  }

  /** Nothing is done now; what was asked for leaves a record, and later it is looked at in any case. */
  async #passOver(key: string, entry: Entry, { metadata }: KubeObject, reason: string): Promise<void> {
    entry.hasPassedOver = true;
    entry.timer?.abort();
    const taken = takeRequests(entry, false);
    const { pending } = taken;
    if (pending !== undefined && isStored(pending)) {
      const { namespace = "", name = "", uid = "" } = metadata;
      const unread = { namespace, name, uid, revision: "", kind: "Application" as const };
      const ids = pending.causes.map(({ id }) => id);
      this.#deps.log.info("a request is not acted on", { application: key, reason, causes: ids });
      await recordDecision(entry.sensor?.compiled.head ?? unread, pending, reason, this.#deps);
    }
    settle(taken);
  }

  /** What is wrong with it comes up again, and is told, at its look. */
  #tryCompile(key: string, entry: Entry, application: Application): void {
    try {
      this.#compile(key, entry, application);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }

  /** The Sensor is made anew when the spec says something else. */
  #compile(key: string, entry: Entry, application: Application): void {
    const text = JSON.stringify(application.spec);
    entry.problem = undefined;
    if (entry.sensor?.text === text) return;
    const compiled = compileApplicationSensor(application, this.#deps.schemas);
    entry.sensor = { text, compiled };
    entry.repositories = usedRepositories(application);
    entry.hasMovingChart = application.sources.some(isMovingChart);
    entry.instance = claimantOf(application, this.#deps.controllerNamespace).instance;
    const selectors = selectorsOf(compiled);
    const places = applicationRepositories(application).flatMap((one) => selectors.map((ref) => placeText(one, ref)));
    this.#deps.index.set(key, compiled, places);
    this.#byInstance.set(entry.instance, key);
    for (const { received, done } of this.#early.take(key)) this.#submitDirectly(key, received, done);
  }

  #submit(key: string, request: ReconcileRequest, done: (() => void) | undefined): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      done?.();
      return;
    }
    addRequest(entry, request, done);
    const isDrift = request.causes.every(({ reason }) => reason === "drift");
    if (isDrift) this.#requestSoon(key, entry);
    else this.#request(key);
  }

  #request(key: string): void {
    const [namespace = "", name = ""] = key.split("/");
    this.#deps.request(namespace, name);
  }

  #requestSoon(key: string, entry: Entry): void {
    if (entry.isSoon) return;
    entry.isSoon = true;
    const windowMs = entry.run === undefined ? driftWindowMs : driftWindowInOperationMs;
    sleepFor(this.#deps.clock, windowMs, this.#stop.signal).then(
      () => {
        entry.isSoon = false;
        this.#request(key);
      },
      () => undefined, // the engine ends
    );
  }

  /** Other Applications whose shared objects changed. */
  #disturb(keys: Iterable<string>, by: string): void {
    for (const application of keys) {
      const what = `${by} wants, or gives up, an object of this one`;
      const id = `spec/${application}/shared-with/${by}`;
      void this.offerLocal({ reason: "spec", application, id, what, level: 1 });
    }
  }

  /** What waits, and what the Application itself asks for. */
  #wanted(entry: Entry, application: Application, pending: ReconcileRequest | undefined): ReconcileRequest | undefined {
    const { name, namespace, annotations } = application.metadata;
    const { clock } = this.#deps;
    const asked = refreshAsked(application, annotations, clock.now(), { softMs: 0, hardMs: 0 });
    let request = pending === undefined ? undefined : withoutRepeatedWish(pending, application);
    const id = `spec/${namespace}/${name}/${application.metadata.generation}`;
    if (asked !== undefined) {
      const own = requestOf({ reason: "spec", id, text: asked.reason }, asked.level, { hard: asked.hard });
      request = mergeRequests(request, own);
    }
    if (entry.hasPassedOver) {
      request = mergeRequests(request, requestOf({ reason: "spec", id, text: "it was passed over until now" }, 3));
    }
    const { run } = entry;
    if (request !== undefined && run !== undefined && application.operation === undefined) {
      // It has just ended, at a commit that may be newer than the one compared last: that one must not be synced again.
      const ended = { reason: "timer", id: `timer/${run.recordKey}`, text: "an operation ended" } as const;
      request = mergeRequests(request, requestOf(ended, 2));
    }
    if (entry.isKnown && consentOf(application) !== entry.consent) {
      const text = "what annotations say about automated syncs was changed";
      request = mergeRequests(request, requestOf({ reason: "spec", id, text }, 1));
    }
    if (entry.isKnown) return request;
    return mergeRequests(request, requestOf({ reason: "spec", id, text: "the engine has started" }, 2));
  }

  async #act(key: string, entry: Entry, application: Application, object: KubeObject, signal: AbortSignal) {
    const taken = takeRequests(entry, application.operation !== undefined);
    const request = this.#wanted(entry, application, taken.pending);
    if (request === undefined) return {};
    try {
      const startedMs = this.#deps.clock.monotonicMs();
      const result = await reconcile(application, request, entry.memory, this.#deps, signal);
      this.#disturb(result.found?.look.disturbed ?? [], `Application ${key}`);
      supersede(entry.run, application, result);
      const sensor = entry.sensor?.compiled.head;
      const { resourceVersion } = object.metadata;
      const reconciled = { key, application, resourceVersion, request, result, sensor };
      const written = await writeReconciled(reconciled, this.#deps, signal);
      entry.isKnown = true;
      entry.hasPassedOver = false;
      entry.consent = consentOf(application);
      await keepDeletionFinalizers(key, application, result.found?.look, this.#deps, signal);
      const { metrics, clock } = this.#deps;
      const labels = { namespace: application.metadata.namespace, dest_server: application.destination.server ?? "" };
      metrics.appReconcile.observe(labels, clock.monotonicMs() - startedMs);
      await this.#finish(key, entry, taken, written, request, signal);
      this.#askAgain(key, entry, result);
      return {};
    } catch (error) {
      putBack(entry, taken);
      throw error;
    }
  }

  /** A wish that has to wait for the operation in progress is kept; its end asks again. */
  async #finish(
    key: string,
    entry: Entry,
    taken: Taken,
    written: Written,
    request: ReconcileRequest,
    signal: AbortSignal,
  ): Promise<void> {
    if (written.keepsWish) holdWish(entry, { pending: request, done: taken.done });
    else settle(taken);
    if (!written.began) return;
    const object = this.#deps.store.find(key);
    const application = object && readApplication(object);
    if (object === undefined || application === undefined || "problem" in application) return;
    await this.#ensureOperation(key, entry, application, object, signal);
  }

  /** Each look says anew whether, and when, there is to be another one. */
  #askAgain(key: string, entry: Entry, { decision, againAfterMs }: Reconciled): void {
    entry.timer?.abort();
    if (decision.kind === "wait") this.#again(key, entry, decision.afterMs, decision.reason);
    else if (againAfterMs !== undefined)
      this.#again(key, entry, againAfterMs, "what failed, or kept it back, may have passed");
  }

  #again(key: string, entry: Entry, afterMs: number, what: string): void {
    entry.timer?.abort();
    entry.timer = new AbortController();
    sleepFor(this.#deps.clock, afterMs, AbortSignal.any([this.#stop.signal, entry.timer.signal])).then(
      () => this.offerLocal({ reason: "timer", application: key, id: `timer/${key}`, what, level: 2 }),
      () => undefined, // there is another one, or the engine ends
    );
  }

  async #ensureOperation(
    key: string,
    entry: Entry,
    application: Application,
    object: KubeObject,
    signal: AbortSignal,
  ): Promise<void> {
    const state = objectOf(application.status.operationState);
    if (application.operation === undefined) {
      entry.lastSync ??= lastSyncOf(state);
      return;
    }
    if (entry.run === undefined) {
      if (!isInProgress(application)) {
        const { resourceVersion } = object.metadata;
        const asked = { key, application, resourceVersion, sensor: entry.sensor?.compiled.head };
        const began = await beginAsked(asked, this.#deps, signal);
        if (!began) return;
      }
      this.#run(key, entry);
    }
    if (state.phase === "Terminating") entry.run?.terminate();
  }

  #run(key: string, entry: Entry): void {
    const run = runOperation(key, entry.memory, this.#runDeps, this.#stop.signal);
    entry.run = run;
    entry.lastSync = run.recordKey;
    const over = (): void => {
      entry.run = undefined;
      if (this.#stop.signal.aborted) return;
      const what = "an operation ended";
      void this.offerLocal({ reason: "timer", application: key, id: `timer/${run.recordKey}`, what, level: 2 });
    };
    run.ended.then(over, (error: unknown) => {
      entry.run = undefined;
      if (this.#stop.signal.aborted) return;
      this.#deps.log.error("an operation could not be stored, it goes on later", { application: key, error });
      this.#again(key, entry, failedOperationMs, "an operation could not be stored");
    });
  }

  #count({ phase }: SyncRecordDraft, { metadata, project, destination, operation }: Application): void {
    const { namespace, name } = metadata;
    const dry_run = String(operation?.sync?.dryRun === true);
    this.#deps.metrics.appSync.add({ namespace, name, project, dest_server: destination.server ?? "", phase, dry_run });
  }
}
