import { isJsonObject, type JsonValue } from "../base/json.ts";
import { PatchError } from "./json-patch.ts";
import { type ApplyField, applyTypes } from "./kubernetes-types.ts";

/** The form of what is not known: maps are granular, their keys owned too, and lists atomic. */
export const plainForm: ApplyField = {};

/** Of a kind of a CRD, whose metadata is known. */
const customFields: Readonly<Record<string, ApplyField>> = {
  metadata: { type: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
};

/** @param type key of `applyTypes`; undefined for kinds of CRDs. */
export function formOfKind(type: string | undefined): ApplyField {
  return { type: type ?? "" };
}

function fieldsOf(form: ApplyField): Readonly<Record<string, ApplyField>> | undefined {
  if (form.fields !== undefined) return form.fields;
  if (form.type === undefined) return undefined;
  return form.type === "" ? customFields : (applyTypes[form.type] ?? {});
}

/** Whether the form names fields, which are then owned with what is in them, unlike the keys of a map. */
export function isStruct(form: ApplyField): boolean {
  return form.type !== undefined || form.fields !== undefined;
}

export function formOfField(form: ApplyField, name: string): ApplyField {
  const fields = fieldsOf(form);
  if (fields !== undefined) return Object.hasOwn(fields, name) ? (fields[name] ?? plainForm) : plainForm;
  return form.map ?? plainForm;
}

export function formOfItem(form: ApplyField): ApplyField {
  return form.of ?? plainForm;
}

/** The form below a step of a field set. */
export function formBelow(form: ApplyField, step: string): ApplyField {
  return step.startsWith("f:") ? formOfField(form, step.slice(2)) : formOfItem(form);
}

export function isMergedList(form: ApplyField): boolean {
  return form.set === true || form.keys !== undefined;
}

/** The step that names an item of a merged list. @throws PatchError when its keys are not there */
export function stepOfItem(form: ApplyField, item: JsonValue): string {
  if (form.keys === undefined) return `v:${JSON.stringify(item)}`;
  if (!isJsonObject(item)) throw new PatchError(`an item merged by ${form.keys.join(", ")} must be an object`);
  const keys = form.keys.map((key): [string, JsonValue] => {
    const value = item[key] ?? form.defaults?.[key];
    if (value === undefined) {
      throw new PatchError(`associative list with keys has an element that omits key field ${JSON.stringify(key)}`);
    }
    return [key, value];
  });
  return `k:${JSON.stringify(Object.fromEntries(keys))}`;
}
