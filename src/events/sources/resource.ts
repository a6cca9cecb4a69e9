import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { ListOptions, WatchEvent } from "../../kube/kube.ts";
import type { GroupVersionKind, KubeObject } from "../../objects/object.ts";
import { eventId, keepEvent, withMetadata } from "./draft.ts";
import { type ChangeType, changedPaths, isWanted, labelSelectorOf } from "./resource-filter.ts";
import { type ResourceSpec, resourceSchema } from "./resource-spec.ts";
import { openSeen, type Seen } from "./seen.ts";
import type { SourceContext, SourceKind } from "./source.ts";

export const resourceSource: SourceKind<ResourceSpec> = {
  eventType: "resource",
  singleton: true,
  schema: resourceSchema,
  async run(spec, context, signal) {
    const { group = "", version, resource, namespace = "" } = spec;
    const apiVersion = group === "" ? version : `${group}/${version}`;
    const kind = await findKind(apiVersion, resource, context, signal);
    const labelSelector = labelSelectorOf(spec);
    const options = { ...(namespace && { namespace }), ...(labelSelector && { labelSelector }) };
    const identity = [apiVersion, resource, namespace, labelSelector];
    const seen = await openSeen(context.state, identity, context.clock.now());
    const informer = createInformer({ spec, kind: { apiVersion, kind }, options, seen, context });
    await informer.run(signal);
  },
};

/** A kind that is not there may come: its CRD is applied later. */
async function findKind(
  apiVersion: string,
  resource: string,
  { kube }: SourceContext,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await kube.kindOf(apiVersion, resource, signal);
  } catch (error) {
    if (error instanceof TerminalError) throw new EngineError(error.code, error.message, error);
    throw error;
  }
}

interface InformerOptions {
  readonly spec: ResourceSpec;
  readonly kind: GroupVersionKind;
  readonly options: ListOptions;
  readonly seen: Seen;
  readonly context: SourceContext;
}

/** So often what was told is kept, while much changes. */
const flushMs = 1_000;

/**
 * Lists, tells what differs from what was told already, then watches from there; again after each failure. Changes are
 * told one after another, so that the watch waits for the bus; what it misses meanwhile the next list shows.
 */
function createInformer({ spec, kind, options, seen, context }: InformerOptions) {
  const { kube, clock, log } = context;
  /** For what an object was before: only since this start. */
  const objects = new Map<string, KubeObject>();
  let flushedMs = clock.monotonicMs();
  let failures = 0;

  async function tell(type: ChangeType, object: KubeObject, old: KubeObject | undefined, signal: AbortSignal) {
    if (!isWanted(spec, type, object, { since: seen.since, now: clock.now() })) return;
    const { uid = "", resourceVersion = "" } = object.metadata;
    // An object is added and removed once.
    const id = eventId(context, type === "UPDATE" ? `${uid}/${resourceVersion}` : `${uid}/${type}`);
    await keepEvent({ id, data: dataOf(spec, type, object, old) }, context, signal);
  }

  async function flush(isDue: boolean): Promise<void> {
    if (!isDue && clock.monotonicMs() - flushedMs < flushMs) return;
    await seen.flush();
    flushedMs = clock.monotonicMs();
  }

  async function set(object: KubeObject, signal: AbortSignal): Promise<void> {
    const key = keyOf(object);
    const version = versionOf(object);
    const known = seen.entries.get(key);
    const old = objects.get(key);
    if (known !== version) {
      const isSame = known?.split(" ")[0] === object.metadata.uid;
      if (known !== undefined && !isSame) await remove(key, old, signal);
      await tell(isSame ? "UPDATE" : "ADD", object, isSame ? old : undefined, signal);
      seen.set(key, version);
    }
    objects.set(key, object);
    await flush(false);
  }

  async function remove(key: string, last: KubeObject | undefined, signal: AbortSignal): Promise<void> {
    const known = seen.entries.get(key);
    if (known === undefined) return;
    await tell("DELETE", last ?? objects.get(key) ?? remnant(kind, key, known), undefined, signal);
    seen.delete(key);
    objects.delete(key);
    await flush(false);
  }

  /** Gives back the version that the informer knows then. */
  async function take(event: WatchEvent, from: string, signal: AbortSignal): Promise<string> {
    if (event.type === "BOOKMARK") return event.resourceVersion;
    if (event.type === "DELETED") await remove(keyOf(event.object), event.object, signal);
    else await set(event.object, signal);
    return event.object.metadata.resourceVersion ?? from;
  }

  async function list(signal: AbortSignal): Promise<string> {
    const found = await kube.list(kind, options, signal);
    const listed = new Set(found.items.map(keyOf));
    for (const key of [...seen.entries.keys()]) if (!listed.has(key)) await remove(key, undefined, signal);
    for (const object of found.items) await set(object, signal);
    await flush(true);
    return found.resourceVersion;
  }

  async function listAndWatch(signal: AbortSignal): Promise<void> {
    let from = await list(signal);
    context.ready();
    failures = 0;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      for await (const event of kube.watch(kind, from, options, signal)) from = await take(event, from, signal);
      await flush(true);
      if (clock.monotonicMs() - startedMs < flushMs) await sleepFor(clock, flushMs, signal);
    }
  }

  async function recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (error instanceof TerminalError && error.code !== "API_FORBIDDEN") throw error;
    failures++;
    const isExpired = error instanceof EngineError && error.code === "API_CONFLICT";
    if (isExpired && failures === 1) return; // 410: what was missed is in a new list
    log.warn("watch interrupted, trying again", { error });
    context.failing(messageOf(error));
    await sleepFor(clock, backoffMs(reconnectBackoff, Math.min(failures, 32)), signal).catch(() => undefined);
  }

  return {
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        try {
          await listAndWatch(signal);
        } catch (error) {
          if (!signal.aborted) await recover(error, signal);
        }
      }
      await seen.flush();
    },
  };
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
}

function versionOf({ metadata }: KubeObject): string {
  return `${metadata.uid ?? ""} ${metadata.resourceVersion ?? ""}`;
}

/** What is left of an object that went while nobody watched. */
function remnant({ apiVersion, kind }: GroupVersionKind, key: string, known: string): KubeObject {
  const [namespace = "", name = ""] = key.split("/");
  const [uid = "", resourceVersion = ""] = known.split(" ");
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }), uid, resourceVersion } };
}

function dataOf(spec: ResourceSpec, type: ChangeType, object: KubeObject, old: KubeObject | undefined): JsonObject {
  const [body, oldBody] = [object as unknown as JsonObject, (old ?? null) as unknown as JsonObject | null];
  const { group = "", version, resource } = spec;
  const changed = spec.changedPaths && oldBody ? { changed: changedPaths(oldBody, body) } : {};
  return withMetadata({ type, body, oldBody, group, version, resource, ...changed }, spec);
}
