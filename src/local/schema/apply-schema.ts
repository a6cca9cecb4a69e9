import type { ApplyField } from "../../objects/kubernetes-types.ts";
import type { Schema } from "./schema.ts";

/** How server-side apply owns the fields of a CRD's kind: its list types and map types. */
export function applyForm(schema: Schema): ApplyField {
  return formOf(schema, true, new Map());
}

/** By schema: parts that are one object there are one here. */
type Forms = Map<Schema, ApplyField>;

function formBelow(schema: Schema, forms: Forms): ApplyField {
  const form = forms.get(schema) ?? formOf(schema, false, forms);
  forms.set(schema, form);
  return form;
}

function formOf(schema: Schema, isRoot: boolean, forms: Forms): ApplyField {
  const { node, properties, additional, items } = schema;
  if (node["x-kubernetes-map-type"] === "atomic" || node["x-kubernetes-list-type"] === "atomic") {
    return { atomic: true };
  }
  if (items !== undefined) return listForm(schema, items, forms);
  if (additional !== undefined) return { map: formBelow(additional, forms) };
  if (properties.size === 0 && !isRoot) return {};
  const fields = Object.fromEntries([...properties].map(([name, below]) => [name, formBelow(below, forms)]));
  return { fields: isRoot ? { ...fields, metadata } : fields };
}

const metadata: ApplyField = { type: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" };

function listForm({ node }: Schema, items: Schema, forms: Forms): ApplyField {
  const type = node["x-kubernetes-list-type"];
  if (type === "set") return { set: true };
  const keys = node["x-kubernetes-list-map-keys"];
  if (type !== "map" || !Array.isArray(keys)) return {};
  const names = keys.map(String);
  const defaults = names.flatMap((name): [string, string | number][] => {
    const value = items.properties.get(name)?.fallback;
    return typeof value === "string" || typeof value === "number" ? [[name, value]] : [];
  });
  return {
    keys: names,
    of: formBelow(items, forms),
    ...(defaults.length === 0 ? {} : { defaults: Object.fromEntries(defaults) }),
  };
}
