import { parseEventBus } from "../../api/event-bus.ts";
import { objectOf } from "../../api/fields.ts";
import { argoApiVersion, type EventBusResource, type EventSource } from "../../api/resources.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import { createSecretReader } from "../secret-reader.ts";
import { deploymentOf, hashAnnotation, manifestsSecretOf, podLabels } from "./deployment.ts";
import { podManifests } from "./manifests.ts";
import { podObstacle, wantsPod } from "./wish.ts";

const fieldManager = "tiphys";

export interface OwnPodsDeps {
  readonly kube: KubeClient;
  /** What Pods run: this program's own image. Undefined: none can be made. */
  readonly image: string | undefined;
  /** The service account's name for the API. */
  readonly userOf: (source: EventSource) => string;
  readonly isBuiltIn: (kind: string) => boolean;
  readonly isSingle: (source: EventSource) => boolean;
}

/** EventSources in Pods of their own, in a cluster. */
export interface OwnPods {
  /**
   * Where it runs. `obstacle`: why in the engine although it asks for a Pod. The same for every engine.
   * @throws EngineError API_* when its EventBus cannot be read
   */
  placeOf(object: KubeObject, source: EventSource, signal: AbortSignal): Promise<Place>;
  /** Brings its Deployment to what it says; again changes nothing. Returns why it cannot be. */
  install(
    object: KubeObject,
    source: EventSource,
    bus: EventBusResource,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /** Of one that runs in the engine. */
  remove(source: EventSource, signal: AbortSignal): Promise<void>;
}

export type Place =
  | { readonly pod: true; readonly bus: EventBusResource }
  | { readonly pod: false; readonly obstacle?: string };

export function createOwnPods({ kube, image, userOf, isBuiltIn, isSingle }: OwnPodsDeps): OwnPods {
  return {
    async placeOf(object, source, signal) {
      if (!wantsPod(object)) return { pod: false };
      if (image === undefined) return { pod: false, obstacle: noImage };
      const { namespace } = source.metadata;
      const ref = { apiVersion: argoApiVersion, kind: "EventBus", namespace, name: source.eventBusName };
      const stored = await kube.get(ref, signal);
      const bus = stored && parse(stored);
      const obstacle = podObstacle(source.events, bus, isBuiltIn);
      return bus && obstacle === undefined ? { pod: true, bus } : { pod: false, ...(obstacle && { obstacle }) };
    },
    async install(object, source, bus, signal) {
      const { namespace } = source.metadata;
      if (image === undefined) return noImage;
      try {
        const own = createSecretReader(kube.as(userOf(source)), namespace);
        const text = await podManifests(object, source, bus, { own, bus: createSecretReader(kube, namespace) });
        await ensureSecret(kube, manifestsSecretOf(source, text), signal);
        const written = objectOf(object.spec as JsonValue | undefined);
        const wanted = deploymentOf(source, written, { image, isSingle: isSingle(source) });
        await ensureDeployment(kube, source, wanted, signal);
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof EngineError)) throw error;
        return `its Pod cannot be made: ${messageOf(error)}`;
      }
    },
    async remove(source, signal) {
      if (image === undefined) return;
      for (const { metadata } of await deploymentsOf(kube, source, signal)) {
        if (metadata.annotations?.[madeBy] === undefined) continue; // the original's
        const { namespace = "", name = "" } = metadata;
        await kube.delete({ ...deploymentKind, namespace, name }, {}, signal);
        const { metadata: secret } = manifestsSecretOf(source, "");
        await kube.delete({ apiVersion: "v1", kind: "Secret", namespace, name: secret.name ?? "" }, {}, signal);
      }
    },
  };
}

/** Undefined for one that is invalid, which its own status tells. */
function parse(object: KubeObject): EventBusResource | undefined {
  try {
    return parseEventBus(object).resource;
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

const noImage = "no image is known for it; give one with --image, or as TIPHYS_IMAGE";
const deploymentKind = { apiVersion: "apps/v1", kind: "Deployment" };
const madeBy = "tiphys.io/managed";

async function deploymentsOf(kube: KubeClient, source: EventSource, signal: AbortSignal): Promise<KubeObject[]> {
  const { namespace, name, uid } = source.metadata;
  const labelSelector = Object.entries(podLabels(name))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const { items } = await kube.list(deploymentKind, { namespace, labelSelector }, signal);
  return items.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
}

/** One that the original made is taken over, so that no two Pods listen. */
async function ensureDeployment(kube: KubeClient, source: EventSource, wanted: KubeObject, signal: AbortSignal) {
  const annotations: Readonly<Record<string, string>> = { ...wanted.metadata.annotations, [madeBy]: "true" };
  const metadata = { ...wanted.metadata, annotations };
  const [stored] = await deploymentsOf(kube, source, signal);
  if (stored === undefined) return void (await kube.create({ ...wanted, metadata }, { fieldManager }, signal));
  if (stored.metadata.annotations?.[hashAnnotation] === annotations[hashAnnotation]) return;
  const merged = { ...stored.metadata, labels: metadata.labels ?? {}, annotations };
  await kube.update({ ...wanted, metadata: merged }, { fieldManager }, signal);
}

async function ensureSecret(kube: KubeClient, wanted: KubeObject, signal: AbortSignal): Promise<void> {
  const { namespace = "", name = "", ownerReferences = [] } = wanted.metadata;
  const ref: ObjectRef = { apiVersion: "v1", kind: "Secret", namespace, name };
  const stored = await kube.get(ref, signal);
  if (stored === undefined) return void (await kube.create(wanted, { fieldManager }, signal));
  if (!stored.metadata.ownerReferences?.some(({ uid }) => uid === ownerReferences[0]?.uid)) {
    throw new EngineError("API_CONFLICT", `Secret "${name}" is there and not of this EventSource: rename or delete it`);
  }
  if (JSON.stringify(stored.data) === JSON.stringify(wanted.data)) return;
  await kube.update({ ...stored, data: wanted.data }, { fieldManager }, signal);
}
