import type { Application } from "../api/application-types.ts";
import { objectOf, textOf } from "../api/fields.ts";
import { sleepFor } from "../base/clock.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Schema } from "../base/schema.ts";
import type { CompiledSensor } from "../events/sensor/compile.ts";
import type { ReceivedEvent } from "../events/sensor/reducer.ts";
import { claimantOf, createMemory, type Memory } from "../gitops/reconcile/look.ts";
import { type Reconciled, reconcile } from "../gitops/reconcile/reconcile.ts";
import { refreshAsked } from "../gitops/reconcile/refresh-needed.ts";
import { mergeRequests, type ReconcileRequest, requestOf } from "../gitops/reconcile/request.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import { deleteApplication } from "./application-deletion.ts";
import type { ApplicationIndex } from "./application-index.ts";
import { decisionOf, type OperationDeps, type OperationRun, runOperation, syncKey } from "./application-operation.ts";
import { type LocalReason, localEvent, requestFor } from "./application-requests.ts";
import { applicationRepositories, compileApplicationSensor } from "./application-sensor.ts";
import { readApplication } from "./application-store.ts";
import { beginAsked, isInProgress, type Written, writeReconciled } from "./application-write.ts";
import type { ChangedApplication } from "./live-changes.ts";
import type { Reconciler } from "./reconciler.ts";

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
   * Gives an event to the Sensors of the Applications that it can concern (`only`: to this one), which turn it into
   * requests. `done` is called for each that was asked, once it acted on it, or once in all when none was.
   */
  offer(received: ReceivedEvent, options?: { readonly only?: string; readonly done?: () => void }): readonly string[];
  /** The same for what is not stored. Resolves when it was acted on. */
  offerLocal(reason: LocalReason): Promise<void>;
  /** By instance name, as trackings hold it. */
  byInstance(instance: string): ChangedApplication | undefined;
  /** Repositories in use, as the sources name them. */
  repositories(): Iterable<string>;
  /** Applications as the Sensors that they are. */
  sensors(): readonly CompiledSensor[];
  stopAll(): Promise<void>;
}

/** Changes of live objects come in bursts: they are looked at together. */
const driftWindowMs = 20;
/** While an operation writes, its own changes are. */
const driftWindowInOperationMs = 250;

/** What is known of one Application while it is there. */
interface Entry {
  readonly uid: string;
  readonly memory: Memory;
  /** Merged requests that nobody has acted on yet. */
  pending: ReconcileRequest | undefined;
  done: (() => void)[];
  run: OperationRun | undefined;
  sensor: { readonly text: string; readonly compiled: CompiledSensor } | undefined;
  instance: string;
  /** As the sources name them. */
  repositories: readonly string[];
  lastSync: string | undefined;
  /** Whether it was looked at since the start of this process. */
  isKnown: boolean;
  isSoon: boolean;
}

/** Applications: each is a Sensor whose one trigger reconciles it (DESIGN section 1). */
export function createApplicationController(deps: ApplicationControllerDeps): ApplicationController {
  return new ApplicationReconciler(deps);
}

class ApplicationReconciler implements ApplicationController {
  readonly #deps: ApplicationControllerDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #byInstance = new Map<string, string>();
  readonly #stop = new AbortController();

  constructor(deps: ApplicationControllerDeps) {
    this.#deps = deps;
  }

  offer(received: ReceivedEvent, { only, done }: { only?: string; done?: () => void } = {}): readonly string[] {
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

  offerLocal(reason: LocalReason): Promise<void> {
    return new Promise((resolve) => {
      this.offer(localEvent(reason, this.#deps.clock.now()), { only: reason.application, done: resolve });
    });
  }

  byInstance(instance: string): ChangedApplication | undefined {
    const key = this.#byInstance.get(instance);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return undefined;
    const [namespace = "", name = ""] = key.split("/");
    const lastSync = entry.run?.recordKey ?? entry.lastSync;
    return { key, head: { namespace, name, uid: entry.uid }, lastSync };
  }

  repositories(): Iterable<string> {
    return new Set([...this.#entries.values()].flatMap(({ repositories }) => repositories));
  }

  sensors(): readonly CompiledSensor[] {
    return [...this.#entries.values()].flatMap(({ sensor }) => (sensor === undefined ? [] : [sensor.compiled]));
  }

  async stopAll(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#entries.values()].map(({ run }) => run?.ended));
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
      this.#settle(entry, this.#take(entry));
      return {};
    }
    if (application.deletedAt !== "" && application.operation === undefined) {
      this.#settle(entry, this.#take(entry));
      return deleteApplication(key, application, this.#deps, signal);
    }
    await this.#ensureOperation(key, entry, application, object, signal);
    return this.#act(key, entry, application, object, signal);
  }

  #entryOf(key: string, { metadata: { uid = "" } }: KubeObject): Entry {
    const known = this.#entries.get(key);
    if (known?.uid === uid) return known;
    if (known !== undefined) this.#forget(key);
    const entry: Entry = {
      uid,
      memory: createMemory(),
      pending: undefined,
      done: [],
      run: undefined,
      sensor: undefined,
      instance: "",
      repositories: [],
      lastSync: undefined,
      isKnown: false,
      isSoon: false,
    };
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
    entry.run?.terminate();
    this.#settle(entry, this.#take(entry));
    this.#disturb(this.#deps.claims.forget(key), key);
  }

  async #refuse(key: string, entry: Entry, object: KubeObject, problem: string, signal: AbortSignal) {
    this.#deps.index.delete(key);
    this.#settle(entry, this.#take(entry));
    const status = objectOf(object.status as JsonValue | undefined);
    const [known] = Array.isArray(status.conditions) ? status.conditions : [];
    if (objectOf(known).message === problem) return {};
    const lastTransitionTime = new Date(this.#deps.clock.now()).toISOString();
    const conditions = [{ type: "InvalidSpecError", message: problem, lastTransitionTime }];
    const unknown = { sync: { ...objectOf(status.sync), status: "Unknown" }, health: { status: "Unknown" } };
    await this.#deps.store.patch(key, { status: { ...unknown, conditions } }, signal);
    return {};
  }

  /** The Sensor is made anew when the spec says something else. */
  #compile(key: string, entry: Entry, application: Application): void {
    const text = JSON.stringify(application.spec);
    if (entry.sensor?.text === text) return;
    const compiled = compileApplicationSensor(application, this.#deps.schemas);
    entry.sensor = { text, compiled };
    entry.repositories = application.sources.flatMap(({ repoURL, chart }) => (chart ? [] : [repoURL]));
    entry.instance = claimantOf(application, this.#deps.controllerNamespace).instance;
    this.#deps.index.set(key, compiled, applicationRepositories(application));
    this.#byInstance.set(entry.instance, key);
  }

  #submit(key: string, request: ReconcileRequest, done: (() => void) | undefined): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      done?.();
      return;
    }
    entry.pending = mergeRequests(entry.pending, request);
    if (done !== undefined) entry.done.push(done);
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
      const what = `Application ${by} wants, or gives up, an object of this one`;
      void this.offerLocal({
        reason: "spec",
        application,
        id: `spec/${application}/shared-with/${by}`,
        what,
        level: 1,
      });
    }
  }

  #take(entry: Entry): Taken {
    const { pending, done } = entry;
    entry.pending = undefined;
    entry.done = [];
    return { pending, done };
  }

  #settle(_entry: Entry, { done }: Taken): void {
    for (const call of done) call();
  }

  #putBack(entry: Entry, { pending, done }: Taken): void {
    if (pending !== undefined) {
      entry.pending = entry.pending === undefined ? pending : mergeRequests(pending, entry.pending);
    }
    entry.done = [...done, ...entry.done];
  }

  /** What waits, and what the Application itself asks for. */
  #wanted(entry: Entry, application: Application, pending: ReconcileRequest | undefined): ReconcileRequest | undefined {
    const { name, namespace, annotations } = application.metadata;
    const { clock } = this.#deps;
    const asked = refreshAsked(application, annotations, clock.now(), { softMs: 0, hardMs: 0 });
    let request = pending;
    const id = `spec/${namespace}/${name}/${application.metadata.generation}`;
    if (asked !== undefined) {
      const own = requestOf({ reason: "spec", id, text: asked.reason }, asked.level, { hard: asked.hard });
      request = mergeRequests(request, own);
    }
    if (entry.isKnown) return request;
    return mergeRequests(request, requestOf({ reason: "spec", id, text: "the engine has started" }, 2));
  }

  async #act(key: string, entry: Entry, application: Application, object: KubeObject, signal: AbortSignal) {
    const taken = this.#take(entry);
    const request = this.#wanted(entry, application, taken.pending);
    if (request === undefined) return {};
    try {
      const result = await reconcile(application, request, entry.memory, this.#deps, signal);
      this.#disturb(result.found?.look.disturbed ?? [], key);
      this.#supersede(entry, application, result);
      const sensor = entry.sensor?.compiled.head;
      const { resourceVersion } = object.metadata;
      const reconciled = { key, application, resourceVersion, request, result, sensor };
      const written = await writeReconciled(reconciled, this.#deps, signal);
      entry.isKnown = true;
      await this.#finish(key, entry, taken, written, request, signal);
      const { decision } = result;
      const waitMs = decision.kind === "wait" ? decision.afterMs : result.againAfterMs;
      return waitMs === undefined ? {} : this.#again(key, waitMs, decision.kind === "wait" ? decision.reason : "");
    } catch (error) {
      this.#putBack(entry, taken);
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
    if (written.keepsWish) this.#putBack(entry, { pending: request, done: taken.done });
    else this.#settle(entry, taken);
    if (!written.began) return;
    const object = this.#deps.store.find(key);
    const application = object && readApplication(object);
    if (object === undefined || application === undefined || "problem" in application) return;
    await this.#ensureOperation(key, entry, application, object, signal);
  }

  /** The queue asks again by itself; the reason has to be there when it does. */
  #again(key: string, afterMs: number, what: string): { readonly againAfterMs?: number } {
    sleepFor(this.#deps.clock, afterMs, this.#stop.signal).then(
      () => this.offerLocal({ reason: "timer", application: key, id: `timer/${key}`, what, level: 2 }),
      () => undefined, // the engine ends
    );
    return {};
  }

  /** An automated sync that only waits gives way to a newer commit. */
  #supersede({ run }: Entry, application: Application, { found }: Reconciled): void {
    const isAutomated = application.operation?.initiatedBy.automated === true;
    const revisions = found?.look.revisions ?? [];
    if (run === undefined || !isAutomated || !run.isWaiting || run.revisions.length === 0) return;
    if (found?.look.status !== "OutOfSync" || revisions.join() === run.revisions.join()) return;
    run.terminate({ phase: "Failed", message: `superseded by ${revisions.join(", ")}` });
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
    const run = runOperation(key, entry.memory, this.#deps, this.#stop.signal);
    entry.run = run;
    entry.lastSync = run.recordKey;
    const over = (): void => {
      entry.run = undefined;
      if (this.#stop.signal.aborted) return;
      const what = "an operation ended";
      void this.offerLocal({ reason: "timer", application: key, id: `timer/${run.recordKey}`, what, level: 2 });
    };
    run.ended.then(over, (error: unknown) => {
      this.#deps.log.error("an operation failed unexpectedly, it goes on", { application: key, error });
      entry.run = undefined;
      this.#again(key, failedOperationMs, "an operation failed unexpectedly");
    });
  }
}

/** An operation that fails outside of what it may fail with is taken up again then. */
const failedOperationMs = 5_000;

interface Taken {
  readonly pending: ReconcileRequest | undefined;
  readonly done: readonly (() => void)[];
}

/** After a restart: from the state that the last operation left. */
function lastSyncOf(state: JsonObject): string | undefined {
  const decision = decisionOf(objectOf(state.operation));
  return decision === undefined || textOf(state.finishedAt) === "" ? undefined : syncKey(decision);
}
