import { parseEventBus } from "../../api/event-bus.ts";
import { objectOf } from "../../api/fields.ts";
import { argoApiVersion, type EventBusResource, type EventSource, type Sensor } from "../../api/resources.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import { createSecretReader } from "../secret-reader.ts";
import { deploymentOf, manifestsSecretOf, type PodOwner } from "./deployment.ts";
import { podManifests } from "./manifests.ts";
import { ensureDeployment, ensureManifests, findManifests, removeOwn } from "./pod-objects.ts";
import { podObstacle, sourceNeedsIdentity, wantsPod } from "./wish.ts";

/** What Pods of EventSources and of Sensors need. */
export interface PodDeps<Owner extends EventSource | Sensor> {
  readonly kube: KubeClient;
  /** What Pods run: this program's own image. Undefined: none can be made. */
  readonly image: string | undefined;
  /** The service account's name for the API. */
  readonly userOf: (owner: Owner) => string;
  readonly isBuiltIn: (kind: string) => boolean;
  /**
   * Whether an EventBus forgets what was acknowledged: its events are moved to the engine's own bus, and a Pod would move
   * them to its own. @throws NotYetError while it has no connection
   */
  readonly forgets: (namespace: string, eventBusName: string) => boolean;
}

export interface OwnPodsDeps extends PodDeps<EventSource> {
  readonly isSingle: (source: EventSource) => boolean;
}

/** EventSources in Pods of their own, in a cluster. */
export interface OwnPods {
  /**
   * Where it runs. `obstacle`: why in the engine although it asks for a Pod. The same for every engine.
   * @throws EngineError API_* when its EventBus cannot be read; NotYetError while the engine does not know the bus
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

export function createOwnPods(deps: OwnPodsDeps): OwnPods {
  const { kube, image, userOf, isBuiltIn, isSingle } = deps;
  return {
    placeOf: (object, source, signal) => placeOf(object, source, deps, wishOf(source, isBuiltIn), signal),
    install: (object, source, bus, signal) =>
      told(signal, async () => {
        if (image === undefined) return noImage;
        const { namespace } = source.metadata;
        const owner: PodOwner = { kind: "EventSource", metadata: source.metadata };
        const stored = await findManifests(kube, owner, signal);
        const own = createSecretReader(kube.as(userOf(source)), namespace);
        const text = await podManifests({ owner, object }, bus, { own, bus: createSecretReader(kube, namespace) });
        await ensureManifests(kube, manifestsSecretOf(owner, text), stored, signal);
        const written = objectOf(object.spec as JsonValue | undefined);
        const wanted = deploymentOf(owner, written, { image, isSingle: isSingle(source) });
        await ensureDeployment(kube, owner, wanted, signal);
        return undefined;
      }),
    async remove(source, signal) {
      if (image !== undefined) await removeOwn(kube, { kind: "EventSource", metadata: source.metadata }, signal);
    },
  };
}

function wishOf({ events }: EventSource, isBuiltIn: PodDeps<EventSource>["isBuiltIn"]): PlaceWish {
  return { needsIdentity: sourceNeedsIdentity(events), obstacle: (bus) => podObstacle(events, bus, isBuiltIn) };
}

export interface PlaceWish {
  /** A Pod is wanted, also where the object does not say so. */
  readonly needsIdentity: boolean;
  /** What keeps it in the engine, given its bus. */
  readonly obstacle: (bus: EventBusResource | undefined) => string | undefined;
}

export async function placeOf<Owner extends EventSource | Sensor>(
  object: KubeObject,
  owner: Owner,
  { kube, image, forgets }: PodDeps<Owner>,
  { needsIdentity, obstacle }: PlaceWish,
  signal: AbortSignal,
): Promise<Place> {
  if (!wantsPod(object) && !needsIdentity) return { pod: false };
  if (image === undefined) return { pod: false, obstacle: noImage };
  const { namespace } = owner.metadata;
  const name = owner.eventBusName;
  const stored = await kube.get({ apiVersion: argoApiVersion, kind: "EventBus", namespace, name }, signal);
  const bus = stored && parse(stored);
  const found = obstacle(bus);
  if (found !== undefined || bus === undefined) return { pod: false, ...(found !== undefined && { obstacle: found }) };
  return forgets(namespace, name) ? { pod: false, obstacle: forgetful } : { pod: true, bus };
}

/** What an installation failed with, as a text for people; undefined: it is there. */
export async function told(signal: AbortSignal, work: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return `its Pod cannot be made: ${messageOf(error)}`;
  }
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

export const noImage = "no image is known for it; give one with --image, or as TIPHYS_IMAGE";
const forgetful = "the stream of its EventBus forgets what was acknowledged, and the engine moves its events on";
