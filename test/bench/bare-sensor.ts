import { openSync, writeSync } from "node:fs";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { rawSubject, subjectOf } from "../../src/record/subject.ts";
import { perSecond } from "./bus-bare.ts";

const recordsOfMessage = 64;
const maxInFlight = 128;
const ledger = subjectOf("ledger", "bare");

/**
 * What a Sensor with one data filter and a `log` trigger must do at least, written by hand: read each event, parse it, look
 * at one field, write one line, and keep a decision and an effect of it on the ledger, 64 records to a message. No
 * positions, no retries, no keys, no explanations, no counters. @returns events a second
 */
export async function bareSensorRate(bus: EventBus, count: number): Promise<number> {
  const file = openSync("/dev/null", "w");
  const decoder = new TextDecoder();
  const wanted = /^refs\/heads\/main$/;
  const inFlight = new Set<Promise<unknown>>();
  let records: string[] = [];
  let messages = 0;
  const startedAt = performance.now();
  const query = { subjects: [rawSubject("events.>")], from: "first", follow: false } as const;
  for await (const batch of bus.read(query, new AbortController().signal)) {
    for (const { data, sequence } of batch.messages) {
      const { id, data: text, ...head } = JSON.parse(decoder.decode(data)) as BareEvent;
      const { body } = text;
      if (!wanted.test(body.ref)) continue;
      const at = new Date().toISOString();
      const about = { at, sensor: { namespace: "shop", name: "s0" }, trigger: "say", causes: [id] };
      writeSync(file, `${JSON.stringify({ level: "info", time: at, eventContext: { id, ...head }, msg: text })}\n`);
      records.push(
        JSON.stringify({ kind: "decision", verdict: "fired", events: { push: { id, sequence } }, ...about }),
      );
      records.push(JSON.stringify({ kind: "effect", outcome: "succeeded", key: `s0/say/${id}`, attempt: 1, ...about }));
      if (records.length < recordsOfMessage) continue;
      const kept = bus.publish(ledger, { id: `bare-${messages++}`, data: Buffer.from(`[${records.join(",")}]`) });
      const done = kept.then(() => void inFlight.delete(done));
      inFlight.add(done);
      records = [];
      if (inFlight.size >= maxInFlight) await Promise.race(inFlight);
    }
  }
  await Promise.all(inFlight);
  if (messages < Math.floor((count * 2) / recordsOfMessage)) throw new Error(`kept ${messages} messages of records`);
  return perSecond(count, startedAt);
}

interface BareEvent {
  readonly id: string;
  readonly data: { readonly body: { readonly ref: string } };
}
