import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { GitOpsRequest } from "../../events/triggers/gitops-request.ts";
import type { Preview } from "../../events/triggers/trigger.ts";
import { groupOf } from "../../gitops/diff/diff.ts";
import { maskSecrets } from "../../gitops/diff/mask.ts";
import { assessHealth } from "../../gitops/health/assess.ts";
import type { HealthChecks } from "../../gitops/health/checks.ts";
import { activeWindows, canSync, type SyncWindow } from "../../gitops/project/windows.ts";
import { createClaims } from "../../gitops/reconcile/claims.ts";
import { hasSameSources } from "../../gitops/reconcile/compared-to.ts";
import { type Directory, type Place, placeOf } from "../../gitops/reconcile/destination.ts";
import { manifestsInForce } from "../../gitops/reconcile/local-manifests.ts";
import { createMemory, type Look, type LookDeps, lookAt, lookAtLive } from "../../gitops/reconcile/look.ts";
import { windowsOf } from "../../gitops/reconcile/operate.ts";
import { type TreeInput, treeNodes } from "../../gitops/reconcile/resource-tree.ts";
import { type Rendered, renderFiles, renderTarget, TargetError } from "../../gitops/reconcile/target.ts";
import type { RenderedSource } from "../../gitops/render/render.ts";
import { defaultArchiveLimits, openArchive } from "../../gitops/source/archive-store.ts";
import type { CommitInfo } from "../../gitops/source/source.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ResourceName } from "../../record/records.ts";
import { type ApplicationStore, readApplication } from "./application-store.ts";
import type { RepositoryLooks } from "./repository-looks.ts";
import { previewSync } from "./sync-preview.ts";

/** One object of an Application, as it should be and as it is; values of Secrets are masked. */
export interface ManagedResource {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly isHook: boolean;
  readonly isModified: boolean;
  readonly resourceVersion: string;
  readonly live: JsonObject | null;
  readonly target: JsonObject | null;
  readonly normalizedLive: JsonObject | null;
  readonly predictedLive: JsonObject | null;
}

/** What people ask of Applications that is not in them. Nothing is written. @throws EngineError NOT_FOUND, API_*, GIT_* */
export interface ApplicationLooks {
  /** As rendered from `revisions`, one for each source; undefined: what the source names. */
  manifests(
    ref: ResourceName,
    revisions: readonly (string | undefined)[],
  ): Promise<Pick<Rendered, "manifests" | "revisions" | "types">>;
  /** As rendered from the files of an archive (tar, gzip), in place of the source's. */
  manifestsOf(ref: ResourceName, archive: Buffer): Promise<Pick<RenderedSource, "manifests" | "type">>;
  /** As of the last comparison's revision. */
  managed(ref: ResourceName): Promise<readonly ManagedResource[]>;
  /** ApplicationTree. While the source cannot be rendered, that of `liveTree`. */
  tree(ref: ResourceName): Promise<JsonObject>;
  /** ApplicationTree of what is in the cluster, and of what the last comparison knew of; the source is not asked. */
  liveTree(ref: ResourceName): Promise<JsonObject>;
  /** Annotations of Secrets whose values nobody is shown. */
  maskedAnnotations(): readonly string[];
  /** The cluster where its objects are. */
  cluster(ref: ResourceName): KubeClient;
  commit(ref: ResourceName, revision: string, sourceIndex: number): Promise<CommitInfo>;
  /** What a chart's own file, or an artifact's annotations, say of it. */
  chart(ref: ResourceName, revision: string, sourceIndex: number): Promise<JsonObject>;
  artifact(ref: ResourceName, revision: string, sourceIndex: number): Promise<JsonObject>;
  /** What a sync that a trigger asks for would do. */
  preview(request: GitOpsRequest, signal: AbortSignal): Promise<Preview>;
  /** The sync windows of its project that concern it, and whether a person may sync now. */
  windows(ref: ResourceName): WindowsNow;
}

export interface WindowsNow {
  readonly assigned: readonly SyncWindow[];
  readonly active: readonly SyncWindow[];
  readonly canSync: boolean;
}

export interface ApplicationLooksDeps extends Omit<LookDeps, "claims" | "metrics"> {
  readonly store: ApplicationStore;
  readonly directory: Directory;
  /** Where files that are sent stand while they are rendered. */
  readonly workDir: string;
  readonly repositories: Pick<RepositoryLooks, "chart" | "artifact">;
}

const lookTimeoutMs = 60_000;
const archiveLimits = { ...defaultArchiveLimits, maxBytes: 64 * 1024 * 1024 };

export function createApplicationLooks(deps: ApplicationLooksDeps): ApplicationLooks {
  function find({ namespace, name }: ResourceName): KubeObject {
    const object = deps.store.find(`${namespace}/${name}`);
    if (object !== undefined) return object;
    throw new EngineError("NOT_FOUND", `applications.argoproj.io "${name}" not found in namespace "${namespace}"`);
  }

  function read(ref: ResourceName): Application {
    const application = readApplication(find(ref));
    if ("problem" in application) throw new EngineError("USAGE", application.problem);
    return application;
  }

  function placed(application: Application): Place {
    const place = placeOf(application, deps.directory);
    if ("problems" in place) throw new EngineError("USAGE", place.problems.join("; "));
    return place;
  }

  async function look(ref: ResourceName): Promise<{ readonly look: Look; readonly place: Place }> {
    const application = read(ref);
    const place = placed(application);
    // With claims and a memory of its own: looking changes nothing for those who reconcile.
    const metrics = { comparedObjects: { add: () => undefined } };
    const { orphanMonitors: _, ...rest } = deps;
    const own = { ...rest, claims: createClaims(), metrics };
    const request = { level: 1, hard: false, seen: [], manifests: manifestsInForce(application) } as const;
    const signal = AbortSignal.timeout(lookTimeoutMs);
    return {
      place,
      look: await lookAt(application, place, request, recorded(application), createMemory(), own, signal),
    };
  }

  async function liveTree(ref: ResourceName): Promise<JsonObject> {
    const application = read(ref);
    const place = placed(application);
    const objects = await lookAtLive(application, place, deps, AbortSignal.timeout(lookTimeoutMs));
    return treeOf(objects, place, deps.settings?.().checks);
  }

  const maskedAnnotations = (): readonly string[] => deps.settings?.().resources.maskedAnnotations ?? [];
  return {
    manifests(ref, revisions) {
      const request = { level: 2, hard: false, seen: [] } as const;
      return renderTarget(read(ref), revisions, request, undefined, deps, AbortSignal.timeout(lookTimeoutMs));
    },
    async manifestsOf(ref, archive) {
      await using tree = await openArchive(archive, { ...archiveLimits, directory: deps.workDir });
      return await renderFiles(read(ref), tree, deps, AbortSignal.timeout(lookTimeoutMs));
    },
    async managed(ref) {
      return managedOf((await look(ref)).look, maskedAnnotations());
    },
    async tree(ref) {
      try {
        const { look: found, place } = await look(ref);
        return treeOf(found.comparison.objects, place, deps.settings?.().checks, found.orphans);
      } catch (error) {
        if (error instanceof TargetError) return liveTree(ref);
        throw error;
      }
    },
    preview: (request, signal) => previewSync(find(request.application), request, deps, signal),
    liveTree,
    maskedAnnotations,
    cluster: (ref) => placed(read(ref)).cluster.kube,
    windows(ref) {
      const application = read(ref);
      const project = deps.directory.project(application.project);
      const assigned = project === undefined ? [] : windowsOf(application, project);
      const now = deps.clock.now();
      const active = activeWindows(assigned, now);
      return { assigned, active, canSync: canSync(assigned, { isManual: true, now }).allowed };
    },
    ...sourceLooks(read, deps),
  };
}

/** What is asked of one source. */
function sourceLooks(
  read: (ref: ResourceName) => Application,
  deps: Pick<ApplicationLooksDeps, "sources" | "repositories">,
): Pick<ApplicationLooks, "commit" | "chart" | "artifact"> {
  function sourceOf(ref: ResourceName, sourceIndex: number) {
    const { sources, project } = read(ref);
    const source = sources[sourceIndex];
    if (source !== undefined) return { source, project };
    throw new EngineError("USAGE", `sourceIndex: the Application has no source ${sourceIndex}`);
  }

  return {
    async commit(ref, revision, sourceIndex) {
      const { source, project } = sourceOf(ref, sourceIndex);
      const git = deps.sources.ofProject(project);
      return git.commitInfo(source.repoURL, revision, AbortSignal.timeout(lookTimeoutMs));
    },
    async chart(ref, revision, sourceIndex) {
      const { source, project } = sourceOf(ref, sourceIndex);
      return deps.repositories.chart(source, project, revision);
    },
    async artifact(ref, revision, sourceIndex) {
      const { source, project } = sourceOf(ref, sourceIndex);
      return deps.repositories.artifact(source, project, revision);
    },
  };
}

function treeOf(
  objects: TreeInput["objects"],
  { cluster: { live } }: Place,
  checks: HealthChecks | undefined,
  orphans: readonly KubeObject[] = [],
): JsonObject {
  const healthOf = (object: KubeObject) => assessHealth(object, checks);
  const nodes = treeNodes({ objects, live, healthOf });
  const alone = orphans.map((object) => ({ live: object }));
  return {
    nodes,
    orphanedNodes: treeNodes({ objects: alone, live, healthOf }),
    hosts: [],
    shardsCount: 1,
  };
}

/** The commits of the last comparison, if that was of these sources. */
function recorded(application: Application): readonly (string | undefined)[] {
  const { status, isMultiSource } = application;
  const sync = objectOf(status.sync);
  if (!hasSameSources(application, objectOf(sync.comparedTo))) return [];
  const all = isMultiSource ? listOf(sync.revisions).map(textOf) : [textOf(sync.revision)];
  return all.map((revision) => revision || undefined);
}

function managedOf(
  { comparison: { objects, hooks } }: Look,
  annotations: readonly string[],
): readonly ManagedResource[] {
  const compared = objects.map(({ target, live, diff }) =>
    managedResource(target, live, { ...diff, annotations }, false),
  );
  const none = { isModified: false, normalizedLive: null, predictedLive: null, annotations };
  return [...compared, ...hooks.map((hook) => managedResource(hook, undefined, none, true))];
}

function managedResource(
  target: KubeObject | undefined,
  live: KubeObject | undefined,
  diff: {
    readonly isModified: boolean;
    readonly normalizedLive: JsonObject | null;
    readonly predictedLive: JsonObject | null;
    /** Masked, of a Secret. */
    readonly annotations: readonly string[];
  },
  isHook: boolean,
): ManagedResource {
  const some = live ?? target;
  const { namespace = "", name = "", resourceVersion = "" } = some?.metadata ?? {};
  const sides = { target: (target ?? {}) as JsonObject, live: (live ?? {}) as JsonObject };
  const masked =
    some?.kind === "Secret" && groupOf(some) === "" ? maskSecrets(sides, { annotations: diff.annotations }) : sides;
  return {
    group: some === undefined ? "" : groupOf(some),
    kind: some?.kind ?? "",
    namespace,
    name,
    isHook,
    isModified: diff.isModified,
    resourceVersion: live === undefined ? "" : resourceVersion,
    live: live === undefined ? null : masked.live,
    target: target === undefined ? null : masked.target,
    normalizedLive: diff.normalizedLive,
    predictedLive: diff.predictedLive,
  };
}
