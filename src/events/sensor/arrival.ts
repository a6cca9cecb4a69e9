import { decodeEvent } from "../../record/cloud-event.ts";
import { decodeToken, type Subject } from "../../record/subject.ts";
import { traceOfEvent } from "../../record/trace-context.ts";
import type { StoredMessage } from "../bus/bus.ts";
import type { ReceivedEvent } from "./state.ts";

/** Bytes that count as one event more: a large one counts for several. */
const weightBytes = 2 * 1024;

/** What the subject of a message says. */
export interface EventName {
  readonly namespace: string;
  readonly eventSource: string;
  readonly event: string;
}

/**
 * A message as it arrived. It is decoded when the first of those it waits for takes it, and its decoded form goes with the
 * last of them: bytes are kept for long, objects that live for long cost the collector most.
 */
export class Arrival {
  readonly message: StoredMessage;
  /** In events of ordinary size: so much counts against bounds. */
  readonly weight: number;
  #received: ReceivedEvent | undefined;
  #waitedFor = 0;

  constructor(message: StoredMessage) {
    this.message = message;
    this.weight = 1 + Math.floor(message.data.length / weightBytes);
  }

  /** One more will take it. */
  expect(): void {
    this.#waitedFor += 1;
  }

  /** Undefined for what is no event. */
  take(decode: (message: StoredMessage) => ReceivedEvent | undefined): ReceivedEvent | undefined {
    const received = this.#received ?? decode(this.message);
    this.#waitedFor -= 1;
    this.#received = this.#waitedFor > 0 ? received : undefined;
    return received;
  }
}

/** `bus` as it is named in records. @throws EngineError EVENT_INVALID */
export function receivedOf(
  message: StoredMessage,
  bus: string,
  parseSubject: (subject: Subject) => EventName,
): ReceivedEvent {
  const { sequence, storedAt } = message;
  const event = decodeEvent(message.data);
  const { id, type, time } = event;
  const { namespace, eventSource, event: name } = parseSubject(message.subject);
  const head = { id, namespace, eventSource, event: name, type, time, bus, sequence, storedAt };
  const trace = traceOfEvent(event);
  return { event, head: trace === undefined ? head : { ...head, traceparent: trace.traceparent } };
}

/** `events.<namespace>.<eventsource>.<event>` of the system bus. */
export function parseSystemSubject(subject: Subject): EventName {
  const [, namespace = "", eventSource = "", event = ""] = subject.split(".").map(decodeToken);
  return { namespace, eventSource, event };
}

export function weightOf(arrivals: readonly Arrival[]): number {
  let weight = 0;
  for (const arrival of arrivals) weight += arrival.weight;
  return weight;
}
