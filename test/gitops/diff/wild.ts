import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { applyTypes, builtInResources } from "../../../src/objects/kubernetes-types.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { fieldTypes } from "../../../src/objects/typed-fields.ts";
import { writtenKinds } from "./kinds.ts";

/** Kinds that people write; the others are made by controllers only. */
const made = new Set([
  "Event",
  "ControllerRevision",
  "Node",
  "CSINode",
  "VolumeAttachment",
  "ResourceSlice",
  "IPAddress",
]);

export const wildKinds = builtInResources.filter(({ kind, verbs }) => !made.has(kind) && verbs.includes("patch"));

/** Below so many steps no more is made. */
const maxDepth = 7;

const scalars: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
  string: fc.constantFrom("a", "", "b-1", "x.y/z", "1"),
  bytes: fc.constantFrom("YQ==", "eHh4\neHh4\n", "", "YWJj\r\n"),
  boolean: fc.boolean(),
  integer: fc.constantFrom(0, 1, 2, 80),
  number: fc.constantFrom(0, 1.5),
  quantity: fc.constantFrom("1000m", "1", 1, 0.5, "1024Mi", "1Gi", "0", "1e3", "0.1", "1.5Gi"),
  "int-or-string": fc.constantFrom<JsonValue>(0, 1, "25%", "http"),
  "date-time": fc.constantFrom<JsonValue>("2026-01-01T00:00:00Z", null),
  "date-time-micro": fc.constantFrom<JsonValue>("2026-01-01T00:00:00.000000Z", null),
  any: fc.constantFrom<JsonValue>({}, { a: 1 }),
};

/** Any value that fits, written in any way: with nulls, zero values and empty parts. */
function anyOf(code: string, depth: number): fc.Arbitrary<JsonValue> {
  const scalar = Object.hasOwn(scalars, code) ? scalars[code] : undefined;
  const some = scalar ?? partOf(code, depth);
  return fc.oneof({ weight: 8, arbitrary: some }, { weight: 1, arbitrary: fc.constant(null) });
}

function partOf(code: string, depth: number): fc.Arbitrary<JsonValue> {
  if (depth > maxDepth) return fc.constant(null);
  if (code.startsWith("[]")) {
    const item = anyOf(code.slice(2), depth + 1).filter((value) => value !== null);
    return depth === maxDepth ? fc.constant([]) : fc.array(item, { maxLength: 2 });
  }
  if (!code.startsWith("{}")) return structOf(code, depth);
  const values = anyOf(code.slice(2), depth + 1).filter((value) => value !== null);
  const keys = fc.constantFrom("a", "cpu", "memory", "x.io/y");
  return depth === maxDepth
    ? fc.constant({})
    : (fc.dictionary(keys, values, { maxKeys: 2 }) as fc.Arbitrary<JsonObject>);
}

const jobSelector = "io.k8s.api.batch.v1.JobSpec.selector";
const structs = new Map<string, fc.Arbitrary<JsonObject>>();

/** A few of the struct's fields. */
function structOf(type: string, depth: number): fc.Arbitrary<JsonObject> {
  const key = `${type} ${depth}`;
  const known = structs.get(key);
  if (known !== undefined) return known;
  // A Job's selector is its controller's.
  const fields = Object.entries(fieldTypes[type] ?? {}).filter(([name]) => `${type}.${name}` !== jobSelector);
  const made =
    fields.length === 0 || depth >= maxDepth
      ? fc.constant<JsonObject>({})
      : fc
          .subarray(fields, { maxLength: Math.min(4, fields.length) })
          .chain((some) => fc.record(Object.fromEntries(some.map(([name, code]) => [name, anyOf(code, depth + 1)]))))
          .map((value) => withKeys(value as JsonObject, type));
  structs.set(key, made as fc.Arbitrary<JsonObject>);
  return made as fc.Arbitrary<JsonObject>;
}

/** Items of lists that are merged by keys have them, each its own. */
function withKeys(object: JsonObject, type: string): JsonObject {
  const forms = applyTypes[type] ?? {};
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      const { keys = [], of } = forms[name] ?? {};
      const codes = fieldTypes[of?.type ?? itemType(type, name)] ?? {};
      const item = (one: JsonValue, index: number): JsonValue => {
        const own = keys.map((key) => [key, codes[key] === "string" ? `k${index}` : index + 1]);
        return isFields(one) ? { ...one, ...Object.fromEntries(own) } : one;
      };
      return [name, Array.isArray(value) && keys.length > 0 ? value.map(item) : value];
    }),
  );
}

function itemType(type: string, name: string): string {
  return (fieldTypes[type]?.[name] ?? "").replace(/^\[\]/, "");
}

const serverOnly = new Set(["apiVersion", "kind", "metadata", "status"]);

/** Objects of a kind: as people write it where there is an example, with more fields of any kind over it. */
export function wildObjects({
  group,
  version,
  kind,
  type,
  namespaced,
}: (typeof wildKinds)[number]): fc.Arbitrary<KubeObject> {
  const apiVersion = group === "" ? version : `${group}/${version}`;
  const example = writtenKinds.find((one) => one.kind === kind && one.apiVersion === apiVersion);
  const { apiVersion: _v, kind: _k, metadata: _m, ...plain } = (example ?? {}) as unknown as JsonObject;
  const fields = Object.entries(fieldTypes[type] ?? {}).filter(([name]) => !serverOnly.has(name));
  const all = fc.record(Object.fromEntries(fields.map(([name, code]) => [name, anyOf(code, 1)])), {
    requiredKeys: [],
  });
  const metadata = {
    name: example?.metadata.name ?? "wild",
    ...(namespaced ? { namespace: "default" } : {}),
    labels: { a: "b" },
  };
  return all.map(
    (more) => ({ apiVersion, kind, metadata, ...(mixed(plain, more as JsonObject) as object) }) as KubeObject,
  );
}

/** Examples keep what they need; the rest is added. */
function mixed(plain: JsonValue, more: JsonValue): JsonValue {
  if (Array.isArray(plain) && Array.isArray(more)) return plain.map((item, index) => mixed(item, more[index] ?? item));
  if (!isFields(plain) || !isFields(more)) return plain;
  const keys = [...new Set([...Object.keys(plain), ...Object.keys(more)])];
  return Object.fromEntries(
    keys.map((key) => {
      const [old, added] = [plain[key], more[key]];
      return [key, old === undefined ? (added ?? null) : added === undefined ? old : mixed(old, added)];
    }),
  );
}

function isFields(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
