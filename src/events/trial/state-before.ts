import { instant } from "../../base/clock.ts";
import type { EventHead } from "../../record/records.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import { emptyState, type SensorState } from "../sensor/state.ts";
import { inputsBySubject, type ReplayBus, receivedOf } from "./replay.ts";
import { createVirtualSensor } from "./virtual-time.ts";

/** What was joined when an event came. */
export interface StateBefore {
  readonly state: SensorState;
  /** false: older events than were looked at may have waited, too. */
  readonly isWhole: boolean;
}

/** How far back it is looked: messages of the stream, whosever they are. */
const maxMessages = 20_000;

/**
 * What waited in a Sensor's joins before an event, found by reducing anew what came before it. At most 20,000 messages back
 * in the stream; what waited for longer is not seen.
 */
export async function stateBefore(
  compiled: CompiledSensor,
  { name, bus, stream, subjectOf }: ReplayBus,
  head: EventHead,
  signal: AbortSignal,
): Promise<StateBefore> {
  const { namespace } = compiled.head;
  const inputs = inputsBySubject(compiled, subjectOf);
  const { epoch } = await bus.end(stream);
  const after = Math.max(0, head.sequence - 1 - maxMessages);
  const sensor = createVirtualSensor(compiled, emptyState);
  let isWhole = after === 0;
  const stateAt = (): StateBefore => {
    sensor.passTime(instant(head.storedAt));
    return { state: sensor.state, isWhole };
  };
  const query = { subjects: [...inputs.keys()], from: { epoch, after }, follow: false };
  for await (const { messages, lost } of bus.read(query, signal)) {
    if (lost) isWhole = false;
    for (const message of messages) {
      if (message.sequence >= head.sequence) return stateAt();
      const input = inputs.get(message.subject);
      const received = input && receivedOf(message, { ...input, namespace, bus: name });
      if (received) sensor.take(received, instant(message.storedAt));
    }
  }
  return stateAt();
}
