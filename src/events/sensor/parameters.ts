import type { CloudEvent } from "../../record/cloud-event.ts";
import type { ParameterResolver } from "../triggers/trigger.ts";

/** Parameters over the events of one firing (spec argo-events 6.3), by dependency name. */
export function createParameterResolver(_events: Readonly<Record<string, CloudEvent>>): ParameterResolver {
  throw new Error("not written yet");
}
