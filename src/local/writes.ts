import { isDeepStrictEqual } from "node:util";
import { type JsonObject, type JsonValue, parseJson } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import { kindDefaults } from "./defaults.ts";
import { kindChecks } from "./kind-checks.ts";
import { kindRules, objectAt } from "./kinds.ts";
import { warnOfLeftOut } from "./left-out.ts";
import {
  asKubeObject,
  checkMetadata,
  checkType,
  createdMetadata,
  generatedName,
  isSpecChanged,
  metadataOf,
  updatedMetadata,
  withRevision,
} from "./metadata.ts";
import { type Claim, claimUpdate } from "./ownership.ts";
import { collectLate, removeObject } from "./removal.ts";
import { isDryRun, type ResourceRequest, wantsMetadata } from "./request.ts";
import { apiVersionOf, type ServedResource } from "./resources.ts";
import { checkCustom, decodeObject } from "./schema/decode.ts";
import { alreadyExists, conflict, forbidden, invalid, modifiedSince, notFound, StatusError } from "./status-error.ts";
import { type Admission, isStored, keyOf, needForm, nowText, type ObjectKey, type WriteDeps } from "./stored-object.ts";

interface Creation {
  /** From the path; undefined: the body's own, or one that is made up. */
  readonly name?: string | undefined;
  readonly claim?: Claim;
  /** Found not to be there within the same write. */
  readonly isNew?: boolean;
  /** Told the object before anybody else is asked about it. */
  readonly onMade?: (object: JsonObject, now: string) => void;
}

/** Stores a new object and gives it back as JSON. @throws StatusError */
export function createObject(deps: WriteDeps, target: ResourceRequest, sent: JsonObject): Promise<string> {
  checkType(sent, target.resource);
  const body = decodeObject(target, sent);
  return reviewedWrite(deps, target, () => createNow(deps, target, body));
}

/** The same within a write, of what was decoded. */
export function createNow(
  deps: WriteDeps,
  target: ResourceRequest,
  body: JsonObject,
  { name, claim = claimUpdate, isNew = false, onMade }: Creation = {},
): string {
  const { resource } = target;
  const named = withName(deps, target, metadataOf(body, target.namespace, name));
  checkMetadata(named, resource);
  const key = keyOf(target, String(named.name));
  checkNamespace(deps, target);
  if (!isNew && isStored(deps, key)) throw alreadyExists(resource, key.name);
  const now = nowText(deps);
  const { status: _status, ...withoutStatus } = body;
  const prepared = prepare(resource, now, {
    ...(resource.hasStatus ? withoutStatus : body),
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: createdMetadata(named, resource, now),
  });
  checkCustom(target, prepared, undefined);
  warnOfLeftOut(target, prepared);
  const object = claim({ target, now, before: undefined, after: prepared });
  onMade?.(object, now);
  return storeNew(deps, target, key, object);
}

/** Within a write: stores what a dry run made, of what is not there. */
export function storeMade(deps: WriteDeps, target: ResourceRequest, name: string, made: JsonObject): string {
  checkNamespace(deps, target);
  return storeNew(deps, target, keyOf(target, name), made);
}

function storeNew(deps: WriteDeps, target: ResourceRequest, key: ObjectKey, object: JsonObject): string {
  admit(deps, target, { operation: "CREATE", object: asKubeObject(object) });
  if (isDryRun(target.query)) return dryAnswer(target, object);
  const stored = deps.store.put(key, (revision) => withRevision(object, revision));
  if (stored.object.metadata.ownerReferences !== undefined) collectLate(deps, key, asJson(stored.object));
  return stored.text;
}

/** One write in the store, after the webhooks that have to be asked. A dry run needs no transaction. */
export function reviewedWrite<T>(deps: WriteDeps, target: ResourceRequest, work: () => T): Promise<T> {
  const isDry = isDryRun(target.query);
  const write = (): Promise<T> => (isDry ? deps.store.consider(work) : deps.store.write(work));
  return deps.reviewer === undefined ? write() : deps.reviewer.review(target, write);
}

function withName(deps: WriteDeps, target: ResourceRequest, metadata: JsonObject): JsonObject {
  const prefix = metadata.generateName;
  if ((metadata.name !== undefined && metadata.name !== "") || typeof prefix !== "string" || prefix === "")
    return metadata;
  for (let attempt = 0; attempt < 8; attempt++) {
    const name = generatedName(prefix);
    if (!isStored(deps, keyOf(target, name))) return { ...metadata, name };
  }
  throw new StatusError(409, "AlreadyExists", `no free name was found for generateName "${prefix}"`);
}

function checkNamespace(deps: WriteDeps, target: ResourceRequest): void {
  if (target.namespace === undefined) return;
  const found = deps.store.read("/namespaces", "", target.namespace);
  const namespaces = deps.table.find("", "v1", "namespaces");
  if (found === undefined && namespaces) throw notFound(namespaces, target.namespace);
  if (found !== undefined && isDeleting(found)) {
    throw forbidden(`unable to create new content in namespace ${target.namespace} because it is being terminated`);
  }
}

/** Each write asks it of its namespace: most texts say it without being read. */
function isDeleting(text: string): boolean {
  if (!text.includes("deletionTimestamp")) return false;
  return objectAt(parseJson(text) as JsonObject, "metadata").deletionTimestamp !== undefined;
}

/** What a change makes of an object: `undefined` when there is nothing to change. */
export type Change = (old: JsonObject) => JsonValue | undefined;

/** Applies `change` to the stored object in one step and gives back the result as JSON. @throws StatusError */
export function changeObject(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
  change: Change,
  claim: Claim = claimUpdate,
): Promise<string> {
  return reviewedWrite(deps, target, () => changeNow(deps, target, name, change, claim));
}

/** The same within a write. */
export function changeNow(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
  change: Change,
  claim: Claim = claimUpdate,
): string {
  const { object: old, isShaped } = needForm(deps, target, name);
  const sent = change(old);
  if (sent === undefined) return JSON.stringify(old);
  return storeChanged(deps, target, name, { old, isShaped, sent: sent as JsonObject, claim });
}

/** Who tries out whether something may be written asks for the metadata alone. */
function dryAnswer({ request }: ResourceRequest, object: JsonObject): string {
  if (!wantsMetadata(request)) return JSON.stringify(object);
  return JSON.stringify({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata });
}

interface Changing {
  readonly old: JsonObject;
  /** It is stored otherwise, so that a change of nothing is worth storing. */
  readonly isShaped: boolean;
  readonly sent: JsonObject;
  readonly claim: Claim;
}

function storeChanged(
  deps: WriteDeps,
  target: ResourceRequest,
  name: string,
  { old, isShaped, sent: given, claim }: Changing,
): string {
  const { resource } = target;
  checkType(given, resource);
  const sent = decodeObject(target, given);
  const metadata = metadataOf(sent, target.namespace, name);
  const oldMetadata = objectAt(old, "metadata");
  checkPreconditions(resource, name, metadata, oldMetadata);
  const merged = mergeBySubresource(target, old, { ...sent, metadata: updatedMetadata(metadata, oldMetadata) });
  const now = nowText(deps);
  const changed = withGeneration(resource, prepare(resource, now, merged, old), old);
  checkCustom(target, changed, old);
  const object = claim({ target, now, before: old, after: changed });
  const newMetadata = objectAt(object, "metadata");
  checkMetadata(newMetadata, resource);
  const unchanged = !isShaped && isDeepStrictEqual(withRevisionOf(object, oldMetadata), old);
  if (unchanged) return isDryRun(target.query) ? dryAnswer(target, old) : JSON.stringify(old);
  warnOfLeftOut(target, changed);
  admit(deps, target, { operation: "UPDATE", object: asKubeObject(object), old: asKubeObject(old) });
  if (isDryRun(target.query)) return dryAnswer(target, withRevisionOf(object, oldMetadata));
  return storeOrFinish(deps, keyOf(target, name), object, asKubeObject(old));
}

function asJson(object: KubeObject): JsonObject {
  return object as unknown as JsonObject;
}

/** An object that waits for its finalizers goes with the last of them. */
function storeOrFinish(deps: WriteDeps, key: ObjectKey, object: JsonObject, old: KubeObject): string {
  const metadata = objectAt(object, "metadata");
  const finalizers = Array.isArray(metadata.finalizers) ? metadata.finalizers : [];
  const isFinished =
    metadata.deletionTimestamp !== undefined &&
    finalizers.length === 0 &&
    !(key.resource === "/namespaces" && deps.store.hasContent(key.name));
  if (isFinished) return removeObject(deps, key, object, old);
  const stored = deps.store.put(key, (revision) => withRevision(object, revision), old);
  const { ownerReferences } = metadata;
  if (ownerReferences !== undefined && !isDeepStrictEqual(ownerReferences, old.metadata.ownerReferences)) {
    collectLate(deps, key, asJson(stored.object));
  }
  return stored.text;
}

function checkPreconditions(resource: ServedResource, name: string, sent: JsonObject, old: JsonObject): void {
  const { resourceVersion, uid } = sent;
  if (uid !== undefined && uid !== null && uid !== "" && uid !== old.uid) {
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${String(uid)}, UID in object meta: ${String(old.uid)}`,
    );
  }
  const isGiven = resourceVersion !== undefined && resourceVersion !== null && resourceVersion !== "";
  if (isGiven && resourceVersion !== old.resourceVersion) throw conflict(resource, name, modifiedSince);
}

/** The main resource leaves the status alone, `/status` leaves all but the status and metadata alone. */
function mergeBySubresource(target: ResourceRequest, old: JsonObject, sent: JsonObject): JsonObject {
  const { resource } = target;
  const typed = { ...sent, apiVersion: apiVersionOf(resource), kind: resource.kind };
  if (!resource.hasStatus) return typed;
  if (target.subresource === "status") {
    const managed = objectAt(sent, "metadata").managedFields;
    const metadata = { ...objectAt(old, "metadata"), ...(managed === undefined ? {} : { managedFields: managed }) };
    return withStatus({ ...old, metadata }, sent.status);
  }
  return withStatus(typed, old.status);
}

function withStatus(object: JsonObject, status: JsonValue | undefined): JsonObject {
  const { status: _status, ...rest } = object;
  return status === undefined || status === null ? rest : { ...rest, status };
}

function withGeneration(resource: ServedResource, object: JsonObject, old: JsonObject): JsonObject {
  if (!resource.hasGeneration || !isSpecChanged(old, object)) return object;
  const metadata = objectAt(object, "metadata");
  const generation = typeof metadata.generation === "number" ? metadata.generation + 1 : 1;
  return { ...object, metadata: { ...metadata, generation } };
}

function withRevisionOf(object: JsonObject, old: JsonObject): JsonObject {
  return { ...object, metadata: { ...objectAt(object, "metadata"), resourceVersion: old.resourceVersion ?? "" } };
}

function prepare(resource: ServedResource, now: string, object: JsonObject, old?: JsonObject): JsonObject {
  const kind = `${resource.group}/${resource.kind}`;
  const rules = kindRules[kind];
  const filled = kindDefaults[kind]?.(object) ?? object;
  const prepared = rules?.prepare?.(filled, now) ?? filled;
  const problems = [...(rules?.problems?.(prepared) ?? []), ...(kindChecks[kind]?.(prepared, old) ?? [])];
  if (problems.length > 0) throw invalid(resource, String(objectAt(object, "metadata").name), problems);
  return prepared;
}

export function admit(deps: WriteDeps, target: ResourceRequest, request: Parameters<Admission>[0]): void {
  if (target.subresource !== undefined) return;
  deps.reviewer?.require(target, request);
  const verdict = deps.admission?.(request);
  target.warnings.push(...(verdict?.warnings ?? []));
  if (verdict?.denied === undefined) return;
  const message = `admission webhook "validate.tiphys.io" denied the request: ${verdict.denied}`;
  throw new StatusError(400, "BadRequest", message);
}
