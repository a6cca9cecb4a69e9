import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, JsonValue } from "../../src/base/json.ts";
import { createSchema, type JsonSchema } from "../../src/base/schema.ts";
import type { SpecOf, With, WrittenOf } from "../../src/base/schema-type.ts";

/** True only for the same type: also `readonly` and `?` count. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Does not compile unless the type is `true`. */
function holds<_T extends true>(): void {
  // The compiler has looked already.
}

const secret = {
  type: "object",
  required: ["name", "key"],
  properties: { name: { type: "string" }, key: { type: "string" } },
} as const satisfies JsonSchema;

const schema = {
  type: "object",
  description: "A bit of everything.",
  required: ["url"],
  properties: {
    url: { type: "string", minLength: 1 },
    method: { type: "string", enum: ["GET", "POST"], default: "POST" },
    level: { type: "integer", enum: [1, 2] },
    port: { "x-kubernetes-int-or-string": true },
    timeout: { type: "integer", default: 60 },
    ratio: { type: "number" },
    secure: { type: "boolean" },
    headers: { type: "object", additionalProperties: { type: "string" } },
    secrets: { type: "object", additionalProperties: secret },
    list: {
      type: "array",
      items: { type: "object", required: ["src"], properties: { src: secret, dest: { type: "string" } } },
    },
    anything: { description: "Any value." },
    things: { type: "array" },
    open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    half: {
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
      properties: { name: { type: "string" } },
    },
  },
} as const satisfies JsonSchema;

interface Secret {
  readonly name: string;
  readonly key: string;
}

interface Spec {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly level?: 1 | 2;
  readonly port?: string | number;
  readonly timeout: number;
  readonly ratio?: number;
  readonly secure?: boolean;
  readonly headers?: { readonly [name: string]: string };
  readonly secrets?: { readonly [name: string]: Secret };
  readonly list?: readonly { readonly src: Secret; readonly dest?: string }[];
  readonly anything?: JsonValue;
  readonly things?: readonly JsonValue[];
  readonly open?: JsonObject;
  readonly half?: { readonly name?: string };
}

holds<Same<SpecOf<typeof schema>, { [Name in keyof Spec]: Spec[Name] }>>();
// What was not filled lacks what was not written.
type Written = Omit<Spec, "method" | "timeout"> & { readonly method?: Spec["method"]; readonly timeout?: number };
holds<Same<WrittenOf<typeof schema>, { [Name in keyof Written]: Written[Name] }>>();
holds<Same<With<WrittenOf<typeof schema>, "timeout">["timeout"], number>>();
holds<Same<SpecOf<typeof secret>, { readonly name: string; readonly key: string }>>();
holds<Same<SpecOf<JsonSchema>, JsonValue>>();
holds<
  Same<
    SpecOf<{ readonly type: "array"; readonly items: { readonly type: "array"; readonly items: typeof secret } }>,
    readonly (readonly Secret[])[]
  >
>();

// Each would compile if the type were wider than it is.
type Parsed = SpecOf<typeof schema>;
// @ts-expect-error: required
({}) satisfies Pick<Parsed, "url">;
// @ts-expect-error: not in the enum
({ method: "PUT" }) satisfies Pick<Parsed, "method">;
// @ts-expect-error: no such field
({ url: "u", uri: "u" }) satisfies Pick<Parsed, "url">;
// @ts-expect-error: absent is not undefined
({ secure: undefined }) satisfies Pick<Parsed, "secure">;

test("what a schema parses is what its type says", () => {
  const written = { url: "u", port: "80", list: [{ src: { name: "n", key: "k" } }], headers: { a: "b" } };
  const parsed: Parsed = createSchema<Parsed>(schema).parse(written, "spec");
  assert.deepEqual(parsed, { ...written, method: "POST", timeout: 60 });
  const method: "GET" | "POST" = parsed.method;
  assert.equal(method, "POST");
});
