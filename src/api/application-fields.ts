import type { JsonSchema } from "../base/schema.ts";

// Builders of the schemas of the reconcile flow. They keep the literal types, so that a type can be made from a schema.

type Fields = Readonly<Record<string, JsonSchema>>;

export const text = <const D extends string>(description: D) => ({ type: "string", description }) as const;

export const time = <const D extends string>(description: D) =>
  ({ type: "string", format: "date-time", description }) as const;

export const flag = <const D extends string>(description: D) => ({ type: "boolean", description }) as const;

export const whole = <const D extends string>(description: D) => ({ type: "integer", description }) as const;

export const wholeOrText = <const D extends string>(description: D) =>
  ({ description, "x-kubernetes-int-or-string": true }) as const;

export const texts = <const D extends string>(description: D) =>
  ({ type: "array", description, items: { type: "string" } }) as const;

export const textsByName = <const D extends string>(description: D) =>
  ({ type: "object", description, additionalProperties: { type: "string" } }) as const;

export const list = <const D extends string, const I extends JsonSchema>(description: D, items: I) =>
  ({ type: "array", description, items }) as const;

/** An object whose fields are not ours to check. */
export const open = <const D extends string>(description: D) =>
  ({ type: "object", description, "x-kubernetes-preserve-unknown-fields": true }) as const;

export const any = <const D extends string>(description: D) =>
  ({ description, "x-kubernetes-preserve-unknown-fields": true }) as const;

/** `required` are the fields that the original's CRD demands, so that it refuses an object without them. */
export function object<const D extends string, const P extends Fields>(
  description: D,
  properties: P,
): { readonly type: "object"; readonly description: D; readonly properties: P };
export function object<const D extends string, const P extends Fields, const R extends readonly (keyof P & string)[]>(
  description: D,
  properties: P,
  required: R,
): { readonly type: "object"; readonly description: D; readonly properties: P; readonly required: R };
export function object(description: string, properties: Fields, required?: readonly string[]): JsonSchema {
  return { type: "object", description, properties, ...(required ? { required } : {}) };
}

export const namedValue = object("One entry.", { name: text("Its name."), value: text("Its value.") }, [
  "name",
  "value",
]);
