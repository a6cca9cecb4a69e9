import { EngineError } from "../base/errors.ts";
import type { GroupVersionKind, KubeObject, ObjectRef } from "../objects/object.ts";
import { MethodNotAllowed } from "./api-error.ts";
import type { KubeClient } from "./kube.ts";
import { kindKey } from "./made-kinds.ts";

/** Requests under way at once. */
const atOnce = 8;
/** Objects that are kept; of more, those that were fetched first are forgotten. */
const maxObjects = 10_000;

type OnChange = (object: KubeObject | undefined, before: KubeObject | undefined) => void;

/** Objects of kinds that the cluster does not list, or not watch: known as of the last time that they were asked for. */
export interface Unwatched {
  /** Whether `error` says that of a kind, which then is one of them. */
  take(key: string, kind: GroupVersionKind, error: unknown, signal: AbortSignal): Promise<boolean>;
  /** The kind is watched now. */
  leave(key: string): void;
  has(kind: GroupVersionKind): boolean;
  /** Whether there are no such kinds. */
  readonly isEmpty: boolean;
  isNamespaced(key: string): boolean | undefined;
  find(ref: ObjectRef): KubeObject | undefined;
  /** Asks for those of its kinds; `onChange` is told of each that differs, without an object where it is gone. */
  fetch(refs: readonly ObjectRef[], onChange: OnChange, signal: AbortSignal): Promise<void>;
}

export function createUnwatched(
  client: Pick<KubeClient, "get" | "isNamespaced">,
  trim: (object: KubeObject) => KubeObject,
): Unwatched {
  const kinds = new Map<string, boolean>();
  const objects = new Map<string, KubeObject>();

  function placeOf({ namespace, name, ...kind }: ObjectRef): string {
    const key = kindKey(kind);
    return `${key}/${kinds.get(key) === false ? "" : (namespace ?? "")}/${name}`;
  }

  async function get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      const found = await client.get(ref, signal);
      return found === undefined ? undefined : trim(found);
    } catch (error) {
      // One that is only ever created, as a review of access is.
      if (error instanceof MethodNotAllowed || (error instanceof EngineError && error.code === "API_NOT_FOUND")) return;
      throw error;
    }
  }

  function keep(place: string, object: KubeObject | undefined, onChange: OnChange): void {
    const before = objects.get(place);
    if (object?.metadata.resourceVersion === before?.metadata.resourceVersion && object !== undefined) return;
    objects.delete(place);
    if (object !== undefined) objects.set(place, object);
    if (object !== undefined || before !== undefined) onChange(object, before);
  }

  return {
    async take(key, kind, error, signal) {
      if (!(error instanceof MethodNotAllowed)) return false;
      kinds.set(key, await client.isNamespaced(kind, signal));
      return true;
    },
    leave(key) {
      if (!kinds.delete(key)) return;
      for (const place of [...objects.keys()]) if (place.startsWith(`${key}/`)) objects.delete(place);
    },
    has: (kind) => kinds.has(kindKey(kind)),
    get isEmpty() {
      return kinds.size === 0;
    },
    isNamespaced: (key) => kinds.get(key),
    find: (ref) => (kinds.size === 0 ? undefined : objects.get(placeOf(ref))),
    async fetch(refs, onChange, signal) {
      const left = [...new Map(refs.map((ref) => [placeOf(ref), ref]))];
      const work = async (): Promise<void> => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const [place, ref] = next;
          keep(place, await get(ref, signal), onChange);
        }
      };
      await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, work));
      for (const place of objects.keys()) {
        if (objects.size <= maxObjects) break;
        objects.delete(place);
      }
    },
  };
}
