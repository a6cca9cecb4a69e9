import { EngineError } from "../base/errors.ts";
import type { GroupVersionKind, KubeObject } from "../objects/object.ts";
import type { KubeClient, KubeList, ListOptions, WatchEvent } from "./kube.ts";
import { ownSignal } from "./own-signal.ts";

/** What of a cluster is looked at: its namespaced mode (spec argo-cd-engine 6.1). */
export interface ClusterScope {
  /** Not empty. */
  readonly namespaces: readonly string[];
  /** Kinds of the cluster, too. */
  readonly hasClusterKinds: boolean;
}

/** Of the keys `namespaces` and `clusterResources` of a Secret; undefined: everything. */
export function scopeOf({ namespaces = "", clusterResources = "" }: Readonly<Record<string, string>>) {
  const names = [...new Set(namespaces.split(",").flatMap((name) => name.trim() || []))].sort();
  const scope: ClusterScope = { namespaces: names, hasClusterKinds: clusterResources.trim() === "true" };
  return names.length === 0 ? undefined : scope;
}

/** Why an object cannot be managed there, in the words of the original (spec argo-cd-engine 6.5). */
export function scopeProblem(
  { kind = "", metadata: { namespace = "", name = "" } }: KubeObject,
  isNamespaced: boolean,
  { namespaces, hasClusterKinds }: ClusterScope,
): string | undefined {
  if (!isNamespaced) {
    return hasClusterKinds ? undefined : `cluster level ${kind} "${name}" can not be managed when in namespaced mode`;
  }
  return namespaces.includes(namespace) ? undefined : `namespace "${namespace}" for ${kind} "${name}" is not managed`;
}

/**
 * A client whose lists and watches of all namespaces are those of the scope, each asked for by itself: that is all that
 * the account of a namespaced cluster may do. Of kinds of the cluster there is nothing, unless they belong to the scope.
 */
export function scopedClient(client: KubeClient, scope: ClusterScope): KubeClient {
  const scoped = async (kind: GroupVersionKind, options: ListOptions | undefined, signal?: AbortSignal) => {
    if (options?.namespace !== undefined) return "plain";
    if (await client.isNamespaced(kind, signal)) return "namespaces";
    return scope.hasClusterKinds ? "plain" : "nothing";
  };
  return {
    ...client,
    async list(kind, options, signal) {
      switch (await scoped(kind, options, signal)) {
        case "plain":
          return client.list(kind, options, signal);
        case "nothing":
          return { items: [], resourceVersion: "0" };
        case "namespaces":
          return listEach(client, scope.namespaces, kind, options ?? {}, signal);
      }
    },
    async *watch(kind, from, options, signal) {
      switch (await scoped(kind, options, signal)) {
        case "plain":
          yield* client.watch(kind, from, options, signal);
          return;
        case "nothing":
          await aborted(signal);
          return;
        case "namespaces":
          yield* watchEach(client, kind, versionsIn(from), options, signal);
      }
    },
  };
}

async function listEach(
  client: KubeClient,
  namespaces: readonly string[],
  kind: GroupVersionKind,
  options: ListOptions,
  signal: AbortSignal | undefined,
): Promise<KubeList> {
  const lists = await Promise.all(
    namespaces.map(
      async (namespace) => [namespace, await client.list(kind, { ...options, namespace }, signal)] as const,
    ),
  );
  const versions = new Map(lists.map(([namespace, { resourceVersion }]) => [namespace, resourceVersion]));
  return { items: lists.flatMap(([, { items }]) => items), resourceVersion: versionText(versions) };
}

/** One version for each namespace: they do not move on together. */
function versionText(versions: ReadonlyMap<string, string>): string {
  return JSON.stringify(Object.fromEntries(versions));
}

function versionsIn(text: string): Map<string, string> {
  return new Map(Object.entries(JSON.parse(text) as Record<string, string>));
}

/** Ends when one of the watches does: whoever reads begins again from the versions of the last bookmark. */
async function* watchEach(
  client: KubeClient,
  kind: GroupVersionKind,
  versions: Map<string, string>,
  options: ListOptions,
  signal: AbortSignal,
): AsyncIterable<WatchEvent> {
  using own = ownSignal(signal);
  const stop = new AbortController();
  const both = AbortSignal.any([own.signal, stop.signal]);
  const watches = [...versions].map(([namespace, from]) => {
    const events = client.watch(kind, from, { ...options, namespace }, both)[Symbol.asyncIterator]();
    return { namespace, events, next: next(namespace, events) };
  });
  try {
    for (;;) {
      const { namespace, result } = await Promise.race(watches.map((watch) => watch.next));
      const watch = watches.find((one) => one.namespace === namespace);
      if (watch === undefined || result.done) return;
      watch.next = next(namespace, watch.events);
      const event = result.value;
      versions.set(namespace, versionAfter(event) ?? versions.get(namespace) ?? "");
      if (event.type !== "BOOKMARK") yield event;
      yield { type: "BOOKMARK", resourceVersion: versionText(versions) };
    }
  } finally {
    stop.abort();
    await Promise.allSettled(watches.map((watch) => watch.next));
  }
}

async function next(namespace: string, events: AsyncIterator<WatchEvent>) {
  return { namespace, result: await events.next() };
}

function versionAfter(event: WatchEvent): string | undefined {
  return event.type === "BOOKMARK" ? event.resourceVersion : event.object.metadata.resourceVersion;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** @throws EngineError API_FORBIDDEN for the first object that is out of the scope */
export function checkScope(
  objects: readonly KubeObject[],
  scope: ClusterScope,
  isNamespaced: (object: KubeObject) => boolean,
): void {
  for (const object of objects) {
    const problem = scopeProblem(object, isNamespaced(object), scope);
    if (problem !== undefined) throw new EngineError("API_FORBIDDEN", problem);
  }
}
