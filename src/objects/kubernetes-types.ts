import types from "./kubernetes-types.json" with { type: "json" };

/** A built-in kind in one version. `group` is "" for the core group. */
export interface BuiltInResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs: readonly string[];
  /** Key into `patchTypes`. */
  readonly type: string;
  readonly subresources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly verbs: readonly string[];
    /** When not the parent's. */
    readonly group?: string;
    readonly version?: string;
  }[];
}

/**
 * How strategic merge patch goes on inside a field: `type` and `map` name the type of the value or of the map's
 * values; `list` that of the items of a list that is merged (by `key`; without: as a set), "" for scalars.
 */
export interface PatchField {
  readonly type?: string;
  readonly map?: string;
  readonly list?: string;
  readonly key?: string;
}

/** Fields that need no care (replaced as a whole, or plain maps) are left out. */
export type PatchTypes = Readonly<Record<string, Readonly<Record<string, PatchField>>>>;

export const builtInResources: readonly BuiltInResource[] = types.resources;
export const patchTypes: PatchTypes = types.patchTypes;

/**
 * How server-side apply goes on inside a value: `type` names a struct of `applyTypes`, `map` is the form of a map's
 * values, `keys` (with the items' form in `of` and values of keys left out in `defaults`) a list merged by keys, `set` a
 * list of scalars that is a set, `atomic` a value owned as a whole.
 */
export interface ApplyField {
  readonly type?: string;
  readonly map?: ApplyField;
  readonly keys?: readonly string[];
  readonly of?: ApplyField | null;
  readonly defaults?: Readonly<Record<string, string | number>>;
  readonly set?: boolean;
  readonly atomic?: boolean;
  /** A struct that has no name: that of a CRD. */
  readonly fields?: Readonly<Record<string, ApplyField>>;
}

/** Fields of structs; those left out are scalars, or plain: their maps are granular and their lists atomic. */
export type ApplyTypes = Readonly<Record<string, Readonly<Record<string, ApplyField>>>>;

export const applyTypes: ApplyTypes = types.applyTypes as ApplyTypes;

const typesByKind: ReadonlyMap<string, string> = new Map(
  builtInResources.map(({ group, version, kind, type }) => [`${group ? `${group}/` : ""}${version}/${kind}`, type]),
);

/** The key into `patchTypes` and `applyTypes`; undefined for kinds that are not built in. */
export function builtInType({
  apiVersion,
  kind,
}: {
  readonly apiVersion: string;
  readonly kind: string;
}): string | undefined {
  return typesByKind.get(`${apiVersion}/${kind}`);
}
