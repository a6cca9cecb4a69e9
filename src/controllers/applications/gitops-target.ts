import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { GitOpsPlan, GitOpsRequest, GitOpsWhich } from "../../events/triggers/gitops-request.ts";
import type { GitOpsTarget, Outcome, Preview } from "../../events/triggers/trigger.ts";
import { previousDeployment } from "../../gitops/reconcile/rollback.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import type { ResourceName } from "../../record/records.ts";
import { askedEvent } from "./application-requests.ts";
import type { RevertInGit } from "./git-revert.ts";
import { waitForOutcome } from "./gitops-wait.ts";
import type { ReconcileStream } from "./reconcile-stream.ts";
import { changedSpec } from "./source-change.ts";

export interface GitOpsTargetDeps {
  readonly requests: Pick<ReconcileStream, "store">;
  readonly clock: Clock;
  /** What a sync of the Application would do; undefined where nothing reconciles. Absent: nowhere. */
  readonly preview?: (request: GitOpsRequest, signal: AbortSignal) => Promise<Preview | undefined>;
  /** Absent: nothing is written to Git. */
  readonly revert?: RevertInGit;
}

const mergePatch = "application/merge-patch+json";
/** While others write all the time. */
const maxAttempts = 10;

/**
 * What `gitOps` triggers reach: an Application is asked, its own Sensor decides. The trigger's user needs the right to
 * patch the Application (DESIGN section 6): a change of its spec and the end of an operation are that user's own writes,
 * for all else a dry run shows it.
 */
export function createGitOpsTarget({ requests, clock, preview, revert }: GitOpsTargetDeps): GitOpsTarget {
  return {
    async find(which, kube, signal) {
      return (await readApplications(which, kube, signal)).map(planOf);
    },
    async request(request, kube, signal) {
      const { application, operation } = request;
      if (operation === "terminate") return terminate(request, kube, signal);
      if (operation === "revert") return revertInGit(request, revert, kube, signal);
      const name = nameOf(application);
      const isChanged = await prepare(request, kube, signal);
      await requests.store(name, askedEvent({ ...askedOf(request), operation }, clock.now()));
      const change = isChanged ? ", with another source" : "";
      return { message: `asked Application ${name} to ${verbs[operation]}${change}`, objects: [refOf(application)] };
    },
    wait: (request, wait, kube, signal) => {
      const read = () => readApplication(request.application, kube, signal);
      return waitForOutcome(request, wait, { read, clock, signal });
    },
    async preview(request, kube, signal) {
      await readApplication(request.application, kube, signal); // its user may see it
      return preview?.(request, signal);
    },
  };
}

const verbs = {
  refresh: "refresh",
  hardRefresh: "refresh and render anew",
  sync: "sync",
  rollback: "roll back",
} as const;

function nameOf({ namespace, name }: ResourceName): string {
  return `${namespace}/${name}`;
}

function refOf({ namespace, name }: ResourceName): ObjectRef & { namespace: string } {
  return { apiVersion: argoApiVersion, kind: "Application", namespace, name };
}

async function readApplication(name: ResourceName, kube: KubeClient, signal: AbortSignal): Promise<KubeObject> {
  const found = await kube.get(refOf(name), signal);
  if (found !== undefined) return found;
  throw new TerminalError("NOT_FOUND", `there is no Application "${name.name}" in namespace "${name.namespace}"`);
}

async function readApplications(
  which: GitOpsWhich,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  if ("name" in which) return [await readApplication(which, kube, signal)];
  const options = { namespace: which.namespace, labelSelector: which.selector };
  return (await kube.list({ apiVersion: argoApiVersion, kind: "Application" }, options, signal)).items;
}

function planOf(object: KubeObject): GitOpsPlan {
  const { metadata, status: written, operation } = object;
  const previous = previousDeployment(object);
  const status = objectOf(written as JsonValue | undefined);
  const sync = objectOf(status.sync);
  const differing = listOf(status.resources)
    .map(objectOf)
    .filter((resource) => resource.status === "OutOfSync");
  return {
    application: { namespace: metadata.namespace ?? "", name: metadata.name ?? "" },
    syncStatus: textOf(sync.status) || "Unknown",
    healthStatus: textOf(objectOf(status.health).status) || "Unknown",
    revision: textOf(sync.revision),
    outOfSync: differing.map(({ group, kind, namespace, name }) =>
      [group, kind, namespace, name].map((part) => textOf(part)).join("/"),
    ),
    history: listOf(status.history).map((entry) => Number(objectOf(entry).id ?? 0)),
    ...(previous === undefined ? {} : { previous: Number(previous.id ?? 0) }),
    begun: isJsonObject(operation) ? begunAt(status) : "",
  };
}

/** One that was set and has not begun counts as begun at no time that is known. */
function begunAt(status: JsonObject): string {
  const { phase, startedAt } = objectOf(status.operationState);
  return phase === "Running" || phase === "Terminating" ? textOf(startedAt) : "";
}

function askedOf({ application, key, by, sync, rollback }: GitOpsRequest) {
  return {
    application: nameOf(application),
    id: key,
    by: `Sensor ${by.namespace}/${by.name}`,
    ...(sync === undefined ? {} : { sync }),
    ...(rollback === undefined ? {} : { rollback }),
  };
}

/** Shows that the user may patch the Application, or does so. @returns whether its spec was changed */
async function prepare(
  { application, source }: GitOpsRequest,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<boolean> {
  const change = (object: KubeObject): JsonObject | undefined => source && changedSpec(object, source);
  const isChanged = await patchUnchanged(application, kube, signal, (object) => {
    const spec = change(object);
    return spec === undefined ? undefined : { spec };
  });
  // A dry run shows the right that the patch would need.
  if (!isChanged) await kube.patch(refOf(application), mergePatch, { metadata: {} }, { dryRun: true }, signal);
  return isChanged;
}

/** Done at once, here: what it changes is Git, which the Application follows whoever has it. */
async function revertInGit(
  { application, revert: wish = {}, key, by }: GitOpsRequest,
  revert: RevertInGit | undefined,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<Outcome> {
  if (revert === undefined)
    throw new TerminalError("TRIGGER_UNSUPPORTED", "gitOps: this engine writes to no repository");
  await kube.patch(refOf(application), mergePatch, { metadata: {} }, { dryRun: true }, signal);
  const commits = await revert(application, { ...wish, by: `Sensor ${by.namespace}/${by.name}`, key });
  const made = commits.map(({ commit, branch, repoURL }) => `${commit.slice(0, 7)} to ${branch} of ${repoURL}`);
  return {
    message: `committed ${made.join(", ")} for Application ${nameOf(application)}`,
    objects: [refOf(application)],
  };
}

/** Ends the operation that was met, and no later one. A repeat finds nothing to do. */
async function terminate(
  { application, begun = "" }: GitOpsRequest,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<Outcome> {
  const name = nameOf(application);
  const isEnded = await patchUnchanged(application, kube, signal, (object) => {
    const status = objectOf(object.status as JsonValue | undefined);
    const { phase } = objectOf(status.operationState);
    if (begun === "" || phase !== "Running" || !isJsonObject(object.operation) || begunAt(status) !== begun) return;
    return { status: { operationState: { phase: "Terminating" } } };
  });
  const ref = refOf(application);
  if (!isEnded) await kube.patch(ref, mergePatch, { metadata: {} }, { dryRun: true }, signal);
  const message = isEnded ? "asked the operation of Application" : "no operation is in progress at Application";
  return { message: `${message} ${name}${isEnded ? " to end" : ""}`, objects: [ref] };
}

/** Writes what `change` makes of the Application, unless that is nothing; asked again when somebody wrote meanwhile. */
async function patchUnchanged(
  application: ResourceName,
  kube: KubeClient,
  signal: AbortSignal,
  change: (object: KubeObject) => JsonObject | undefined,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const object = await readApplication(application, kube, signal);
    const patch = change(object);
    if (patch === undefined) return false;
    const { resourceVersion = "" } = object.metadata;
    const body = { ...patch, metadata: { resourceVersion } };
    try {
      await kube.patch(refOf(application), mergePatch, body, { fieldManager: "tiphys" }, signal);
      return true;
    } catch (error) {
      const isConflict = error instanceof EngineError && error.code === "API_CONFLICT";
      if (!isConflict || attempt === maxAttempts) throw error;
    }
  }
}
