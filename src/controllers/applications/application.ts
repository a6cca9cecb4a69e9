import type { Application } from "../../api/application-types.ts";
import { specChanges } from "../../api/application-zeros.ts";
import { objectOf } from "../../api/fields.ts";
import { isTrue, skipReconcile } from "../../api/resource-annotations.ts";
import { sleepFor } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { Schema } from "../../base/schema.ts";
import { createKeyedSlots } from "../../base/slots.ts";
import type { CompiledSensor } from "../../events/sensor/compile.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { clusterOf } from "../../gitops/reconcile/destination.ts";
import { consentOf } from "../../gitops/reconcile/held-back.ts";
import type { Memory } from "../../gitops/reconcile/look.ts";
import { type Reconciled, reconcile } from "../../gitops/reconcile/reconcile.ts";
import { refreshAsked } from "../../gitops/reconcile/refresh-needed.ts";
import { mergeRequests, type ReconcileRequest, requestOf } from "../../gitops/reconcile/request.ts";
import { unreadableStatus } from "../../gitops/reconcile/status.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import type { Reconciler } from "../reconciler.ts";
import { deleteApplication, releaseApplication } from "./application-deletion.ts";
import {
  type Entry,
  handOver,
  holdWish,
  putBack,
  settle,
  type Taken,
  takeRequests,
  waitsForItsTime,
} from "./application-entry.ts";
import type { ApplicationIndex } from "./application-index.ts";
import { countSync, type OperationDeps, type RunDeps, runOperation } from "./application-operation.ts";
import { applicationPartition, createTenure, type Tenure } from "./application-partition.ts";
import { type LocalReason, neededBy } from "./application-requests.ts";
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
import { type Asks, createAsks } from "./asks.ts";
import { keepDeletionFinalizers } from "./deletion-hooks.ts";
import { KnownApplications } from "./known-applications.ts";
import type { ChangedApplication } from "./live-changes.ts";
import { lastSyncOf } from "./operation-progress.ts";
import { polledRepositories } from "./polled-repositories.ts";
import type { UsedRepository } from "./repository-poller.ts";
import { supersede } from "./superseding.ts";
import { namespacesKey } from "./sync-settings.ts";
import { createWorkPlaces } from "./work-places.ts";

export interface ApplicationControllerDeps extends OperationDeps {
  readonly index: ApplicationIndex;
  /** Schemas of the trigger kinds, for the Sensor that an Application is. */
  readonly schemas: Readonly<Record<string, Schema<unknown>>>;
  readonly metrics: Metrics;
  /** Asks for another reconcile of an Application. */
  readonly request: (namespace: string, name: string) => void;
  /** Whether this engine may act, at this moment, for the Applications of a partition; default: for all. */
  readonly owns?: (partition: number) => boolean;
}

export interface ApplicationController extends Reconciler {
  /**
   * Gives an event to the Sensors of this engine's Applications that it can concern, which turn it into requests.
   * @returns those that were asked
   */
  offer(received: ReceivedEvent): readonly string[];
  /**
   * A stored request for one Application, which may not be known yet. `done` is called once it was acted on, or is known
   * to concern nothing; not if the Application goes to another engine meanwhile.
   */
  offerStored(application: string, received: ReceivedEvent, done: () => void): void;
  /** What is not stored, for one Application. Resolves when it was acted on, or when another engine has it. */
  offerLocal(reason: LocalReason): Promise<void>;
  /** Makes all Applications known to `offer`, whatever their first looks wait for. */
  readAll(signal: AbortSignal): Promise<void>;
  /** One of this engine's, by instance name, as trackings hold it. */
  byInstance(instance: string): ChangedApplication | undefined;
  /** Git repositories in use, as the sources name them; some may come twice. */
  repositories(): Iterable<UsedRepository>;
  /** Those of them that this engine polls. */
  polled(): Iterable<UsedRepository>;
  /**
   * Looks again at those with a chart that may have moved without a push, at those that could not be compared, or at all,
   * whatever is kept of them.
   */
  lookAgain(which: "charts" | "failed" | "all", what: string): void;
  /** What the last look at an Application of ours came to; undefined: there was none. */
  decided(key: string): Memory["decided"];
  /** Whether Applications of other engines use a repository, in any spelling. */
  isShared(repository: string): boolean;
  /** Looks again at those that use a repository, in any spelling. */
  lookAgainAt(repository: string, what: string): void;
  /** Applications as the Sensors that they are, of all engines. */
  sensors(): readonly CompiledSensor[];
  /** Whether the Application is this engine's. */
  has(key: string): boolean;
  /** `owns` answers something else of this partition now: takes its Applications up, or stops at once. */
  partitionChanged(partition: number): void;
  /** Stops the work on a partition that is to go; resolves once nothing of it is under way. */
  leavePartition(partition: number): Promise<void>;
  stopAll(): Promise<void>;
}

/** An operation whose state cannot be written is taken up again then. */
const failedOperationMs = 30_000;
/** An Application of ours for which we may not act at this moment: the lease is renewed, or is lost for good. */
const unsureMs = 1_000;
/** Requests of all operations to one cluster at once; operations that only wait are not bounded. */
const maxRequests = 64;

/** Applications: each is a Sensor whose one trigger reconciles it (DESIGN section 1). */
export function createApplicationController(deps: ApplicationControllerDeps): ApplicationController {
  return new ApplicationReconciler(deps);
}

class ApplicationReconciler implements ApplicationController {
  readonly #deps: ApplicationControllerDeps;
  readonly #runDeps: RunDeps;
  readonly #stop = new AbortController();
  readonly #tenure: Tenure;
  readonly #known: KnownApplications;
  readonly #asks: Asks;

  constructor(deps: ApplicationControllerDeps) {
    this.#deps = deps;
    this.#tenure = createTenure(deps.owns ?? (() => true));
    this.#known = new KnownApplications({
      ...deps,
      tenure: this.#tenure,
      onReadable: (key) => this.#asks.onReadable(key),
    });
    this.#asks = createAsks({ ...deps, known: this.#known, tenure: this.#tenure, stop: this.#stop.signal });
    this.#runDeps = {
      ...deps,
      owns: (key) => this.#owns(key),
      slots: createKeyedSlots(maxRequests),
      places: createWorkPlaces(deps.clock),
      onDisturbed: (keys) => this.#disturb(keys, "an operation of another Application"),
      onEnd: (record, application) => countSync(deps.metrics, record, application),
    };
  }

  offer = (received: ReceivedEvent): readonly string[] => this.#asks.offer(received);

  offerStored = (application: string, received: ReceivedEvent, done: () => void): void =>
    this.#asks.offerStored(application, received, done);

  offerLocal = (reason: LocalReason): Promise<void> => this.#asks.offerLocal(reason);

  readAll = (signal: AbortSignal): Promise<void> => this.#known.readAll(signal);

  byInstance = (instance: string): ChangedApplication | undefined => this.#known.byInstance(instance);

  repositories = (): Iterable<UsedRepository> => this.#known.repositories();

  polled(): Iterable<UsedRepository> {
    return polledRepositories(this.#known.users(), (key) => this.#tenure.has(key), this.#known.placeOf);
  }

  sensors = (): readonly CompiledSensor[] => this.#known.sensors();

  has = (key: string): boolean => this.#tenure.has(key);

  decided = (key: string): Memory["decided"] => this.#known.find(key)?.memory.decided;

  lookAgain(which: "charts" | "failed" | "all", what: string): void {
    const hard = which === "all";
    for (const [key, { hasMovingChart, memory }] of this.#known.ours()) {
      const isWanted = hard || (which === "charts" ? hasMovingChart : memory.hasFailed === true);
      const reason = { reason: "timer", application: key, id: `timer/${key}`, what, level: 2, hard } as const;
      if (isWanted) void this.offerLocal(reason);
    }
  }

  isShared(repository: string): boolean {
    return this.#known.keysAt(repository).some((key) => !this.#tenure.has(key));
  }

  lookAgainAt(repository: string, what: string): void {
    for (const key of this.#known.keysAt(repository)) {
      if (!this.#tenure.has(key)) continue;
      void this.offerLocal({ reason: "timer", application: key, id: `timer/${key}`, what, level: 2 });
    }
  }

  partitionChanged(partition: number): void {
    const change = this.#tenure.note(partition);
    if (change === "went") void this.#handOver(partition);
    if (change === "came") this.#takeOver(partition);
  }

  #takeOver(partition: number): void {
    for (const key of this.#known.keysOf(partition)) {
      const entry = this.#known.find(key);
      if (entry !== undefined) entry.isTakenOver = true;
      this.#request(key);
    }
  }

  leavePartition(partition: number): Promise<void> {
    return this.#tenure.note(partition) === "went" ? this.#handOver(partition) : Promise.resolve();
  }

  async #handOver(partition: number): Promise<void> {
    const left = this.#known.keysOf(partition).flatMap((key) => {
      const entry = this.#known.find(key);
      if (entry === undefined) return [];
      const after = handOver(key, entry);
      this.#known.set(key, after);
      return [after.left];
    });
    this.#asks.drop(partition);
    await Promise.all(left);
  }

  async stopAll(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([...this.#known.all()].map(({ run }) => run?.ended));
  }

  #owns(key: string): boolean {
    return this.#deps.owns?.(applicationPartition(key)) ?? true;
  }

  async reconcile(ref: ObjectRef, signal: AbortSignal): Promise<{ readonly againAfterMs?: number }> {
    const key = `${ref.namespace}/${ref.name}`;
    const object = this.#deps.store.find(key);
    if (object === undefined) {
      this.#forget(key);
      return {};
    }
    const entry = this.#known.entryOf(key, object, () => this.#forget(key));
    if (!this.#tenure.has(key)) return this.#follow(key, entry, object);
    if (!this.#owns(key)) return { againAfterMs: unsureMs };
    await entry.left;
    if (entry.stop.signal.aborted) return {};
    const now = this.#deps.store.find(key) ?? object;
    const work = this.#work(key, entry, now, AbortSignal.any([signal, entry.stop.signal]));
    entry.working = work;
    try {
      return await work;
    } catch (error) {
      if (entry.stop.signal.aborted) return {};
      if (!this.#owns(key)) return { againAfterMs: unsureMs };
      throw error;
    } finally {
      entry.working = undefined;
    }
  }

  /** Of another engine: what it wants counts, since objects may be shared. */
  #follow(key: string, entry: Entry, object: KubeObject): { readonly againAfterMs?: number } {
    const application = readApplication(object);
    if ("problem" in application) this.#known.cannotBeRead(key, entry, application.problem);
    else this.#disturb(this.#known.follow(key, entry, application), `Application ${key}`);
    return {};
  }

  async #work(
    key: string,
    entry: Entry,
    object: KubeObject,
    signal: AbortSignal,
  ): Promise<{ readonly againAfterMs?: number }> {
    const application = readApplication(object);
    if ("problem" in application) return this.#refuse(key, entry, object, application.problem, signal);
    this.#known.compile(key, entry, application);
    const paused = this.#pausedBy(application);
    if (paused !== undefined) {
      await this.#passOver(key, entry, object, paused);
      return {};
    }
    if (application.deletedAt !== "" && application.operation === undefined) {
      await this.#passOver(key, entry, object, "the Application is being deleted");
      return deleteApplication(key, application, this.#deps, signal);
    }
    await this.#ensureOperation(key, entry, application, object, signal);
    return this.#act(key, entry, application, object, signal);
  }

  /** Why nothing is to be done about it, whatever was asked for (spec argo-cd-engine 2.5). */
  #pausedBy(application: Application): string | undefined {
    const { annotations, namespace } = application.metadata;
    const { directory } = this.#deps;
    if (isTrue(annotations[skipReconcile])) return "reconciling is turned off (skip-reconcile)";
    if (directory.isNamespaceEnabled?.(namespace) === false) return `${namespace} is not one of ${namespacesKey}`;
    const cluster = clusterOf(application, directory.clusters());
    if (typeof cluster === "string" || !cluster.isPaused) return undefined;
    return `reconciling of the cluster ${cluster.name} is turned off (skip-reconcile)`;
  }

  #forget(key: string): void {
    const forgotten = this.#known.forget(key);
    if (forgotten === undefined) return;
    const { entry, disturbed } = forgotten;
    entry.timer?.abort();
    entry.run?.terminate();
    settle(takeRequests(entry, false));
    this.#disturb(disturbed, `Application ${key}`);
  }

  async #refuse(key: string, entry: Entry, object: KubeObject, problem: string, signal: AbortSignal) {
    this.#known.cannotBeRead(key, entry, problem);
    this.#asks.onReadable(key);
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

  #request(key: string): void {
    const [namespace = "", name = ""] = key.split("/");
    this.#deps.request(namespace, name);
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
      const text = "what it says about syncs was changed";
      request = mergeRequests(request, requestOf({ reason: "spec", id, text }, 1));
    }
    if (entry.isKnown) return request;
    if (!entry.isTakenOver) {
      return mergeRequests(request, requestOf({ reason: "spec", id, text: "the engine has started" }, 2));
    }
    const cause = { reason: "spec" as const, id, text: "another engine had it until now" };
    return mergeRequests(request, requestOf(cause, 2, { seen: "all" }));
  }

  async #act(key: string, entry: Entry, application: Application, object: KubeObject, signal: AbortSignal) {
    if (waitsForItsTime(entry) && this.#wanted(entry, application, undefined) === undefined) return {};
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
      const changes = result.found === undefined ? undefined : specChanges(objectOf(object.spec as JsonValue));
      const reconciled = { key, application, specChanges: changes, resourceVersion, request, result, sensor };
      const written = await writeReconciled(reconciled, this.#deps, signal);
      entry.isKnown = true;
      entry.isTakenOver = false;
      entry.hasPassedOver = false;
      entry.consent = consentOf(application);
      await keepDeletionFinalizers(key, application, result.found?.look, this.#deps, signal);
      const labels = { namespace: application.metadata.namespace, dest_server: application.destination.server ?? "" };
      this.#deps.metrics.appReconcile.observe(labels, this.#deps.clock.monotonicMs() - startedMs);
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
  #askAgain(key: string, entry: Entry, { decision, againAfterMs, needed }: Reconciled): void {
    entry.timer?.abort();
    if (needed !== undefined) void this.offerLocal(neededBy(key, needed));
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
    const stop = AbortSignal.any([this.#stop.signal, entry.stop.signal]);
    const run = runOperation(key, entry.memory, this.#runDeps, stop);
    entry.run = run;
    entry.lastSync = run.recordKey;
    const ended = run.ended.finally(() => {
      entry.run = undefined;
      entry.pace.operated(this.#deps.clock.monotonicMs());
    });
    const over = (): void => {
      if (stop.aborted) return;
      const what = "an operation ended";
      void this.offerLocal({ reason: "timer", application: key, id: `timer/${run.recordKey}`, what, level: 2 });
    };
    ended.then(over, (error: unknown) => {
      if (stop.aborted) return;
      this.#deps.log.error("an operation could not be stored, it goes on later", { application: key, error });
      this.#again(key, entry, failedOperationMs, "an operation could not be stored");
    });
  }
}
