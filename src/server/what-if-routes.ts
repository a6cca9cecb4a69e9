import { type Request, Router } from "express";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { WhatIfReport } from "../events/trial/what-if.ts";
import { type CloudEvent, decodeEvent } from "../record/cloud-event.ts";
import { whenGone } from "./gone.ts";

export interface WhatIfAsk {
  /** Of a stored event; or `events`. */
  readonly id?: string;
  readonly events?: readonly CloudEvent[];
  /** Where the events come; default: the Sensor's, else `default`. */
  readonly namespace?: string;
  /** A Sensor's manifest; absent: all that listen. */
  readonly sensor?: JsonObject;
}

/** @throws InvalidManifest, EngineError NOT_FOUND */
export type WhatIf = (ask: WhatIfAsk, signal: AbortSignal) => Promise<WhatIfReport>;

const maxEvents = 100;

/** `POST /api/v1/tiphys/what-if`: what would happen; nothing does. */
export function whatIfRoutes(whatIf: WhatIf): Router {
  const router = Router();
  router.post("/", async (request: Request, response) => {
    response.json(await whatIf(parseAsk(request.body), whenGone(response)));
  });
  return router;
}

function parseAsk(body: unknown): WhatIfAsk {
  const { id, events, namespace, sensor } = isJsonObject(body) ? body : {};
  if (sensor !== undefined && !isJsonObject(sensor)) throw new EngineError("USAGE", "sensor: must be a Sensor");
  if (namespace !== undefined && typeof namespace !== "string")
    throw new EngineError("USAGE", "namespace: must be a name");
  const common = { ...(sensor && { sensor }), ...(namespace !== undefined && { namespace }) };
  if (typeof id === "string" && id !== "") return { ...common, id };
  if (!Array.isArray(events) || events.length === 0 || events.length > maxEvents) {
    throw new EngineError("USAGE", `events: must be 1 to ${maxEvents} CloudEvents, unless there is an id`);
  }
  return { ...common, events: events.map(eventOf) };
}

function eventOf(event: unknown, index: number): CloudEvent {
  try {
    return decodeEvent(Buffer.from(JSON.stringify(event)));
  } catch (error) {
    throw new EngineError("USAGE", `events[${index}]: ${messageOf(error)}`, error);
  }
}
