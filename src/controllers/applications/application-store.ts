import { parseApplication } from "../../api/application.ts";
import type { Application } from "../../api/application-types.ts";
import { objectOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeClient, WatchCache } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import { leaseLost } from "./application-partition.ts";
import { uncut } from "./limited-client.ts";

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
   *
   * Without `expected` it is written by the engine that has the Application, and by no other: each attempt is for the
   * version known here, and whoever was stopped for a while finds out before it knows the next one.
   * @throws EngineError LEASE_LOST
   */
  patch(key: string, patch: JsonObject, signal: AbortSignal, expected?: string): Promise<KubeObject | undefined>;
  /**
   * Removes annotations that still have these values; one that was given another value stays, and so do all others with
   * it. Nothing happens when the Application is gone.
   */
  removeAnnotations(key: string, seen: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  /** Sets annotations, whichever engine has the Application; undefined when it is gone. */
  annotate(
    key: string,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined>;
  /** As the API has it now; after a conflict the watch may be behind. */
  read(key: string, signal: AbortSignal): Promise<KubeObject | undefined>;
  forget(key: string): void;
}

/** While others write all the time. */
const maxAttempts = 10;

/** `owns`: whether the Application is this engine's to write, at this moment; default: all are. */
export function createApplicationStore(
  cache: WatchCache,
  kube: KubeClient,
  owns: (key: string) => boolean = () => true,
): ApplicationStore {
  const { find, remember, forget } = createLatest(cache);

  async function read(key: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    const object = await kube.get(refOf(key), signal);
    if (object !== undefined && object.metadata.uid === find(key)?.metadata.uid) remember(key, object);
    return object;
  }

  /** Asks whether this engine may write; again right before a write leaves: the process may have been stopped for a while. */
  const checkOf = (key: string) => () => {
    if (!owns(key)) throw leaseLost(key);
  };

  async function patchAt(
    key: string,
    patch: JsonObject,
    { resourceVersion, beforeSend }: { readonly resourceVersion?: string; readonly beforeSend?: () => void },
    signal: AbortSignal,
  ): Promise<KubeObject | undefined> {
    const uid = find(key)?.metadata.uid;
    const guard = resourceVersion === undefined ? {} : { resourceVersion };
    const body = { ...patch, metadata: { ...objectOf(patch.metadata), ...guard } };
    try {
      const options = { fieldManager: "tiphys", ...(beforeSend && { beforeSend }) };
      const type = "application/merge-patch+json";
      const object = await uncut(signal, (until) => kube.patch(refOf(key), type, body, options, until));
      if (object.metadata.uid === uid) remember(key, object);
      return object;
    } catch (error) {
      if (error instanceof EngineError && error.code === "API_NOT_FOUND") return undefined;
      throw error;
    }
  }

  async function patchOwned(key: string, patch: JsonObject, signal: AbortSignal): Promise<KubeObject | undefined> {
    for (let attempt = 1; ; attempt++) {
      const now = find(key);
      if (now === undefined) return undefined;
      const beforeSend = checkOf(key);
      beforeSend();
      const { resourceVersion = "" } = now.metadata;
      const isLast = attempt === maxAttempts;
      const written = await patchAt(key, patch, { resourceVersion, beforeSend }, signal).catch((e: unknown) =>
        conflictUnless(isLast, e),
      );
      if (written !== "conflict") return written;
      await read(key, signal);
    }
  }

  return {
    find,
    list: () =>
      [...cache.items()].map((object) => find(`${object.metadata.namespace}/${object.metadata.name}`) ?? object),
    patch: (key, patch, signal, expected) =>
      expected === undefined
        ? patchOwned(key, patch, signal)
        : patchAt(key, patch, { resourceVersion: expected }, signal),
    annotate: (key, annotations, signal) => patchAt(key, { metadata: { annotations } }, {}, signal),
    async removeAnnotations(key, seen, signal) {
      const steps = removalOf(seen);
      try {
        const options = { fieldManager: "tiphys", beforeSend: checkOf(key) };
        const type = "application/json-patch+json";
        remember(key, await uncut(signal, (until) => kube.patch(refOf(key), type, steps, options, until)));
      } catch (error) {
        if (!(error instanceof EngineError) || !["API_INVALID", "API_NOT_FOUND"].includes(error.code)) throw error;
      }
    },
    read,
    forget,
  };
}

/** Removes annotations that still have these values. */
function removalOf(seen: Readonly<Record<string, string>>): readonly JsonObject[] {
  return Object.entries(seen).flatMap(([name, value]) => {
    const path = `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return [
      { op: "test", path, value },
      { op: "remove", path },
    ];
  });
}

interface Latest {
  find(key: string): KubeObject | undefined;
  remember(key: string, object: KubeObject): void;
  forget(key: string): void;
}

/** What the watch told, or what was written and answered since. */
function createLatest(cache: WatchCache): Latest {
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

  return { find, remember, forget: (key) => void written.delete(key) };
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

/** @throws what is no conflict, and one if it `isLast` */
export function conflictUnless(isLast: boolean, error: unknown): "conflict" {
  if (!isLast && error instanceof EngineError && error.code === "API_CONFLICT") return "conflict";
  throw error;
}

/** Whether the Application would be larger than the API stores. */
export function isTooLarge(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === "API_TOO_LARGE";
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
