import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { isConflict } from "../../kube/api-error.ts";
import type { KubeClient, WriteOptions } from "../../kube/kube.ts";
import { type KubeObject, refOf } from "../../objects/object.ts";
import { groupOf, keyOf, keyText } from "../diff/diff.ts";
import { fieldManager } from "../diff/last-applied.ts";
import { clientSidePatch, withLastApplied } from "./client-side.ts";
import { deleteKnown } from "./delete-known.ts";
import { migratedFields } from "./migrate.ts";
import {
  isProtectedKind,
  mustBeMadeAnew,
  propagationOf,
  type WriteMode,
  type WriteOptionsOfSync,
  writeModeOf,
} from "./write-mode.ts";

export interface WriteContext extends WriteOptionsOfSync {
  readonly kube: KubeClient;
  readonly clock: Clock;
  /** Whose client-side fields become ours, beside those of `kubectl`. */
  readonly migrationManager?: string;
  /** Objects are tracked by this label, and not by the annotation. */
  readonly trackingLabel?: string;
  readonly signal: AbortSignal;
}

export interface Written {
  /** As `kubectl` prints it. */
  readonly message: string;
  /** The object as the server has it now; where `isAnswerUnread`, perhaps its reference alone. */
  readonly object: KubeObject;
}

/** What was deleted to be made anew has to be gone by then. */
const goneMs = 60_000;
const lookMs = 100;
/** A CRD is waited for until its kind is served; then the sync goes on all the same. */
const establishedMs = 3_000;
const maxConflicts = 5;

/**
 * Writes the target in the way that its options, else those of the sync, name (spec argo-cd-engine 4.7). Applying twice is
 * applying once. `live` is the object as it was compared; its absence only means that nothing is known of it.
 */
export async function applyTarget(
  target: KubeObject,
  live: KubeObject | undefined,
  { dryRun = false, isAnswerUnread = false }: Pick<WriteOptions, "dryRun" | "isAnswerUnread">,
  context: WriteContext,
): Promise<Written> {
  const mode = writeModeOf(target, live, context);
  const options = {
    fieldManager,
    dryRun,
    isAnswerUnread,
    fieldValidation: mode.isValidated ? "Strict" : "Ignore",
  } as const;
  const isMadeAnew = mustBeMadeAnew(target, live, mode);
  const isForcedWhole = mode.isForced && mode.kind === "replace" && !isProtectedKind(keyOf(target));
  const isAtOnce = isMadeAnew || isForcedWhole;
  if (isAtOnce && !dryRun && live !== undefined) return makeAnew(target, live, mode, options, context);
  try {
    return await writeOnce(target, live, mode, options, context);
  } catch (error) {
    const mayMakeAnew = (mode.isForced || isMadeAnew) && isUnchangeable(error);
    if (!mayMakeAnew || live === undefined) throw augmented(error);
    if (isProtectedKind(keyOf(target))) throw protectedProblem(target, error);
    if (dryRun) return { message: `${nameOf(target)} replaced`, object: live };
    return makeAnew(target, live, mode, options, context);
  }
}

async function writeOnce(
  target: KubeObject,
  live: KubeObject | undefined,
  mode: WriteMode,
  options: WriteOptions,
  context: WriteContext,
): Promise<Written> {
  if (options.dryRun) return write(target, live, mode, options, context);
  if (mode.kind === "server" && live !== undefined) await migrate(live, context);
  const written = await write(target, live, mode, options, context);
  if (isCrd(target)) await established(target, context);
  return written;
}

function write(
  target: KubeObject,
  live: KubeObject | undefined,
  mode: WriteMode,
  options: WriteOptions,
  context: WriteContext,
): Promise<Written> {
  switch (mode.kind) {
    case "server":
      return applyOnServer(target, options, context);
    case "client":
      return applyOnClient(target, options, context);
    case "replace":
      return replace(target, live, options, context);
  }
}

async function applyOnServer(
  target: KubeObject,
  options: WriteOptions,
  { kube, signal }: WriteContext,
): Promise<Written> {
  const body = target as unknown as JsonObject;
  const all = { ...options, force: true };
  const object = await kube.patch(refOf(target), "application/apply-patch+yaml", body, all, signal);
  return { message: `${nameOf(target)} serverside-applied`, object };
}

/** Read, patch, and again when somebody wrote in between. */
async function applyOnClient(target: KubeObject, options: WriteOptions, context: WriteContext): Promise<Written> {
  const { kube, signal } = context;
  const name = nameOf(target);
  for (let attempt = 1; ; attempt++) {
    try {
      const live = await kube.get(refOf(target), signal);
      if (live === undefined) {
        return { message: `${name} created`, object: await kube.create(withLastApplied(target), options, signal) };
      }
      const patch = clientSidePatch(target, live);
      if (patch === undefined) return { message: `${name} unchanged`, object: live };
      const metadata = { ...(patch.metadata as JsonObject | undefined), ...versionOf(live) };
      const guarded = { ...patch, metadata };
      const object = await kube.patch(refOf(target), "application/merge-patch+json", guarded, options, signal);
      return { message: `${name} configured`, object };
    } catch (error) {
      if (!isConflict(error) || attempt === maxConflicts) throw error;
    }
  }
}

async function replace(
  target: KubeObject,
  known: KubeObject | undefined,
  options: WriteOptions,
  { kube, signal }: WriteContext,
): Promise<Written> {
  const live = await kube.get(refOf(target), signal);
  const name = nameOf(target);
  if (live === undefined) return { message: `${name} created`, object: await kube.create(target, options, signal) };
  const metadata = { ...target.metadata, ...versionOf(live) };
  const object = await kube.update({ ...target, metadata }, options, signal);
  const isWhole = isCrd(target) || (groupOf(target) === "" && target.kind === "Namespace");
  const message =
    isWhole && known !== undefined ? `${target.kind}/${target.metadata.name} updated` : `${name} replaced`;
  return { message, object };
}

/** Deleting it takes more with it (users' pain: CD#29739). */
function protectedProblem({ kind, metadata: { name } }: KubeObject, cause: unknown): EngineError {
  const message = `${kind}/${name}: ${messageOf(cause)}. Force would delete it with all that belongs to it; delete it yourself first`;
  return new EngineError("API_INVALID", message, cause);
}

/** Deletes the object that was compared, and creates the target; what took its name meanwhile is written like any other. */
async function makeAnew(
  target: KubeObject,
  live: KubeObject,
  mode: WriteMode,
  options: WriteOptions,
  context: WriteContext,
): Promise<Written> {
  const { syncOptions, trackingLabel } = context;
  const kept = await deleteKnown(live, { propagationPolicy: propagationOf(syncOptions), trackingLabel }, context);
  if (kept !== undefined) throw new EngineError("API_CONFLICT", `${nameOf(target)} is not made anew: ${kept}`);
  await gone(live, context);
  const { object } = await write(target, undefined, mode, options, context);
  return { message: `${nameOf(target)} replaced`, object };
}

async function gone(known: KubeObject, { kube, clock, signal }: WriteContext): Promise<void> {
  const until = clock.monotonicMs() + goneMs;
  const ref = refOf(known);
  for (;;) {
    const live = await kube.get(ref, signal);
    if (live === undefined || live.metadata.uid !== known.metadata.uid) return;
    if (clock.monotonicMs() > until) {
      throw new EngineError("API_CONFLICT", `${ref.kind}/${ref.name} was deleted to be made anew, but is still there`);
    }
    await sleepFor(clock, lookMs, signal);
  }
}

/** Fields that were applied on the client become ours; otherwise what the source drops would stay. */
async function migrate(known: KubeObject, context: WriteContext): Promise<void> {
  const { kube, syncOptions, migrationManager, signal } = context;
  if (syncOptions.includes("ClientSideApplyMigration=false")) return;
  if (migratedFields(known, migrationManager) === undefined) return;
  try {
    for (let attempt = 1; ; attempt++) {
      const live = await kube.get(refOf(known), signal);
      const managedFields = live && migratedFields(live, migrationManager);
      if (live === undefined || managedFields === undefined) return;
      const steps = [
        { op: "replace", path: "/metadata/managedFields", value: managedFields },
        { op: "replace", path: "/metadata/resourceVersion", value: live.metadata.resourceVersion ?? "" },
      ];
      try {
        await kube.patch(refOf(known), "application/json-patch+json", steps, { fieldManager }, signal);
        return;
      } catch (error) {
        if (!isConflict(error) || attempt === maxConflicts) throw error;
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    const key = keyText(keyOf(known));
    const message = `Failed to perform client-side apply migration for ${key}: ${messageOf(error)}`;
    throw new EngineError("API_CONFLICT", message, error);
  }
}

async function established(crd: KubeObject, { kube, clock, signal }: WriteContext): Promise<void> {
  const until = clock.monotonicMs() + establishedMs;
  for (;;) {
    const live = await kube.get(refOf(crd), signal);
    const { conditions = [] } = (live?.status ?? {}) as { conditions?: readonly { type?: string; status?: string }[] };
    if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return;
    if (live === undefined || clock.monotonicMs() > until) return;
    await sleepFor(clock, lookMs, signal);
  }
}

function isUnchangeable(error: unknown): boolean {
  return isConflict(error) || (error instanceof EngineError && error.code === "API_INVALID");
}

function isCrd(object: KubeObject): boolean {
  return groupOf(object) === "apiextensions.k8s.io" && object.kind === "CustomResourceDefinition";
}

function versionOf({ metadata: { resourceVersion } }: KubeObject): { readonly resourceVersion?: string } {
  return resourceVersion === undefined ? {} : { resourceVersion };
}

/** `deployment.apps/web` */
function nameOf(target: KubeObject): string {
  const group = groupOf(target);
  return `${target.kind.toLowerCase()}${group === "" ? "" : `.${group}`}/${target.metadata.name}`;
}

/** In the words of Kubernetes before and since 1.32. */
const tooLong = /metadata\.annotations: Too long: (?:must have at most|may not be more than) 262144 bytes/;

/** What to do about it, where the server does not say. */
function augmented(error: unknown): unknown {
  if (!(error instanceof EngineError) || !tooLong.test(error.message)) return error;
  const advice = "the object is too large for client-side apply; sync it with ServerSideApply=true or Replace=true";
  return new EngineError(error.code, `${error.message}. ${advice}`, error);
}
