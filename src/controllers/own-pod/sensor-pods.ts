import { listOf, objectOf } from "../../api/fields.ts";
import type { EventBusResource, Sensor } from "../../api/resources.ts";
import { type Clock, type Instant, instant, isoTime } from "../../base/clock.ts";
import type { JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { createSecretReader } from "../secret-reader.ts";
import {
  dataClaimOf,
  dataVolume,
  deploymentOf,
  hashAnnotation,
  manifestsSecretOf,
  type PodOwner,
} from "./deployment.ts";
import { podManifests } from "./manifests.ts";
import { noImage, type Place, type PodDeps, placeOf, told } from "./own-pods.ts";
import {
  ensureClaim,
  ensureDeployment,
  ensureManifests,
  findManifests,
  ownDeployments,
  removeOwn,
} from "./pod-objects.ts";
import { actsInCluster, sensorNeedsIdentity, sensorObstacle } from "./wish.ts";

/** Where a Pod begins to read, as the Secret with its manifests remembers it. */
const beginAnnotation = "tiphys.io/start-at";
/** When its Pod was told to end, and from when on the engine reads. */
const endAnnotation = "tiphys.io/ended-at";

export interface SensorPodsDeps extends PodDeps<Sensor> {
  readonly clock: Pick<Clock, "now">;
}

/** Sensors in Pods of their own, in a cluster. */
export interface SensorPods {
  /**
   * Where it runs. `obstacle`: why in the engine although it asks for a Pod.
   * @throws EngineError API_* when its EventBus cannot be read; NotYetError while the engine does not know the bus
   */
  placeOf(object: KubeObject, sensor: Sensor, signal: AbortSignal): Promise<Place>;
  /**
   * Brings its Deployment to what it says; again changes nothing. `begin` is asked once for each Pod that is new: from
   * when on it reads. Returns why it cannot be.
   */
  install(
    sensor: { readonly object: KubeObject; readonly resource: Sensor; readonly begin: () => Promise<Instant> },
    bus: EventBusResource,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /** Tells its Pod to end. Returns from when on the engine reads; undefined: it has no Pod. Again returns the same. */
  end(sensor: Sensor, signal: AbortSignal): Promise<Instant | undefined>;
  /** Of one that runs in the engine. Its data stays until the Sensor goes, for what is in it. */
  remove(sensor: Sensor, signal: AbortSignal): Promise<void>;
}

export function createSensorPods(deps: SensorPodsDeps): SensorPods {
  const { kube, image, userOf, isBuiltIn, clock } = deps;
  return {
    placeOf(object, sensor, signal) {
      const { triggers } = sensor;
      const obstacle = (bus: EventBusResource | undefined) => sensorObstacle(triggers, bus, isBuiltIn);
      return placeOf(object, sensor, deps, { needsIdentity: sensorNeedsIdentity(triggers), obstacle }, signal);
    },
    install: ({ object, resource, begin: beginNow }, bus, signal) =>
      told(signal, async () => {
        if (image === undefined) return noImage;
        const { namespace } = resource.metadata;
        const owner = ownerOf(resource);
        const stored = await findManifests(kube, owner, signal);
        const begin = stored?.metadata.annotations?.[beginAnnotation] ?? isoTime(await beginNow());
        const own = createSecretReader(kube.as(userOf(resource)), namespace);
        const readers = { own, bus: createSecretReader(kube, namespace) };
        const text = await podManifests({ owner, object, more: { startAt: begin } }, bus, readers);
        const secret = manifestsSecretOf(owner, text);
        const annotations = { [beginAnnotation]: begin };
        await ensureManifests(kube, { ...secret, metadata: { ...secret.metadata, annotations } }, stored, signal);
        const claim = declaresData(resource) ? undefined : dataClaimOf(owner, begin);
        if (claim !== undefined) await ensureClaim(kube, claim, signal);
        const written = objectOf(object.spec as JsonValue | undefined);
        const acts = actsInCluster(resource.triggers);
        const wish = { image, isSingle: true, sensor: { claim: claim?.metadata.name, actsInCluster: acts } };
        await ensureDeployment(kube, owner, deploymentOf(owner, written, wish), signal);
        return undefined;
      }),
    async end(sensor, signal) {
      if (image === undefined) return undefined;
      const [stored] = await ownDeployments(kube, ownerOf(sensor), signal);
      if (stored === undefined) return undefined;
      const known = stored.metadata.annotations?.[endAnnotation];
      if (known !== undefined) return instant(Date.parse(known));
      const at = clock.now();
      // Without its hash: one that goes into its Pod again is written again.
      const annotations = { ...stored.metadata.annotations, [hashAnnotation]: "", [endAnnotation]: isoTime(at) };
      const spec = { ...objectOf(stored.spec as JsonValue | undefined), replicas: 0 };
      await kube.update({ ...stored, metadata: { ...stored.metadata, annotations }, spec }, {}, signal);
      return at;
    },
    async remove(sensor, signal) {
      if (image !== undefined) await removeOwn(kube, ownerOf(sensor), signal);
    },
  };
}

function ownerOf({ metadata }: Sensor): PodOwner {
  return { kind: "Sensor", metadata };
}

/** Whether the user says where its data is kept. */
function declaresData({ template }: Sensor): boolean {
  return listOf(template.volumes as JsonValue | undefined).some((volume) => objectOf(volume).name === dataVolume);
}
