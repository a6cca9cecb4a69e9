import type { GivenEvent, SensorTest, SensorTestCase } from "../../api/sensor-test.ts";
import { type Instant, instant, isoTime } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { type CloudEvent, decodeEvent } from "../../record/cloud-event.ts";
import type { ReceivedEvent } from "../sensor/state.ts";

export interface TimedEvent {
  readonly at: Instant;
  readonly received: ReceivedEvent;
}

/** What a file beside the test holds: a value of JSON or YAML, or text. @throws EngineError MANIFEST_UNREADABLE */
export type ReadBeside = (file: string) => JsonValue;

/** The events of a case in the order in which they come: by their time, then as they are listed. @throws EngineError */
export function eventsOf(
  { startMs }: Pick<SensorTest, "startMs">,
  { given }: Pick<SensorTestCase, "given">,
  { namespace, read }: { readonly namespace: string; readonly read: ReadBeside },
): readonly TimedEvent[] {
  return given
    .map((one, index): TimedEvent => {
      const at = instant(startMs + one.atMs);
      return { at, received: receivedOf(one, { at, number: index + 1, namespace, read }) };
    })
    .sort((a, b) => a.at - b.at);
}

interface Place {
  readonly at: Instant;
  /** Counts from 1. */
  readonly number: number;
  readonly namespace: string;
  readonly read: ReadBeside;
}

function receivedOf(given: GivenEvent, place: Place): ReceivedEvent {
  const { at, number, namespace } = place;
  const event = withContext(contentOf(given, place), given.context ?? {});
  const { id, type, time } = event;
  return {
    event,
    head: {
      id,
      namespace,
      eventSource: given.eventSource ?? event.source,
      event: given.event ?? event.subject,
      type,
      time,
      bus: "test",
      sequence: number,
      storedAt: at,
    },
  };
}

function contentOf(given: GivenEvent, { at, number, read }: Place): CloudEvent {
  const { eventSource = "", event = "", data = null, dataFile, cloudEvent } = given;
  const defaults = { id: `e${number}`, type: "tiphys.test", source: eventSource, subject: event, time: isoTime(at) };
  if (cloudEvent !== undefined) {
    const whole = typeof cloudEvent === "string" ? read(cloudEvent) : cloudEvent;
    if (isJsonObject(whole)) return decode({ ...defaults, ...whole }, number);
    throw new EngineError("EVENT_INVALID", `given[${number - 1}].cloudEvent: ${String(cloudEvent)} holds no object`);
  }
  const content = dataFile === undefined ? data : read(dataFile);
  const datacontenttype = typeof content === "string" && dataFile !== undefined ? "text/plain" : "application/json";
  return { ...defaults, datacontenttype, data: content };
}

function decode(whole: JsonObject, number: number): CloudEvent {
  try {
    return decodeEvent(Buffer.from(JSON.stringify(whole)));
  } catch (error) {
    throw new EngineError("EVENT_INVALID", `given[${number - 1}].cloudEvent: ${messageOf(error)}`, error);
  }
}

const attributes = ["id", "type", "source", "subject", "time", "datacontenttype"] as const;

function withContext(event: CloudEvent, context: Readonly<Record<string, string>>): CloudEvent {
  const named = new Set<string>(attributes);
  const given = Object.entries(context);
  const extensions = { ...event.extensions, ...Object.fromEntries(given.filter(([name]) => !named.has(name))) };
  return {
    ...event,
    ...Object.fromEntries(given.filter(([name]) => named.has(name))),
    ...(Object.keys(extensions).length > 0 ? { extensions } : {}),
  };
}
