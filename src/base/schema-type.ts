import type { JsonObject } from "./json.ts";

/**
 * The type of a parsed value, from the literal of its JSON Schema (`as const satisfies JsonSchema`):
 * `type WebhookSpec = SpecOf<typeof webhookSchema>`.
 *
 * Fields that are required or have a default are there after `parse`; others may be absent. Of an object that names
 * fields and is open as well only the named ones are typed. What the schema leaves open, or a schema that is no literal,
 * is `unknown`.
 */
export type SpecOf<S> = S extends { readonly enum: readonly (infer Value)[] }
  ? Value
  : S extends { readonly "x-kubernetes-int-or-string": true }
    ? string | number
    : S extends { readonly type: infer Type }
      ? OfType<S, Type>
      : unknown;

type OfType<S, Type> = Type extends "string"
  ? string
  : Type extends "integer" | "number"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "array"
        ? readonly (S extends { readonly items: infer Item } ? SpecOf<Item> : unknown)[]
        : Type extends "object"
          ? ObjectOf<S>
          : unknown;

type ObjectOf<S> = S extends { readonly properties: infer Fields }
  ? Flat<
      { readonly [Name in PresentIn<S, Fields>]: SpecOf<Fields[Name]> } & {
        readonly [Name in Exclude<keyof Fields, PresentIn<S, Fields>>]?: SpecOf<Fields[Name]>;
      }
    >
  : S extends { readonly additionalProperties: infer Entry extends object }
    ? { readonly [name: string]: SpecOf<Entry> }
    : JsonObject;

/** The fields that are there after `parse`. */
type PresentIn<S, Fields> =
  | (S extends { readonly required: readonly (infer Name)[] } ? Extract<Name, keyof Fields> : never)
  | { [Name in keyof Fields]: Fields[Name] extends { readonly default: unknown } ? Name : never }[keyof Fields];

/** One object instead of an intersection, so that editors show it whole. */
type Flat<T> = { [Name in keyof T]: T[Name] };
