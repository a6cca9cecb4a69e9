import { parseApplication } from "../../api/application.ts";
import type { Application } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeClient, WatchCache } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";

/**
 * Applications as they are now: what the watch told, or what we wrote since. Decisions on a copy that lacks our own last
 * write would start an operation twice.
 */
export interface ApplicationStore {
  /** By `namespace/name`. */
  find(key: string): KubeObject | undefined;
  list(): readonly KubeObject[];
  /**
   * Merges `patch` into the Application; undefined when it is gone. `expected`: only if this is still its
   * `resourceVersion`. @throws EngineError API_CONFLICT
   */
  patch(key: string, patch: JsonObject, signal: AbortSignal, expected?: string): Promise<KubeObject | undefined>;
  /**
   * Removes annotations that still have these values; one that was given another value stays, and so do all others with
   * it. Nothing happens when the Application is gone.
   */
  removeAnnotations(key: string, seen: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  /** As the API has it now; after a conflict the watch may be behind. */
  read(key: string, signal: AbortSignal): Promise<KubeObject | undefined>;
  forget(key: string): void;
}

export function createApplicationStore(cache: WatchCache, kube: KubeClient): ApplicationStore {
  const written = new Map<string, KubeObject>();

  function find(key: string): KubeObject | undefined {
    const { namespace, name } = refOf(key);
    const seen = cache.find(namespace, name);
    const own = written.get(key);
    if (own === undefined) return seen;
    // Deleted, made anew, or caught up: what the watch says counts.
    if (seen === undefined || seen.metadata.uid !== own.metadata.uid || !isOlder(seen, own)) {
      written.delete(key);
      return seen;
    }
    return own;
  }

  /** Answers to writes at the same time may come in another order than the writes. */
  function remember(key: string, object: KubeObject): void {
    const known = written.get(key);
    if (known !== undefined && known.metadata.uid === object.metadata.uid && isOlder(object, known)) return;
    written.set(key, withoutManagedFields(object));
  }

  return {
    find,
    list: () =>
      [...cache.items()].map((object) => find(`${object.metadata.namespace}/${object.metadata.name}`) ?? object),
    async patch(key, patch, signal, expected) {
      const uid = find(key)?.metadata.uid;
      const guard = { ...objectOf(patch.metadata), resourceVersion: expected ?? "" };
      try {
        const body = expected === undefined ? patch : { ...patch, metadata: guard };
        const ref = refOf(key);
        const object = await kube.patch(ref, "application/merge-patch+json", body, { fieldManager: "tiphys" }, signal);
        if (object.metadata.uid === uid) remember(key, object);
        return object;
      } catch (error) {
        if (error instanceof EngineError && error.code === "API_NOT_FOUND") return undefined;
        throw error;
      }
    },
    async removeAnnotations(key, seen, signal) {
      const steps = Object.entries(seen).flatMap(([name, value]) => {
        const path = `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
        return [
          { op: "test", path, value },
          { op: "remove", path },
        ];
      });
      try {
        const options = { fieldManager: "tiphys" };
        remember(key, await kube.patch(refOf(key), "application/json-patch+json", steps, options, signal));
      } catch (error) {
        if (!(error instanceof EngineError) || !["API_INVALID", "API_NOT_FOUND"].includes(error.code)) throw error;
      }
    },
    async read(key, signal) {
      const object = await kube.get(refOf(key), signal);
      if (object !== undefined && object.metadata.uid === find(key)?.metadata.uid) remember(key, object);
      return object;
    },
    forget: (key) => void written.delete(key),
  };
}

export function refOf(key: string): ObjectRef & { namespace: string } {
  const slash = key.indexOf("/");
  return {
    apiVersion: argoApiVersion,
    kind: "Application",
    namespace: key.slice(0, slash),
    name: key.slice(slash + 1),
  };
}

/** Versions of one object are numbers that grow (Kubernetes API concepts, "Resource versions"). */
function isOlder(a: KubeObject, b: KubeObject): boolean {
  const [left, right] = [Number(a.metadata.resourceVersion), Number(b.metadata.resourceVersion)];
  return Number.isFinite(left) && Number.isFinite(right) && left < right;
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Undefined with the message when it cannot be read. */
export function readApplication(object: KubeObject): Application | { readonly problem: string } {
  try {
    return parseApplication(object).resource;
  } catch (error) {
    if (error instanceof EngineError) return { problem: error.message };
    throw error;
  }
}
