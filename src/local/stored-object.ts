import { type Clock, instant, isoTime } from "../base/clock.ts";
import { type JsonObject, parseJson } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import type { Audit } from "./audit.ts";
import { wholeSeconds } from "./metadata.ts";
import type { Rehearsals } from "./rehearsals.ts";
import type { ResourceRequest } from "./request.ts";
import { type ResourceTable, storeKey } from "./resources.ts";
import { servedForm } from "./schema/served-form.ts";
import { notFound } from "./status-error.ts";
import type { ObjectStore } from "./store.ts";

/** Asked before an object is stored or deleted. Must be quick: it holds up every other request. */
export type Admission = (request: {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly object: KubeObject;
  readonly old?: KubeObject;
}) => { readonly denied?: string; readonly warnings?: readonly string[] };

/** The validating webhooks that are stored. */
export interface Reviewer {
  /** Runs a write, again after each review that it needs. @throws StatusError 403 and others, 500 (a call that failed) */
  review<T>(target: ResourceRequest, write: () => Promise<T>): Promise<T>;
  /** Within a write: undoes it unless it was reviewed as it is, or nobody has to. */
  require(target: ResourceRequest, request: Parameters<Admission>[0]): void;
  /** To be told of each resource that changed. */
  notify(resource: string): void;
}

export interface WriteDeps {
  readonly store: ObjectStore;
  readonly table: ResourceTable;
  readonly clock: Clock;
  readonly admission: Admission | undefined;
  /** The validating webhooks; undefined: nobody else is asked. */
  readonly reviewer?: Reviewer | undefined;
  readonly rehearsals?: Rehearsals | undefined;
  /** Told what simulated controllers write; what clients write is told by the control plane. */
  readonly audit?: Audit | undefined;
}

export interface ObjectKey {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** The name of an object among those of its resource. */
export function rowKey({ namespace, name }: Pick<ObjectKey, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

export function keyOf(target: ResourceRequest, name: string): ObjectKey {
  return { resource: storeKey(target.resource), namespace: target.namespace ?? "", name };
}

export function isStored({ store }: Pick<WriteDeps, "store">, { resource, namespace, name }: ObjectKey): boolean {
  return store.read(resource, namespace, name) !== undefined;
}

export function readObject(deps: WriteDeps, key: ObjectKey): JsonObject | undefined {
  const text = deps.store.read(key.resource, key.namespace, key.name);
  return text === undefined ? undefined : (parseJson(text) as JsonObject);
}

/** As its kind has it now. @throws StatusError 404 */
export function needObject(deps: WriteDeps, target: ResourceRequest, name: string): JsonObject {
  return needForm(deps, target, name).object;
}

/** With whether that is how it is stored. @throws StatusError 404 */
export function needForm(deps: WriteDeps, target: ResourceRequest, name: string): ReturnType<typeof servedForm> {
  const found = readObject(deps, keyOf(target, name));
  if (found === undefined) throw notFound(target.resource, name);
  return servedForm(target.resource, found);
}

/** In whole seconds. Each write asks, and most of them in the same second. */
export function nowText({ clock }: WriteDeps): string {
  const second = Math.floor(clock.now() / 1_000);
  if (second !== told.second) told = { second, text: wholeSeconds(isoTime(instant(second * 1_000))) };
  return told.text;
}

let told = { second: Number.NaN, text: "" };
