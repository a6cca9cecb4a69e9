import { errorAt, textOf } from "../../api/fields.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { builtInEventSource } from "../../record/cloud-event.ts";
import { causesOf, nextHop, traceOf } from "./hops.ts";
import { effectHash } from "./object-effect.ts";
import { shownPayload, withOwnParameters } from "./own-parameters.ts";
import { ownTriggerSchema, type TriggerRule } from "./rules.ts";
import { parametersSchema, payloadSchema } from "./schemas.ts";
import type { EmittedEvent, TriggerKind } from "./trigger.ts";

/** Ours: an event of one's own, for other Sensors. */
export const emitSchema = {
  type: "object",
  description: "Puts an event of its own on the EventBus, for other Sensors. Its cause is the event that fired.",
  required: ["eventSourceName", "eventName"],
  properties: {
    eventSourceName: { type: "string", minLength: 1, description: "The EventSource that it counts as coming from." },
    eventName: { type: "string", minLength: 1, description: "The event's name." },
    type: { type: "string", description: "The event's `type`.", default: "emit" },
    payload: { ...payloadSchema, description: "Makes the event's data: each entry sets one field of a JSON object." },
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

type EmitSpec = SpecOf<typeof emitSchema>;

/** Nobody else may speak for the engine. */
const sourceRule: TriggerRule = ({ eventSourceName }, path) =>
  textOf(eventSourceName) === builtInEventSource
    ? [errorAt(`${path}.eventSourceName`, `"${builtInEventSource}" is the engine's own: take another name`)]
    : [];

const schema = ownTriggerSchema<EmitSpec>(emitSchema, sourceRule);

/** The event's id follows from the firing, so that a repeat is stored once. */
export const emitTrigger: TriggerKind<EmitSpec, EmittedEvent> = {
  schema,
  async plan(written, firing, { parameters }) {
    const { eventSourceName, eventName, type, payload } = withOwnParameters(written, schema, "emit", parameters);
    if (eventSourceName === builtInEventSource) {
      throw new TerminalError("MANIFEST_INVALID", `emit.eventSourceName: "${builtInEventSource}" is the engine's own`);
    }
    const trace = traceOf(firing);
    const data: JsonValue = payload?.length ? shownPayload(parameters.payload(payload, "emit.payload")) : {};
    return {
      id: effectHash(firing),
      eventSource: eventSourceName,
      event: eventName,
      type,
      data,
      causes: causesOf(firing),
      hop: nextHop(firing),
      ...(trace && { trace }),
    };
  },
  async apply(plan, _firing, { emit }) {
    if (!emit) throw new TerminalError("TRIGGER_UNSUPPORTED", "emit: there is no bus here");
    await emit(plan);
    return { message: `emitted ${plan.eventSource}/${plan.event} ${plan.id}` };
  },
};
