import type { Clock } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { type JsonObject, parseJson } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import { busFinalizer, labelsOf, type NativeBus, namesOf } from "./native-bus.ts";
import { configMapOf, serviceOf, statefulSetOf } from "./objects.ts";
import { clientSecretData, keyFormOf, readSecretData, secretObject, serverSecretData } from "./secrets.ts";
import type { KeyForm } from "./server-config.ts";

const fieldManager = "tiphys";
/** Claims of one bus that are deleted with it: there is one for each server. */
const maxClaims = 1_000;

/** The original's reasons of a False condition Deployed (spec argo-events 2.7). */
export type InstallFailure =
  | "JetStreamAuthSecretsFailed"
  | "JetStreamConfigMapFailed"
  | "JetStreamServiceFailed"
  | "JetStreamStatefulSetFailed";

export type InstallResult = { readonly ok: true } | { readonly ok: false; readonly failure: Failure };

interface Failure {
  readonly reason: InstallFailure;
  readonly message: string;
  /** Trying again cannot help until something changes. */
  readonly isTerminal: boolean;
}

interface InstallDeps {
  readonly kube: KubeClient;
  readonly clock: Clock;
}

/**
 * Brings what runs a `jetstream` EventBus to what it says; doing so again changes nothing. The Secrets come first: the
 * others mount them. @throws the signal's reason; what the API refuses is a result
 */
export async function installNativeBus(
  bus: NativeBus,
  { kube, clock }: InstallDeps,
  signal: AbortSignal,
): Promise<InstallResult> {
  let keyForm: KeyForm = "variable";
  const secrets = async (): Promise<void> => {
    keyForm = await ensureSecrets(bus, { kube, clock }, signal);
  };
  const steps: readonly (readonly [InstallFailure, () => Promise<void>])[] = [
    ["JetStreamAuthSecretsFailed", secrets],
    ["JetStreamConfigMapFailed", () => apply(kube, configMapOf(bus, keyForm), signal)],
    ["JetStreamServiceFailed", () => apply(kube, serviceOf(bus), signal)],
    ["JetStreamStatefulSetFailed", () => apply(kube, statefulSetOf(bus), signal)],
  ];
  for (const [reason, step] of steps) {
    try {
      await step();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      const isTerminal = error instanceof TerminalError;
      return { ok: false, failure: { reason, message: messageOf(error), isTerminal } };
    }
  }
  return { ok: true };
}

/** Keeps the EventBus from going before its volumes do. @throws API_CONFLICT when it changed since it was read */
export async function holdForDeletion(object: KubeObject, kube: KubeClient, signal: AbortSignal): Promise<void> {
  const { finalizers = [] } = object.metadata;
  if (!finalizers.includes(busFinalizer)) await writeFinalizers(object, [...finalizers, busFinalizer], kube, signal);
}

/** Of an EventBus that is being deleted. Unlike the original it does not wait until nothing uses the bus any more. */
export async function finishDeletion(object: KubeObject, kube: KubeClient, signal: AbortSignal): Promise<void> {
  const { name = "", namespace = "", finalizers = [] } = object.metadata;
  if (!finalizers.includes(busFinalizer)) return;
  await deleteVolumes({ name, namespace }, kube, signal);
  const others = finalizers.filter((finalizer) => finalizer !== busFinalizer);
  await writeFinalizers(object, others, kube, signal);
}

async function writeFinalizers(
  { apiVersion, kind, metadata }: KubeObject,
  finalizers: readonly string[],
  kube: KubeClient,
  signal: AbortSignal,
): Promise<void> {
  const { namespace = "", name = "", resourceVersion } = metadata;
  const patch = { metadata: { finalizers, ...(resourceVersion === undefined ? {} : { resourceVersion }) } };
  const ref = { apiVersion, kind, namespace, name };
  await kube.patch(ref, "application/merge-patch+json", patch, { fieldManager }, signal);
}

/** Deletes the servers' volumes, which a StatefulSet leaves behind; all else goes by its owner. */
async function deleteVolumes(
  bus: { readonly name: string; readonly namespace: string },
  kube: KubeClient,
  signal: AbortSignal,
): Promise<void> {
  const labelSelector = Object.entries(labelsOf(bus))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const kind = { apiVersion: "v1", kind: "PersistentVolumeClaim" };
  const { items } = await kube.list(kind, { namespace: bus.namespace, labelSelector }, signal);
  const { volume } = namesOf(bus);
  // A user's own claim with the same labels is not the bus's.
  const claims = items.filter(({ metadata }) => metadata.name?.startsWith(`${volume}-`)).slice(0, maxClaims);
  for (const { metadata } of claims) {
    await kube.delete({ ...kind, namespace: bus.namespace, name: metadata.name ?? "" }, {}, signal);
  }
}

async function ensureSecrets(bus: NativeBus, { kube, clock }: InstallDeps, signal: AbortSignal): Promise<KeyForm> {
  const { serverSecret, clientSecret, statefulSet } = namesOf(bus);
  const stored = await readSecret(bus, serverSecret, kube, signal);
  const storedClient = await readSecret(bus, clientSecret, kube, signal);
  if (stored === undefined && (await keepsData(bus, kube, signal))) {
    const message =
      `Secret "${serverSecret}" is gone, and with it the key of what the servers have stored: bring it back, or delete ` +
      `StatefulSet "${statefulSet}" and its volumes to begin anew`;
    throw new TerminalError("SECRET_MISSING", message);
  }
  const server = await serverSecretData(bus, readSecretData(stored), clock);
  await writeSecret(stored, secretObject(bus, serverSecret, server), kube, signal);
  const client = secretObject(bus, clientSecret, clientSecretData(server));
  await writeSecret(storedClient, client, kube, signal);
  return keyFormOf(server);
}

/** @throws EngineError API_CONFLICT for one of an earlier EventBus of the name: it is about to be deleted */
async function readSecret(
  bus: NativeBus,
  name: string,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const secret = await kube.get({ apiVersion: "v1", kind: "Secret", namespace: bus.namespace, name }, signal);
  const owner = secret?.metadata.ownerReferences?.find(({ controller }) => controller);
  if (owner === undefined || owner.uid === bus.uid) return secret;
  throw new EngineError("API_CONFLICT", `Secret "${name}" belongs to ${owner.kind} "${owner.name}" (${owner.uid})`);
}

async function keepsData(bus: NativeBus, kube: KubeClient, signal: AbortSignal): Promise<boolean> {
  const name = namesOf(bus).statefulSet;
  const found = await kube.get({ apiVersion: "apps/v1", kind: "StatefulSet", namespace: bus.namespace, name }, signal);
  const spec = found?.spec as JsonObject | undefined;
  return Array.isArray(spec?.volumeClaimTemplates) && spec.volumeClaimTemplates.length > 0;
}

/** Create or update, never apply: of two engines that both find none, one is refused and takes the other's. */
async function writeSecret(
  stored: KubeObject | undefined,
  wanted: KubeObject,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<void> {
  if (stored === undefined) {
    await kube.create(wanted, { fieldManager }, signal);
    return;
  }
  const isOwned = stored.metadata.ownerReferences?.some(({ controller }) => controller) ?? false;
  if (isOwned && isSame(readSecretData(stored), readSecretData(wanted))) return;
  const data = { ...(stored.data as JsonObject | undefined), ...(wanted.data as JsonObject) };
  const { labels, ownerReferences = [] } = wanted.metadata;
  const metadata = { ...stored.metadata, labels: { ...stored.metadata.labels, ...labels }, ownerReferences };
  await kube.update({ ...stored, metadata, data }, { fieldManager }, signal);
}

function isSame(stored: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, text]) => stored[key] === text);
}

async function apply(kube: KubeClient, object: KubeObject, signal: AbortSignal): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  const { name = "", namespace = "" } = metadata;
  const ref: ObjectRef = { apiVersion, kind, namespace, name };
  const body = parseJson(JSON.stringify(object)) as JsonObject;
  await kube.patch(ref, "application/apply-patch+yaml", body, { fieldManager, force: true }, signal);
}
