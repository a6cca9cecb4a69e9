import type { JsonSchema } from "../base/schema.ts";
import { listField, textField, textList, textMap } from "./shared-schemas.ts";

/** What EventSources and EventBuses have beside what they do. */

/** spec argo-events 2.4 */
export const serviceSchema = {
  type: "object",
  description: "The Service in front of HTTP events; there is none without ports.",
  properties: {
    ports: listField("Its ports.", {
      type: "object",
      properties: {
        name: textField("The port's name; needed where there are several."),
        port: { type: "integer", format: "int32", description: "The Service's port." },
        targetPort: {
          description: "The Pod's port or its name; `port` when not given.",
          "x-kubernetes-int-or-string": true,
        },
        nodePort: { type: "integer", format: "int32", description: "Port on each node, where there is one." },
        protocol: { ...textField("TCP, UDP or SCTP."), default: "TCP" },
        appProtocol: textField("What is spoken on the port."),
      },
    }),
    clusterIP: textField("A fixed address, or None."),
    metadata: {
      type: "object",
      description: "Labels and annotations of the Service.",
      properties: { labels: textMap("Labels."), annotations: textMap("Annotations.") },
    },
  },
} as const satisfies JsonSchema;

/** One of `status.conditions`. */
export const conditionSchema = {
  type: "object",
  description: "One condition.",
  properties: {
    type: textField("What the condition is about."),
    status: { type: "string", description: "Whether it holds.", enum: ["True", "False", "Unknown"] },
    reason: textField("Why not, in one word."),
    message: textField("Why not."),
    lastTransitionTime: { type: "string", format: "date-time", description: "When `status` last changed." },
  },
} as const satisfies JsonSchema;

/** spec argo-events 2.7. `more` are fields of one kind. */
export function statusSchema(conditions: string, more: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return {
    type: "object",
    description: "How it fares.",
    properties: {
      conditions: listField(`By type: ${conditions}`, conditionSchema),
      warnings: textList("Ours: what is worth a word in the spec."),
      ...more,
    },
  };
}
