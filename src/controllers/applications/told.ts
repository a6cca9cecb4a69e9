import { textOf } from "../../api/fields.ts";
import { type Instant, isoTime } from "../../base/clock.ts";
import { isJsonObject } from "../../base/json.ts";
import type { ReceivedEvent } from "../../events/sensor/state.ts";
import { builtInEventSource, type CloudEvent } from "../../record/cloud-event.ts";
import type { ApplicationController } from "./application.ts";

const missed = "repository-missed";

/**
 * What an engine tells all when it polls a repository that another one polled before: refs moved, and it is not known
 * which of them were told of.
 */
export function missedEvent(url: string, id: string, now: Instant): ReceivedEvent {
  const type = `${builtInEventSource}.${missed}`;
  const time = isoTime(now);
  const datacontenttype = "application/json";
  const event: CloudEvent = {
    id,
    source: builtInEventSource,
    type,
    subject: missed,
    time,
    datacontenttype,
    data: { url },
  };
  const { source: eventSource, subject } = event;
  const head = { id, namespace: "", eventSource, event: subject, type, time, bus: "", sequence: 0, storedAt: now };
  return { event, head };
}

/** What every engine does about what it is told: its own Applications are asked. */
export function takeTold(
  received: ReceivedEvent,
  controller: Pick<ApplicationController, "offer" | "lookAgainAt">,
): void {
  const { subject, data } = received.event;
  if (subject !== missed) controller.offer(received);
  else if (isJsonObject(data)) controller.lookAgainAt(textOf(data.url), "another engine polls its repository now");
}
