import { warningAt } from "../api/fields.ts";
import type { EventSource } from "../api/resources.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { type JsonObject, parseJson } from "../base/json.ts";
import type { Logger } from "../base/log.ts";
import type { Problem } from "../base/schema.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import {
  type Allocated,
  covers,
  engineAnnotation,
  managedBy,
  ownPortsOf,
  portProblems,
  serviceLabel,
  serviceOf,
  servicePorts,
  serviceRef,
  sliceOf,
  sliceRef,
} from "./source-service-objects.ts";

const fieldManager = "tiphys";
/** Between looks at what is there, which somebody else may have changed. */
const lookAgainMs = 300_000;
const retryMs = 30_000;
/** How long the end of an engine waits for its slices to go. */
const removeMs = 5_000;

export interface SourceServicesDeps {
  readonly kube: KubeClient;
  /** Of this engine, for the cluster; undefined when it is not known. */
  readonly address: string | undefined;
  /** Names this engine. */
  readonly engine: string;
  /** Whether an engine runs: what one that does not has left is removed. */
  readonly isLive: (engine: string) => Promise<boolean>;
  readonly allocated: (source: EventSource["metadata"]) => Allocated;
  readonly log: Logger;
}

interface Outcome {
  readonly problems: readonly Problem[];
  /** In milliseconds; undefined: nothing is there that could change. */
  readonly againAfterMs?: number;
}

/** In a cluster: Services before EventSources, and EndpointSlices that lead to this engine. */
export interface SourceServices {
  /**
   * Brings both to what the EventSource says; doing so again changes nothing. `isHttp`: it has HTTP events. Only who
   * `writes` touches the Service; the slice is each engine's own. @throws the signal's reason; failures are problems
   */
  reconcile(
    source: EventSource,
    is: { readonly isHttp: boolean; readonly writes: boolean },
    signal: AbortSignal,
  ): Promise<Outcome>;
  /** The same for one that runs in a Pod of its own: its Service selects it. */
  reconcileForPod(source: EventSource, isHttp: boolean, signal: AbortSignal): Promise<readonly Problem[]>;
  /** Of an EventSource that is gone, or not served any more: its Service goes by its owner. */
  forget(namespace: string, name: string, signal: AbortSignal): Promise<void>;
  /** Nothing leads to this engine any more. Never rejects. */
  removeSlices(): Promise<void>;
}

export function createSourceServices(deps: SourceServicesDeps): SourceServices {
  const { kube, engine, log } = deps;
  const written = new Map<string, ObjectRef>();

  async function forget(namespace: string, name: string, signal: AbortSignal): Promise<void> {
    const ref = written.get(`${namespace}/${name}`);
    if (ref === undefined) return;
    await kube.delete(ref, {}, signal);
    written.delete(`${namespace}/${name}`);
  }

  async function write(source: EventSource, address: string, writes: boolean, signal: AbortSignal): Promise<Problem[]> {
    const { namespace, name } = source.metadata;
    const allocated = deps.allocated(source.metadata);
    if (allocated.size === 0) return []; // not served yet: it is asked for again then
    const ports = servicePorts(source, allocated);
    const wanted = writes ? [serviceOf(source, ports)] : [];
    const slice = sliceOf(source, ports, { address, engine, allocated });
    if (slice === undefined) await forget(namespace, name, signal);
    else {
      wanted.push(slice);
      written.set(`${namespace}/${name}`, sliceRef(source.metadata, engine));
    }
    for (const object of wanted) await ensure(kube, object, signal);
    if (writes) await removeStale(deps, source, signal);
    return portProblems(source, allocated);
  }

  function failed({ metadata: { namespace, name } }: EventSource, error: unknown, signal: AbortSignal): Problem {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    log.warn("the Service of an event source is not written", { namespace, eventSource: name, error });
    return warningAt("spec.service", `the Service cannot be written: ${messageOf(error)}`);
  }

  return {
    forget,
    async reconcileForPod(source, isHttp, signal) {
      const own: Allocated = new Map(isHttp ? ownPortsOf(source).map((port) => [port, port]) : []);
      const ports = servicePorts(source, own);
      try {
        if (ports.length > 0) await ensure(kube, serviceOf(source, ports, "selecting"), signal);
        else await removeService(kube, source, signal);
        return portProblems(source, own);
      } catch (error) {
        return [failed(source, error, signal)];
      }
    },
    async reconcile(source, { isHttp, writes }, signal) {
      const { namespace, name } = source.metadata;
      try {
        if (!isHttp) {
          await forget(namespace, name, signal);
          if (writes) await removeService(kube, source, signal);
          return { problems: source.service ? [noHttp] : [] };
        }
        if (deps.address === undefined) return { problems: [noAddress] };
        return { problems: await write(source, deps.address, writes, signal), againAfterMs: lookAgainMs };
      } catch (error) {
        return { problems: [failed(source, error, signal)], againAfterMs: retryMs };
      }
    },
    async removeSlices() {
      const signal = AbortSignal.timeout(removeMs);
      const refs = [...written.values()];
      written.clear();
      const results = await Promise.allSettled(refs.map((ref) => kube.delete(ref, {}, signal)));
      for (const result of results) {
        if (result.status === "rejected") log.warn("an EndpointSlice is left", { error: result.reason });
      }
    },
  };
}

const noHttp: Problem = warningAt("spec.service", "there is no Service: no event of it is received over HTTP");
const noAddress: Problem = warningAt(
  "spec.service",
  "there is no Service: this engine does not know its address in the cluster; give it with --address, or as POD_IP " +
    "from status.podIP of its Pod",
);

/** @throws EngineError API_CONFLICT when an object of the name belongs to somebody else */
async function ensure(kube: KubeClient, wanted: KubeObject, signal: AbortSignal): Promise<void> {
  const { namespace = "", name = "" } = wanted.metadata;
  const ref: ObjectRef = { apiVersion: wanted.apiVersion, kind: wanted.kind, namespace, name };
  const stored = await kube.get(ref, signal);
  if (stored !== undefined && !isOwnedAlike(stored, wanted)) {
    const message = `${wanted.kind} "${name}" is there and not of this EventSource: rename or delete it`;
    throw new EngineError("API_CONFLICT", message);
  }
  if (stored === undefined) return void (await kube.create(wanted, { fieldManager }, signal));
  if (isFixedAlike(stored, wanted)) {
    const patch = patchOf(stored, wanted);
    if (patch) await kube.patch(ref, "application/merge-patch+json", patch, { fieldManager }, signal);
    return;
  }
  await kube.delete(ref, {}, signal);
  await kube.create(wanted, { fieldManager }, signal);
}

function isOwnedAlike(stored: KubeObject, wanted: KubeObject): boolean {
  const uids = wanted.metadata.ownerReferences?.map(({ uid }) => uid) ?? [];
  return stored.metadata.ownerReferences?.some(({ uid }) => uids.includes(uid)) ?? false;
}

/** What no update may change: the address of a Service that the EventSource gives, the addresses' family of a slice. */
function isFixedAlike(stored: KubeObject, wanted: KubeObject): boolean {
  const { clusterIP } = (wanted.spec ?? {}) as JsonObject;
  return covers(stored, {
    ...(clusterIP === undefined ? {} : { spec: { clusterIP } }),
    ...(wanted.addressType === undefined ? {} : { addressType: wanted.addressType }),
  });
}

/** Undefined when there is nothing to change. The original's selector would lead to Pods that are no more. */
function patchOf(stored: KubeObject, wanted: KubeObject): JsonObject | undefined {
  const selects = ({ spec }: KubeObject): boolean => (spec as JsonObject | undefined)?.selector !== undefined;
  const hasSelector = stored.kind === "Service" && selects(stored) && !selects(wanted);
  if (!hasSelector && covers(stored, wanted)) return undefined;
  const { apiVersion: _, kind: _kind, ...patch } = parseJson(JSON.stringify(wanted)) as JsonObject;
  return hasSelector ? { ...patch, spec: { ...(patch.spec as JsonObject), selector: null } } : patch;
}

/** Of an EventSource without HTTP events: only one that was made for it goes. */
async function removeService(kube: KubeClient, source: EventSource, signal: AbortSignal): Promise<void> {
  const ref = serviceRef(source.metadata);
  const stored = await kube.get(ref, signal);
  if (stored === undefined || !isOwnedAlike(stored, serviceOf(source, []))) return;
  await kube.delete(ref, {}, signal);
}

/** The slices of engines that ended without removing them: part of the traffic would go there. */
async function removeStale({ kube, isLive, engine }: SourceServicesDeps, source: EventSource, signal: AbortSignal) {
  const { namespace, name } = serviceRef(source.metadata);
  const labels = { ...managedBy, [serviceLabel]: name };
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  const kind = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" };
  const { items } = await kube.list(kind, { namespace, labelSelector }, signal);
  for (const { metadata } of items) {
    const other = metadata.annotations?.[engineAnnotation];
    if (other === undefined || other === engine || (await isLive(other))) continue;
    await kube.delete({ ...kind, namespace, name: metadata.name ?? "" }, {}, signal);
  }
}
