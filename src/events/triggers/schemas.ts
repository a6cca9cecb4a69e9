import type { JsonSchema } from "../../base/schema.ts";

/** Parts of specs that several kinds have. */

/** `parameters[]`, `payload[]`, `dynamicHeaders[]`: see `TriggerParameter`. */
export const parametersSchema = {
  type: "array",
  items: {
    type: "object",
    required: ["src"],
    properties: {
      src: {
        type: "object",
        required: ["dependencyName"],
        properties: {
          dependencyName: { type: "string", minLength: 1 },
          contextKey: { type: "string" },
          contextTemplate: { type: "string" },
          dataKey: { type: "string" },
          dataTemplate: { type: "string" },
          value: { type: "string" },
          useRawData: { type: "boolean" },
        },
      },
      dest: { type: "string" },
      operation: { type: "string", enum: ["", "append", "overwrite", "prepend"] },
    },
  },
} as const satisfies JsonSchema;

export const secretKeySchema = {
  type: "object",
  required: ["name", "key"],
  properties: { name: { type: "string", minLength: 1 }, key: { type: "string", minLength: 1 } },
} as const satisfies JsonSchema;
