import type { CloudEvent } from "../../src/record/cloud-event.ts";
import type { EventHead, RecordDraft } from "../../src/record/records.ts";

const sensor = { namespace: "default", name: "hello", uid: "uid", revision: "r1" };

export function cloudEvent(id: string, at = "2026-01-01T00:00:00Z"): CloudEvent {
  const rest = { type: "webhook", datacontenttype: "application/json", data: { id } };
  return { id, source: "webhook", subject: "example", time: at, ...rest };
}

export function eventHead(id: string, sequence = 1): EventHead {
  const name = { namespace: "default", eventSource: "webhook", event: "example" };
  return { id, ...name, type: "webhook", time: "2026-01-01T00:00:00Z", bus: "system", sequence, storedAt: 1 };
}

export function decisionDraft(eventId: string, at = 2): RecordDraft {
  const events = { example: eventHead(eventId) };
  return { kind: "decision", at, causes: [eventId], sensor, trigger: "log", verdict: "fired", events };
}

export function effectDraft(number: number, decision = `d-${number}.0`): RecordDraft {
  return {
    kind: "effect",
    at: 1_000 + number,
    causes: [decision],
    key: `uid/log/e${number}`,
    sensor,
    trigger: "log",
    triggerKind: "log",
    attempt: 1,
    startedAt: 999 + number,
    outcome: "succeeded",
    message: "logged",
  };
}

export function lostDraft(): RecordDraft {
  return { kind: "lost", at: 5, causes: ["system:1-3"], bus: "system", sensors: [], from: 1, to: 3 };
}
