import type { JsonObject, JsonValue } from "./json.ts";

/**
 * The type of a parsed value, from the literal of its JSON Schema (`as const satisfies JsonSchema`):
 * `type WebhookSpec = SpecOf<typeof webhookSchema>`.
 *
 * Fields that are required or have a default are there after `parse`; others may be absent. Of an object that names
 * fields and is open as well only the named ones are typed. What the schema leaves open, or a schema that is no literal,
 * is a JSON value.
 */
export type SpecOf<S> = TypeOf<S, "filled">;

/** As `SpecOf`, of a value that was checked but not filled: fields with a default may be absent, too. */
export type WrittenOf<S> = TypeOf<S, "written">;

/** `T` with fields that rules beside the schema demand. */
export type With<T, Name extends keyof T> = Flat<Omit<T, Name> & { readonly [N in Name]-?: Exclude<T[N], undefined> }>;

type Form = "filled" | "written";

type TypeOf<S, F extends Form> = S extends { readonly enum: readonly (infer Value)[] }
  ? Value
  : S extends { readonly "x-kubernetes-int-or-string": true }
    ? string | number
    : S extends { readonly type: infer Type }
      ? OfType<S, Type, F>
      : JsonValue;

type OfType<S, Type, F extends Form> = Type extends "string"
  ? string
  : Type extends "integer" | "number"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "array"
        ? readonly (S extends { readonly items: infer Item } ? TypeOf<Item, F> : JsonValue)[]
        : Type extends "object"
          ? ObjectOf<S, F>
          : JsonValue;

type ObjectOf<S, F extends Form> = S extends { readonly properties: infer Fields }
  ? Flat<
      { readonly [Name in PresentIn<S, Fields, F>]: TypeOf<Fields[Name], F> } & {
        readonly [Name in Exclude<keyof Fields, PresentIn<S, Fields, F>>]?: TypeOf<Fields[Name], F>;
      }
    >
  : S extends { readonly additionalProperties: infer Entry extends object }
    ? { readonly [name: string]: TypeOf<Entry, F> }
    : JsonObject;

/** The fields that are always there. */
type PresentIn<S, Fields, F extends Form> =
  | (S extends { readonly required: readonly (infer Name)[] } ? Extract<Name, keyof Fields> : never)
  | (F extends "filled"
      ? { [Name in keyof Fields]: Fields[Name] extends { readonly default: unknown } ? Name : never }[keyof Fields]
      : never);

/** One object instead of an intersection, so that editors show it whole. */
type Flat<T> = { [Name in keyof T]: T[Name] };
