import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import { keyText } from "../diff/diff.ts";

/** An Application that has an object among its targets. */
export interface Claimant {
  /** `namespace/name` */
  readonly app: string;
  /** As trackings name it. */
  readonly instance: string;
  /** RFC 3339; of several new claimants of an object the oldest gets it. */
  readonly createdAt: string;
}

/** Which Applications want which object: one object cannot be kept at what two repositories say. */
export interface Claims {
  /** Replaces what `claimant` wants. Answers the other Applications whose shared objects changed by that. */
  set(claimant: Claimant, keys: ReadonlySet<string>): ReadonlySet<string>;
  /** It is gone. Answers the Applications that shared an object with it. */
  forget(app: string): ReadonlySet<string>;
  /** The others that want the object, in the order of their age. */
  othersOf(app: string, key: string): readonly Claimant[];
  /** Whether it is known what the Application wants. */
  isKnown(app: string): boolean;
}

export function createClaims(): Claims {
  const byKey = new Map<string, Map<string, Claimant>>();
  const byApp = new Map<string, { readonly claimant: Claimant; readonly keys: ReadonlySet<string> }>();

  function remove(app: string, key: string, touched: Set<string>): void {
    const claimants = byKey.get(key);
    if (claimants?.delete(app) !== true) return;
    for (const other of claimants.keys()) touched.add(other);
    if (claimants.size === 0) byKey.delete(key);
  }

  function add(claimant: Claimant, key: string, touched: Set<string>): void {
    const claimants = byKey.get(key) ?? new Map<string, Claimant>();
    byKey.set(key, claimants);
    for (const other of claimants.keys()) touched.add(other);
    claimants.set(claimant.app, claimant);
  }

  return {
    set(claimant, keys) {
      const { app } = claimant;
      const before = byApp.get(app);
      const touched = new Set<string>();
      const isSame = before !== undefined && isSameClaimant(before.claimant, claimant);
      for (const key of before?.keys ?? []) if (!isSame || !keys.has(key)) remove(app, key, touched);
      for (const key of keys) if (!isSame || !before.keys.has(key)) add(claimant, key, touched);
      byApp.set(app, { claimant, keys });
      touched.delete(app);
      return touched;
    },
    forget(app) {
      const touched = new Set<string>();
      for (const key of byApp.get(app)?.keys ?? []) remove(app, key, touched);
      byApp.delete(app);
      return touched;
    },
    isKnown: (app) => byApp.has(app),
    othersOf(app, key) {
      const claimants = [...(byKey.get(key)?.values() ?? [])].filter((claimant) => claimant.app !== app);
      return claimants.sort(byAge);
    },
  };
}

function isSameClaimant(a: Claimant, b: Claimant): boolean {
  return a.instance === b.instance && a.createdAt === b.createdAt;
}

function byAge(a: Claimant, b: Claimant): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.app < b.app ? -1 : 1;
}

/** Objects of one name in two clusters are two. `key` as `keyText` gives it. */
export function claimKey(server: string, key: string): string {
  return `${server} ${key}`;
}

/**
 * What an Application wants, by the status that whoever has it wrote: for engines that do not look at it themselves.
 * Undefined: nobody has compared it yet.
 */
export function claimedIn(status: JsonObject, server: string): ReadonlySet<string> | undefined {
  if (status.reconciledAt === undefined) return undefined;
  const wanted = listOf(status.resources)
    .map(objectOf)
    .filter(({ requiresPruning }) => requiresPruning !== true);
  return new Set(
    wanted.map(({ group, kind, namespace, name }) =>
      claimKey(
        server,
        keyText({ group: textOf(group), kind: textOf(kind), namespace: textOf(namespace), name: textOf(name) }),
      ),
    ),
  );
}

/**
 * Whether another Application owns the object: the one that its tracking names, as long as that one wants it; else the
 * oldest that wants it.
 */
export function isForeign(own: Claimant, others: readonly Claimant[], trackedBy: string | undefined): boolean {
  if (others.length === 0 || trackedBy === own.instance) return false;
  if (others.some(({ instance }) => instance === trackedBy)) return true;
  return [own, ...others].sort(byAge)[0] !== own;
}
