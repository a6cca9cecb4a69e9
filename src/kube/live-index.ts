import { isJsonObject } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";

interface Entry {
  readonly object: KubeObject;
  readonly group: string | undefined;
  /** Its place: no other object has it. Sorts by kind, namespace, name. */
  readonly key: string;
  /** How others name it as their owner: by its uid, and a StatefulSet by its claims' names. */
  readonly names: readonly string[];
  /** The names of its owners, the controller first. */
  readonly owners: readonly string[];
}

const maxDescendants = 10_000;

/**
 * Objects by group and by owner. Each change costs what the one object is in, however many there are; lists are sorted
 * when they are read, and kept until they change.
 */
export class LiveIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #named = new Map<string, Entry>();
  readonly #groups = new Buckets();
  readonly #children = new Buckets();
  /** By namespace, those without owners. */
  readonly #tops = new Buckets();

  /** Takes the place of what was known under this kind, namespace and name. */
  set(object: KubeObject, group: string | undefined): void {
    this.delete(object);
    const entry = { object, group, key: keyOf(object), names: namesOf(object), owners: ownersOf(object) };
    this.#entries.set(entry.key, entry);
    for (const name of entry.names) this.#named.set(name, entry);
    for (const owner of entry.owners) this.#children.add(owner, entry);
    if (group !== undefined) this.#groups.add(group, entry);
    if (entry.owners.length === 0) this.#tops.add(object.metadata.namespace ?? "", entry);
  }

  delete(object: KubeObject): void {
    const key = keyOf(object);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    for (const name of entry.names) if (this.#named.get(name) === entry) this.#named.delete(name);
    for (const owner of entry.owners) this.#children.remove(owner, entry);
    if (entry.group !== undefined) this.#groups.remove(entry.group, entry);
    if (entry.owners.length === 0) this.#tops.remove(entry.object.metadata.namespace ?? "", entry);
  }

  ofGroup(group: string): readonly KubeObject[] {
    return this.#groups.list(group);
  }

  topsOf(namespace: string): readonly KubeObject[] {
    return this.#tops.list(namespace);
  }

  childrenOf(uid: string): readonly KubeObject[] {
    const [first = uid, ...others] = this.#named.get(uid)?.names ?? [uid];
    const children = this.#children.list(first);
    const more = others.flatMap((name) => this.#children.list(name));
    return more.length === 0 ? children : [...children, ...more];
  }

  rootOf(object: KubeObject): KubeObject {
    const seen = new Set<string>();
    let root = object;
    for (let owner: KubeObject | undefined = object; owner !== undefined; owner = this.#ownerOf(owner)) {
      const key = keyOf(owner);
      if (seen.has(key)) break;
      seen.add(key);
      root = owner;
    }
    return root;
  }

  descendantsOf(uid: string): readonly KubeObject[] {
    const found = new Map<string, KubeObject>();
    const open = this.childrenOf(uid).toReversed();
    for (let next = open.pop(); next !== undefined && found.size < maxDescendants; next = open.pop()) {
      const own = next.metadata.uid ?? "";
      if (own === uid || found.has(own)) continue;
      found.set(own, next);
      for (const child of this.childrenOf(own).toReversed()) open.push(child);
    }
    return [...found.values()];
  }

  #ownerOf(object: KubeObject): KubeObject | undefined {
    for (const owner of ownersOf(object)) {
      const entry = this.#named.get(owner);
      if (entry !== undefined) return entry.object;
    }
    return undefined;
  }
}

function keyOf({ apiVersion, kind, metadata: { namespace = "", name = "" } }: KubeObject): string {
  return `${kind}\0${namespace}\0${name}\0${apiVersion}`;
}

function namesOf(object: KubeObject): readonly string[] {
  const { uid, namespace = "", name = "" } = object.metadata;
  const own = uid === undefined ? [] : [uid];
  if (object.kind !== "StatefulSet" || !object.apiVersion.startsWith("apps/") || !isJsonObject(object.spec)) return own;
  const { volumeClaimTemplates } = object.spec;
  if (!Array.isArray(volumeClaimTemplates)) return own;
  const templates = volumeClaimTemplates.flatMap((claim) => {
    return isJsonObject(claim) && isJsonObject(claim.metadata) ? [String(claim.metadata.name)] : [];
  });
  return [...own, ...templates.map((template) => claimsName(namespace, `${template}-${name}`))];
}

/** Claims of a StatefulSet usually name no owner: `<template>-<set>-<ordinal>` is all that tells. */
function ownersOf({ apiVersion, kind, metadata }: KubeObject): readonly string[] {
  const { ownerReferences = [], namespace = "", name = "" } = metadata;
  if (ownerReferences.length > 0) {
    const controllers = ownerReferences.filter(({ controller }) => controller === true);
    return [...new Set([...controllers, ...ownerReferences].map(({ uid }) => uid))];
  }
  const claim = kind === "PersistentVolumeClaim" && apiVersion === "v1" ? /^(.+)-\d+$/.exec(name)?.[1] : undefined;
  return claim === undefined ? [] : [claimsName(namespace, claim)];
}

/** No uid looks like this. */
function claimsName(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

interface Bucket {
  readonly entries: Set<Entry>;
  sorted: readonly KubeObject[] | undefined;
}

class Buckets {
  readonly #buckets = new Map<string, Bucket>();

  add(name: string, entry: Entry): void {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      this.#buckets.set(name, { entries: new Set([entry]), sorted: undefined });
      return;
    }
    bucket.entries.add(entry);
    bucket.sorted = undefined;
  }

  remove(name: string, entry: Entry): void {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return;
    bucket.entries.delete(entry);
    bucket.sorted = undefined;
    if (bucket.entries.size === 0) this.#buckets.delete(name);
  }

  list(name: string): readonly KubeObject[] {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return [];
    bucket.sorted ??= [...bucket.entries].sort(byKey).map(({ object }) => object);
    return bucket.sorted;
  }
}

function byKey(a: Entry, b: Entry): number {
  return a.key < b.key ? -1 : 1;
}
