import type { JsonSchema } from "../../base/schema.ts";
import { ownTriggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema } from "./schemas.ts";

/** Ours: an event of one's own, for other Sensors. */
export const emitSchema = {
  type: "object",
  description: "Puts an event of its own on the EventBus, for other Sensors. Its cause is the event that fired.",
  required: ["eventSourceName", "eventName"],
  properties: {
    eventSourceName: { type: "string", minLength: 1, description: "The EventSource that it counts as coming from." },
    eventName: { type: "string", minLength: 1, description: "The event's name." },
    subject: { type: "string", description: "The event's `subject`; default: the event's name." },
    type: { type: "string", description: "The event's `type`.", default: "emit" },
    payload: { ...payloadSchema, description: "Makes the event's data: each entry sets one field of a JSON object." },
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

export const emitTrigger = ownTriggerSchema(emitSchema);
