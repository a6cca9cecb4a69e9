import { backoffSchema, flagField } from "../../api/shared-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";

/** Fields that several kinds have. */

export const metadataSchema = {
  type: "object",
  additionalProperties: { type: "string" },
  description: "Copied into each event's data.",
} as const satisfies JsonSchema;

export const expressionField = {
  type: "string",
  description: "An expr expression over the event's data; events for which it is false are not emitted.",
} as const satisfies JsonSchema;

export const filterSchema = {
  type: "object",
  description: "Which events are emitted.",
  properties: { expression: expressionField },
} as const satisfies JsonSchema;

/** What every kind has whose events can be filtered by an expression. */
export const commonFields = {
  metadata: metadataSchema,
  filter: filterSchema,
} as const satisfies Readonly<Record<string, JsonSchema>>;

export const jsonBodyField = {
  ...flagField("The body is JSON and embedded as such; otherwise it is base64."),
} as const satisfies JsonSchema;

export const connectionBackoffField = {
  ...backoffSchema,
  description: "How long is waited between tries of the connection; they go on for ever, whatever `steps` says.",
} as const satisfies JsonSchema;

/** Prefix and suffix of an object's key: the filter of object stores. */
export const keyFilterSchema = {
  type: "object",
  description: "Which objects count.",
  properties: {
    prefix: { type: "string", description: "What the object's key begins with." },
    suffix: { type: "string", description: "What the object's key ends with." },
    expression: expressionField,
  },
} as const satisfies JsonSchema;
