import { setImmediate as nextTurn } from "node:timers/promises";
import type { Application } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import { memoize } from "../../base/memo.ts";
import type { Schema } from "../../base/schema.ts";
import type { CompiledSensor } from "../../events/sensor/compile.ts";
import { type Claims, claimedIn } from "../../gitops/reconcile/claims.ts";
import { clusterOf, type Directory } from "../../gitops/reconcile/destination.ts";
import { claimantOf } from "../../gitops/reconcile/look.ts";
import { isMovingChart } from "../../gitops/reconcile/resolve-source.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import type { KubeObject } from "../../objects/object.ts";
import { createEntry, type Entry } from "./application-entry.ts";
import type { ApplicationIndex } from "./application-index.ts";
import { applicationPartition, type Tenure } from "./application-partition.ts";
import { placeText, selectorsOf } from "./application-selectors.ts";
import { applicationRepositories, compileApplicationSensor, usedRepositories } from "./application-sensor.ts";
import { type ApplicationStore, readApplication } from "./application-store.ts";
import type { ChangedApplication } from "./live-changes.ts";
import type { RepositoryUser } from "./polled-repositories.ts";
import type { UsedRepository } from "./repository-poller.ts";

export interface KnownApplicationsDeps {
  readonly store: ApplicationStore;
  readonly index: ApplicationIndex;
  readonly claims: Claims;
  readonly directory: Directory;
  /** Schemas of the trigger kinds, for the Sensor that an Application is. */
  readonly schemas: Readonly<Record<string, Schema<unknown>>>;
  readonly controllerNamespace: string;
  readonly tenure: Tenure;
  /** Called once the Sensor of an Application is in the index. */
  readonly onReadable: (key: string) => void;
}

/** URLs whose repositories are remembered. */
const maxPlaces = 20_000;

/**
 * Every Application, whichever engine has it: as Sensors in the index, so that each engine can say whom a push concerns.
 * What only the one that has it needs (what was rendered, what waits) is in the entries, too.
 */
export class KnownApplications {
  readonly #deps: KnownApplicationsDeps;
  readonly #entries = new Map<string, Entry>();
  readonly #byInstance = new Map<string, string>();
  readonly #byPartition = new Map<number, Set<string>>();
  /** The same for all spellings of one repository. */
  readonly placeOf = memoize(normaliseRepositoryUrl, maxPlaces);

  constructor(deps: KnownApplicationsDeps) {
    this.#deps = deps;
  }

  find(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Those of this engine. */
  *ours(): Iterable<readonly [string, Entry]> {
    for (const [key, entry] of this.#entries) if (this.#deps.tenure.has(key)) yield [key, entry];
  }

  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  keysOf(partition: number): readonly string[] {
    return [...(this.#byPartition.get(partition) ?? [])];
  }

  set(key: string, entry: Entry): void {
    if (!this.#entries.has(key)) {
      const partition = applicationPartition(key);
      this.#byPartition.set(partition, (this.#byPartition.get(partition) ?? new Set()).add(key));
    }
    this.#entries.set(key, entry);
  }

  /** One of another uid takes what the former one was asked for; that one goes to `onFormer`. */
  entryOf(key: string, { metadata: { uid = "" } }: KubeObject, onFormer: (former: Entry) => void): Entry {
    const known = this.#entries.get(key);
    if (known?.uid === uid) return known;
    const entry = createEntry(uid, known);
    if (known !== undefined) {
      known.waiting = known.held = { pending: undefined, done: [] };
      onFormer(known);
    }
    this.set(key, entry);
    return entry;
  }

  /** Answers its entry, and the Applications that shared an object with it. */
  forget(key: string): { readonly entry: Entry; readonly disturbed: ReadonlySet<string> } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#byPartition.get(applicationPartition(key))?.delete(key);
    this.#deps.store.forget(key);
    this.#deps.index.delete(key);
    if (this.#byInstance.get(entry.instance) === key) this.#byInstance.delete(entry.instance);
    return { entry, disturbed: this.#deps.claims.forget(key) };
  }

  cannotBeRead(key: string, entry: Entry, problem: string): void {
    this.#deps.index.delete(key);
    entry.sensor = undefined;
    entry.problem = problem;
  }

  /** The Sensor is made anew when the spec says something else. */
  compile(key: string, entry: Entry, application: Application): void {
    const { index, schemas, controllerNamespace, onReadable } = this.#deps;
    const text = JSON.stringify(application.spec);
    entry.problem = undefined;
    if (entry.sensor?.text === text) return;
    const compiled = compileApplicationSensor(application, schemas);
    entry.sensor = { text, compiled };
    entry.repositories = usedRepositories(application);
    entry.hasMovingChart = application.sources.some(isMovingChart);
    entry.instance = claimantOf(application, controllerNamespace).instance;
    const selectors = selectorsOf(compiled);
    const places = applicationRepositories(application).flatMap((one) => selectors.map((ref) => placeText(one, ref)));
    index.set(key, compiled, places);
    this.#byInstance.set(entry.instance, key);
    onReadable(key);
  }

  /** Makes all known, whatever their first looks wait for. */
  async readAll(signal: AbortSignal): Promise<void> {
    for (const [count, object] of this.#deps.store.list().entries()) {
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      const application = readApplication(object);
      if (!("problem" in application)) this.#tryCompile(key, object, application);
      if (count % 50 === 49) await nextTurn(); // others go on meanwhile
      if (signal.aborted) return;
    }
  }

  /** What is wrong with it comes up again, and is told, at its look. */
  #tryCompile(key: string, object: KubeObject, application: Application): void {
    try {
      this.compile(
        key,
        this.entryOf(key, object, () => undefined),
        application,
      );
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }

  /**
   * Takes note of one that another engine has, by what that one wrote. Answers the Applications that share an object with
   * it and have to look again for that.
   */
  follow(key: string, entry: Entry, application: Application): ReadonlySet<string> {
    const { claims, directory, controllerNamespace } = this.#deps;
    this.compile(key, entry, application);
    const cluster = clusterOf(application, directory.clusters());
    const claimed = typeof cluster === "string" ? undefined : claimedIn(application.status, cluster.server);
    if (claimed === undefined) return new Set();
    return claims.set(claimantOf(application, controllerNamespace), claimed);
  }

  byInstance(instance: string): ChangedApplication | undefined {
    const key = this.#byInstance.get(instance);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined || !this.#deps.tenure.has(key)) return undefined;
    const [namespace = "", name = ""] = key.split("/");
    const lastSync = entry.run?.recordKey ?? entry.lastSync;
    return { key, head: { namespace, name, uid: entry.uid }, lastSync };
  }

  /** Git repositories in use, as the sources name them; some may come twice. */
  repositories(): Iterable<UsedRepository> {
    return [...this.#entries.values()].flatMap(({ repositories }) => repositories);
  }

  /** Users of a repository, in any spelling. */
  keysAt(repository: string): readonly string[] {
    const place = this.placeOf(repository);
    const isUsed = ({ repositories }: Entry): boolean => repositories.some(({ url }) => this.placeOf(url) === place);
    return [...this.#entries].flatMap(([key, entry]) => (isUsed(entry) ? [key] : []));
  }

  users(): Iterable<RepositoryUser> {
    return [...this.#entries].map(([key, { repositories }]) => ({ key, repositories }));
  }

  sensors(): readonly CompiledSensor[] {
    return [...this.#entries.values()].flatMap(({ sensor }) => (sensor === undefined ? [] : [sensor.compiled]));
  }
}
