import { EngineError, messageOf } from "../base/errors.ts";
import type { Delivery, EventBus, StoredMessage } from "../events/bus/bus.ts";
import { decodeEvent } from "../record/cloud-event.ts";
import { encodeToken, type Subject } from "../record/subject.ts";
import type { BusHandle } from "./bus-directory.ts";
import { parseArgoSubject } from "./exotic-bus.ts";

export interface BusRelayDeps {
  /** The EventBus that is emptied. */
  readonly from: EventBus;
  /** Takes all of its events. */
  readonly subject: Subject;
  readonly namespace: string;
  /** Of the EventBus resource: each has a place of its own in the stream. */
  readonly name: string;
  readonly to: BusHandle;
  /** Called once what is published waits for the relay, also when no engine runs. */
  readonly onReady: () => void;
  /** A message that can never be moved. It is acknowledged, or it would come again for ever. */
  readonly onInvalid: (message: StoredMessage, reason: string) => void;
}

/** Events under way to the other bus, at most. */
const maxInFlight = 500;
/** What a killed engine was given is handed out again after this; a move takes milliseconds, and twice is harmless. */
const ackWaitMs = 5_000;
/** What is no event, or too large for the other bus, will not be moved later either. */
const neverMoved: ReadonlySet<string> = new Set(["EVENT_INVALID", "BUS_MESSAGE_TOO_LARGE"]);
/** Before an event is handed out again that the other bus did not take. */
const retryMs = 1_000;

/**
 * Moves every event of a stream that forgets what was acknowledged (interest or workqueue retention) to the system bus,
 * where Sensors find it by position, as often as they need. An event is acknowledged once it is kept there: at least
 * once, and once within the dedupe window. All engines of one system bus share the work; what is published while none
 * runs waits in the stream. Runs until `signal` aborts.
 */
export async function relayEvents(deps: BusRelayDeps, signal: AbortSignal): Promise<void> {
  const durable = `tiphys_${encodeToken(deps.namespace)}_${encodeToken(deps.name)}`;
  const options = { maxInFlight, ackWaitMs, from: "first", onReady: deps.onReady } as const;
  for await (const deliveries of deps.from.share(durable, deps.subject, options, signal)) {
    await Promise.all(deliveries.map((delivery) => move(delivery, deps)));
  }
}

async function move(delivery: Delivery, { namespace, to, onInvalid }: BusRelayDeps): Promise<void> {
  try {
    const { id } = decodeEvent(delivery.data);
    const { eventSource, event } = parseArgoSubject(delivery.subject);
    const subject = to.subjectOf(namespace, eventSource, event);
    await to.bus.publish(subject, { id: `${subject} ${id}`, data: delivery.data });
    await delivery.ack();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (!neverMoved.has(error.code)) return delivery.nak(retryMs);
    onInvalid(delivery, messageOf(error));
    await delivery.ack();
  }
}
