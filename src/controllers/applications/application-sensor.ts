import type { Application, ApplicationSource, RetryPolicy } from "../../api/application-types.ts";
import { argoApiVersion, type DataFilter } from "../../api/resources.ts";
import { parseSensor } from "../../api/sensor.ts";
import { formatDuration } from "../../base/duration.ts";
import type { JsonObject } from "../../base/json.ts";
import { exactRegex } from "../../base/regex.ts";
import type { Schema } from "../../base/schema.ts";
import { type CompiledSensor, compileSensor } from "../../events/sensor/compile.ts";
import type { Reason } from "../../gitops/reconcile/request.ts";
import { kindOfSource } from "../../gitops/reconcile/resolve-source.ts";
import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";
import { isFullCommit } from "../../gitops/source/revision.ts";
import { isSemverConstraint, isSemverVersion } from "../../gitops/source/semver-text.ts";
import { builtInEventSource } from "../../record/cloud-event.ts";
import type { UsedRepository } from "./repository-poller.ts";

/** `data[]` of a dependency, all of which must hold. */
type DataFilters = readonly (DataFilter & JsonObject)[];

/** Reasons that name a repository and a ref in their data; the others name the Application. */
const repositoryReasons = ["push", "poll"] as const satisfies readonly Reason[];
const applicationReasons = ["drift", "spec", "timer", "event"] as const satisfies readonly Reason[];

/** `steps` of a retry without end: the largest that Kubernetes' integers hold. */
const endlessSteps = 2 ** 31 - 1;

/**
 * The Sensor that decides when the Application is reconciled, as a manifest: what `tiphys app sensor NAME -o yaml`
 * prints. Sources that select the same events share a `push` and a `poll`; charts and full commits have none, since
 * nothing moves there. An event that two sources select differently (`HEAD` and its branch's name) fires twice, which
 * the request's merging makes one again.
 */
export function applicationSensor(application: Application): JsonObject {
  const { name, namespace, uid } = application.metadata;
  const dependencies = [...repositoryDependencies(application), ...applicationDependencies(`${namespace}/${name}`)];
  const conditions = dependencies.map((dependency) => dependency.name).join(" || ");
  const template = {
    name: "reconcile",
    conditions,
    gitOps: { application: name, namespace, operation: "refresh" },
  };
  return {
    apiVersion: argoApiVersion,
    kind: "Sensor",
    metadata: { name, namespace, uid },
    spec: { dependencies, triggers: [{ template, ...retryOf(application.syncPolicy.retry) }] },
  };
}

/**
 * The same, parsed and compiled as users' Sensors are. `schemas` are those of the kinds of trigger, `gitOps` among them.
 * @throws TerminalError MANIFEST_INVALID for an Application without a name
 */
export function compileApplicationSensor(
  application: Application,
  schemas: Readonly<Record<string, Schema<unknown>>>,
): CompiledSensor {
  return compileSensor(parseSensor(applicationSensor(application), schemas).resource, "Application");
}

/** Repositories whose pushes and polls concern the Application, as events name them; each once. */
export function applicationRepositories(application: Application): readonly string[] {
  return [...new Set(movingSources(application).map(({ repository }) => repository))];
}

/** Git repositories that the Application reads. */
export function usedRepositories({ sources, project }: Application): readonly UsedRepository[] {
  return sources.filter((source) => kindOfSource(source) === "git").map(({ repoURL: url }) => ({ url, project }));
}

interface MovingSource {
  /** Normalised. */
  readonly repository: string;
  readonly filters: DataFilters;
}

/** Sources whose commit may change without the Application; those that select the same events are one. */
function movingSources({ sources }: Application): readonly MovingSource[] {
  const distinct = new Map<string, MovingSource>();
  for (const source of sources) {
    const revision = source.targetRevision?.trim() ?? "";
    if (kindOfSource(source) !== "git" || source.repoURL.trim() === "" || isFullCommit(revision)) continue;
    const repository = normaliseRepositoryUrl(source.repoURL);
    const filters = [equals("repository", repository), revisionFilter(revision, source)];
    distinct.set(JSON.stringify(filters), { repository, filters });
  }
  return [...distinct.values()];
}

function repositoryDependencies(application: Application) {
  const moving = movingSources(application);
  return repositoryReasons.flatMap((reason) =>
    moving.map(({ filters }, index) => dependency(index === 0 ? reason : `${reason}-${index + 1}`, reason, filters)),
  );
}

function applicationDependencies(application: string) {
  return applicationReasons.map((reason) => dependency(reason, reason, [equals("application", application)]));
}

function dependency(name: string, reason: Reason, data: DataFilters) {
  return { name, eventSourceName: builtInEventSource, eventName: reason, filters: { data } };
}

/** Which refs may move the revision (spec argo-cd-engine 2.11, 7.8). */
function revisionFilter(revision: string, { tagPrefix = "" }: ApplicationSource): DataFilters[number] {
  if (revision === "" || revision === "HEAD") return { path: "isDefaultBranch", type: "bool", value: ["true"] };
  const name = revision.replace(/^refs\/(?:heads|tags)\//, "");
  // Neither a branch nor a tag, so that the short name is another.
  if (name.startsWith("refs/")) return equals("ref", name);
  // Which tag is the highest is for whoever resolves the revision.
  if (isSemverConstraint(revision)) return { path: "ref", type: "string", value: ["^refs/tags/"] };
  return isSemverVersion(revision) && tagPrefix !== ""
    ? equals("revision", name, tagPrefix + name)
    : equals("revision", name);
}

function equals(path: string, ...texts: readonly string[]): DataFilters[number] {
  return { path, type: "string", value: texts.map(exactRegex) };
}

function retryOf(retry: RetryPolicy | undefined): JsonObject {
  if (retry === undefined || retry.limit === 0) return {};
  const { limit, durationMs, factor } = retry;
  const steps = limit < 0 ? endlessSteps : limit;
  // atLeastOnce, since the original heeds a retryStrategy with it only.
  return { atLeastOnce: true, retryStrategy: { steps, duration: formatDuration(durationMs), factor } };
}
