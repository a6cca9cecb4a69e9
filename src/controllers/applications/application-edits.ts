import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { parseApplication } from "../../api/application.ts";
import { replaced } from "../../api/application-replace.ts";
import type { Application } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { type Directory, placeOf } from "../../gitops/reconcile/destination.ts";
import { renderTarget, type TargetDeps, TargetError } from "../../gitops/reconcile/target.ts";
import { isConflict } from "../../kube/api-error.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ResourceName } from "../../record/records.ts";
import { type ApplicationStore, refOf } from "./application-store.ts";

/** Changes that people make to Applications through the API (spec argo-cd-surface 6.4). */
export interface ApplicationEdits {
  /**
   * One that is there with the same spec is answered as it is.
   * @throws EngineError USAGE when it is there with another spec, without `upsert`; with `validate`, when it cannot work
   */
  create(object: KubeObject, options: { readonly upsert: boolean; readonly validate: boolean }): Promise<KubeObject>;
  /** Writes what `change` makes of it; asked again when somebody else wrote meanwhile. @throws EngineError NOT_FOUND, USAGE */
  change(
    ref: ResourceName,
    change: (now: KubeObject) => KubeObject,
    options: { readonly validate: boolean },
  ): Promise<KubeObject>;
  /** With `cascade` its objects go, too. @throws EngineError NOT_FOUND */
  delete(ref: ResourceName, options: { readonly cascade: boolean; readonly background: boolean }): Promise<void>;
  /** Asks the operation in progress to end. @throws EngineError SYNC_REFUSED when there is none */
  terminate(ref: ResourceName): Promise<void>;
}

export interface ApplicationEditsDeps extends TargetDeps {
  readonly kube: KubeClient;
  readonly store: ApplicationStore;
  readonly directory: Directory;
}

const writeTimeoutMs = 30_000;
const maxAttempts = 10;
/** How long the watch may lag behind a write of ours. */
const lagMs = 2_000;
const lagPollMs = 5;

const cascadeFinalizer = "resources-finalizer.argocd.argoproj.io";

export function createApplicationEdits(deps: ApplicationEditsDeps): ApplicationEdits {
  const { kube, store } = deps;
  return {
    create: (object, options) => create(object, options, deps),
    change: (ref, make, options) => change(ref, make, options, deps),
    async delete(ref, { cascade, background }) {
      const finalizer = cascade ? `${cascadeFinalizer}${background ? "/background" : ""}` : undefined;
      const now = await change(ref, (current) => withFinalizer(current, finalizer), { validate: false }, deps);
      await kube.delete(refOf(keyOf(ref)), {}, AbortSignal.timeout(writeTimeoutMs));
      await gone(store, now);
    },
    terminate: (ref) => terminate(ref, store),
  };
}

/** Whichever engine has it sees that the phase changed. */
async function terminate(ref: ResourceName, store: ApplicationStore): Promise<void> {
  const signal = AbortSignal.timeout(writeTimeoutMs);
  for (let attempt = 1; ; attempt++) {
    const now = await store.read(keyOf(ref), signal);
    if (now === undefined) throw notFound(ref);
    const { operationState } = objectOf(now.status as JsonValue | undefined);
    if (!isJsonObject(now.operation) || !isJsonObject(operationState)) {
      throw new EngineError("SYNC_REFUSED", "Unable to terminate operation. No operation is in progress");
    }
    try {
      const patch = { status: { operationState: { phase: "Terminating" } } };
      await store.patch(keyOf(ref), patch, signal, now.metadata.resourceVersion ?? "");
      return;
    } catch (error) {
      if (!isConflict(error) || attempt === maxAttempts) throw error;
    }
  }
}

async function create(
  object: KubeObject,
  { upsert, validate }: { readonly upsert: boolean; readonly validate: boolean },
  deps: ApplicationEditsDeps,
): Promise<KubeObject> {
  const { kube, store } = deps;
  const signal = AbortSignal.timeout(writeTimeoutMs);
  const application = parsed(object);
  const { namespace, name } = application.metadata;
  const now = await kube.get(refOf(`${namespace}/${name}`), signal);
  if (now !== undefined) {
    if (isSame(now, object)) return now;
    if (upsert) return change({ namespace, name }, (current) => replaced(current, object), { validate }, deps);
    throw new EngineError("USAGE", "existing application spec is different, use upsert flag to force update");
  }
  if (validate) await check(application, deps, signal);
  const { status: _, ...fresh } = object;
  return seen(store, await kube.create(fresh as KubeObject, { fieldManager: "tiphys" }, signal));
}

async function change(
  ref: ResourceName,
  make: (now: KubeObject) => KubeObject,
  { validate }: { readonly validate: boolean },
  deps: ApplicationEditsDeps,
): Promise<KubeObject> {
  const { kube, store } = deps;
  const signal = AbortSignal.timeout(writeTimeoutMs);
  for (let attempt = 1; ; attempt++) {
    const now = await kube.get(refOf(keyOf(ref)), signal);
    if (now === undefined) throw notFound(ref);
    const made = make(now);
    const { resourceVersion = "" } = now.metadata;
    const wanted = { ...made, metadata: { ...made.metadata, resourceVersion } };
    const application = parsed(wanted);
    if (validate) await check(application, deps, signal);
    try {
      return await seen(store, await kube.update(wanted, { fieldManager: "tiphys" }, signal));
    } catch (error) {
      if (!isConflict(error) || attempt === maxAttempts) throw error;
    }
  }
}

/** A finalizer of ours in place of those of ours that are there; undefined: none. */
function withFinalizer(application: KubeObject, finalizer: string | undefined): KubeObject {
  const others = (application.metadata.finalizers ?? []).filter((name) => !name.startsWith(cascadeFinalizer));
  const finalizers = finalizer === undefined ? others : [...others, finalizer];
  return { ...application, metadata: { ...application.metadata, finalizers } };
}

function isSame(now: KubeObject, wanted: KubeObject): boolean {
  const shown = ({ spec, metadata: { labels = {}, annotations = {}, finalizers = [] } }: KubeObject) => ({
    spec,
    labels,
    annotations,
    finalizers,
  });
  return isDeepStrictEqual(shown(now), shown(wanted));
}

function parsed(object: KubeObject): Application {
  try {
    return parseApplication(object).resource;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(object, error.message);
  }
}

/** Whether it can work: its project, its destination, its repository and what that renders. */
async function check(application: Application, deps: ApplicationEditsDeps, signal: AbortSignal): Promise<void> {
  const place = placeOf(application, deps.directory);
  if ("problems" in place) {
    const problems = place.problems.map((problem) => `InvalidSpecError: ${problem}`);
    throw invalid(application, problems.join("; "));
  }
  try {
    await renderTarget(application, [], { level: 3, hard: false, seen: [] }, undefined, deps, signal);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    throw invalid(application, `InvalidSpecError: Unable to generate manifests: ${error.message}`);
  }
}

function invalid({ metadata }: { readonly metadata: { readonly name?: string } }, problems: string): EngineError {
  return new EngineError("USAGE", `application spec for ${metadata.name ?? ""} is invalid: ${problems}`);
}

/** Who asks next finds what was written. */
async function seen(store: ApplicationStore, written: KubeObject): Promise<KubeObject> {
  const version = Number(written.metadata.resourceVersion);
  await until(() => !(Number(find(store, written)?.metadata.resourceVersion ?? -1) < version));
  return written;
}

async function gone(store: ApplicationStore, deleted: KubeObject): Promise<void> {
  await until(() => {
    const now = find(store, deleted);
    return now?.metadata.uid !== deleted.metadata.uid || now?.metadata.deletionTimestamp !== undefined;
  });
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < lagMs && !isSo(); waitedMs += lagPollMs) await sleep(lagPollMs);
}

function find(store: ApplicationStore, { metadata: { namespace, name } }: KubeObject): KubeObject | undefined {
  return store.find(`${namespace}/${name}`);
}

function keyOf({ namespace, name }: ResourceName): string {
  return `${namespace}/${name}`;
}

function notFound({ namespace, name }: ResourceName): EngineError {
  return new EngineError("NOT_FOUND", `applications.argoproj.io "${name}" not found in namespace "${namespace}"`);
}
