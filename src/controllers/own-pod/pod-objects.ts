import { EngineError } from "../../base/errors.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import { hashAnnotation, manifestsSecretName, type PodOwner, podLabels } from "./deployment.ts";

const fieldManager = "tiphys";
const deploymentKind = { apiVersion: "apps/v1", kind: "Deployment" };
const madeBy = "tiphys.io/managed";

/** Of this owner, whoever made them. */
async function deploymentsOf(kube: KubeClient, owner: PodOwner, signal: AbortSignal): Promise<readonly KubeObject[]> {
  const { namespace, uid } = owner.metadata;
  const labelSelector = Object.entries(podLabels(owner))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const { items } = await kube.list(deploymentKind, { namespace, labelSelector }, signal);
  return items.filter(({ metadata }) => metadata.ownerReferences?.some((reference) => reference.uid === uid));
}

/** Those that we made, or have taken over. */
export async function ownDeployments(kube: KubeClient, owner: PodOwner, signal: AbortSignal): Promise<KubeObject[]> {
  const all = await deploymentsOf(kube, owner, signal);
  return all.filter(({ metadata }) => metadata.annotations?.[madeBy] !== undefined);
}

/** One that the original made is taken over, so that no two Pods act. */
export async function ensureDeployment(kube: KubeClient, owner: PodOwner, wanted: KubeObject, signal: AbortSignal) {
  const annotations: Readonly<Record<string, string>> = { ...wanted.metadata.annotations, [madeBy]: "true" };
  const metadata = { ...wanted.metadata, annotations };
  const [stored] = await deploymentsOf(kube, owner, signal);
  if (stored === undefined) return void (await kube.create({ ...wanted, metadata }, { fieldManager }, signal));
  if (stored.metadata.annotations?.[hashAnnotation] === annotations[hashAnnotation]) return;
  const merged = { ...stored.metadata, labels: metadata.labels ?? {}, annotations };
  await kube.update({ ...wanted, metadata: merged }, { fieldManager }, signal);
}

/** The Secret with its manifests. @throws EngineError API_CONFLICT for one of the name that is somebody else's */
export async function findManifests(
  kube: KubeClient,
  owner: PodOwner,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const name = manifestsSecretName(owner);
  const stored = await kube.get(secretRef(owner), signal);
  if (stored === undefined || stored.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid)) {
    return stored;
  }
  throw new EngineError("API_CONFLICT", `Secret "${name}" is there and not of this ${owner.kind}: rename or delete it`);
}

/** `stored`: what `findManifests` found. */
export async function ensureManifests(
  kube: KubeClient,
  wanted: KubeObject,
  stored: KubeObject | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (stored === undefined) return void (await kube.create(wanted, { fieldManager }, signal));
  if (JSON.stringify(stored.data) === JSON.stringify(wanted.data)) return;
  await kube.update({ ...stored, data: wanted.data }, { fieldManager }, signal);
}

/** It is not changed once it is there. */
export async function ensureClaim(kube: KubeClient, wanted: KubeObject, signal: AbortSignal): Promise<void> {
  const { apiVersion, kind } = wanted;
  const { name = "", namespace = "" } = wanted.metadata;
  if ((await kube.get({ apiVersion, kind, name, namespace }, signal)) !== undefined) return;
  await kube.create(wanted, { fieldManager }, signal);
}

/** What we made for an owner that runs in the engine; the data of a Sensor's Pod stays, for what is in it. */
export async function removeOwn(kube: KubeClient, owner: PodOwner, signal: AbortSignal): Promise<void> {
  for (const { metadata } of await ownDeployments(kube, owner, signal)) {
    const { namespace = "", name = "" } = metadata;
    await kube.delete({ ...deploymentKind, namespace, name }, {}, signal);
    await kube.delete(secretRef(owner), {}, signal);
  }
}

function secretRef(owner: PodOwner): ObjectRef {
  return { apiVersion: "v1", kind: "Secret", namespace: owner.metadata.namespace, name: manifestsSecretName(owner) };
}
