import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { ListOptions, WatchEvent } from "../../kube/kube.ts";
import type { GroupVersionKind, KubeObject } from "../../objects/object.ts";
import { eventId, keepEvent, withMetadata } from "./draft.ts";
import { sortedDeep } from "./go-map.ts";
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
    await new Informer({ spec, kind: { apiVersion, kind }, options, seen, context }).run(signal);
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
class Informer {
  readonly #options: InformerOptions;
  /** For what an object was before: only since this start. */
  readonly #objects = new Map<string, KubeObject>();
  #flushedMs: number;
  #isFlushing = false;
  #failures = 0;

  constructor(options: InformerOptions) {
    this.#options = options;
    this.#flushedMs = options.context.clock.monotonicMs();
  }

  async #tell(type: ChangeType, object: KubeObject, old: KubeObject | undefined, signal: AbortSignal) {
    const { spec, seen, context } = this.#options;
    if (!isWanted(spec, type, object, { since: seen.since, now: context.clock.now() })) return;
    const { uid = "", resourceVersion = "" } = object.metadata;
    // An object is added and removed once.
    const id = eventId(context, type === "UPDATE" ? `${uid}/${resourceVersion}` : `${uid}/${type}`);
    await keepEvent({ id, data: dataOf(spec, type, object, old) }, context, signal);
  }

  /** Keeps what was told: now, or within a second, together with what comes until then. */
  async #flush(when: "now" | "soon", signal: AbortSignal): Promise<void> {
    const { seen, context } = this.#options;
    const dueMs = this.#flushedMs + flushMs - context.clock.monotonicMs();
    if (when === "now" || dueMs <= 0) {
      this.#flushedMs = context.clock.monotonicMs();
      await seen.flush();
    } else if (!this.#isFlushing) {
      this.#isFlushing = true;
      sleepFor(context.clock, dueMs, signal)
        .then(() => seen.flush())
        .catch((error: unknown) => signal.aborted || context.log.warn("not remembered what was told", { error }))
        .finally(() => {
          this.#isFlushing = false;
        });
    }
  }

  async #set(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { seen } = this.#options;
    const key = keyOf(object);
    const version = versionOf(object);
    const known = seen.entries.get(key);
    const old = this.#objects.get(key);
    if (known !== version) {
      const isSame = known?.split(" ")[0] === object.metadata.uid;
      if (known !== undefined && !isSame) await this.#remove(key, old, signal);
      await this.#tell(isSame ? "UPDATE" : "ADD", object, isSame ? old : undefined, signal);
      seen.set(key, version);
    }
    this.#objects.set(key, object);
    await this.#flush("soon", signal);
  }

  async #remove(key: string, last: KubeObject | undefined, signal: AbortSignal): Promise<void> {
    const { kind, seen } = this.#options;
    const known = seen.entries.get(key);
    if (known === undefined) return;
    await this.#tell("DELETE", last ?? this.#objects.get(key) ?? remnant(kind, key, known), undefined, signal);
    seen.delete(key);
    this.#objects.delete(key);
    await this.#flush("soon", signal);
  }

  /** Gives back the version that the informer knows then. */
  async #take(event: WatchEvent, from: string, signal: AbortSignal): Promise<string> {
    if (event.type === "BOOKMARK") return event.resourceVersion;
    if (event.type === "DELETED") await this.#remove(keyOf(event.object), event.object, signal);
    else await this.#set(event.object, signal);
    return event.object.metadata.resourceVersion ?? from;
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { kind, options, seen, context } = this.#options;
    const found = await context.kube.list(kind, options, signal);
    const listed = new Set(found.items.map(keyOf));
    for (const key of [...seen.entries.keys()]) if (!listed.has(key)) await this.#remove(key, undefined, signal);
    for (const object of found.items) await this.#set(object, signal);
    await this.#flush("now", signal);
    return found.resourceVersion;
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    const { kind, options, context } = this.#options;
    let from = await this.#list(signal);
    context.ready();
    this.#failures = 0;
    while (!signal.aborted) {
      const startedMs = context.clock.monotonicMs();
      for await (const event of context.kube.watch(kind, from, options, signal))
        from = await this.#take(event, from, signal);
      await this.#flush("now", signal);
      if (context.clock.monotonicMs() - startedMs < flushMs) await sleepFor(context.clock, flushMs, signal);
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { context } = this.#options;
    if (error instanceof TerminalError && error.code !== "API_FORBIDDEN") throw error;
    this.#failures++;
    const isExpired = error instanceof EngineError && error.code === "API_CONFLICT";
    if (isExpired && this.#failures === 1) return; // 410: what was missed is in a new list
    context.log.warn("watch interrupted, trying again", { error });
    context.failing(messageOf(error));
    await sleepFor(context.clock, backoffMs(reconnectBackoff, Math.min(this.#failures, 32)), signal).catch(
      () => undefined,
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#listAndWatch(signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
    await this.#options.seen.flush();
  }
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
  const [before, after] = [(old ?? null) as unknown as JsonObject | null, object as unknown as JsonObject];
  const [body, oldBody] = [sortedDeep(after), sortedDeep(before)];
  const { group = "", version, resource } = spec;
  const changed = spec.changedPaths && before ? { changed: changedPaths(before, after) } : {};
  return withMetadata({ type, body, oldBody, group, version, resource, ...changed }, spec);
}
