import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { requiredText } from "../../api/shared-schemas.ts";
import { tlsField } from "../../api/value-schemas.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { readClientTls } from "./client-tls.ts";
import { bodyValue, eventId, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { readJson } from "./hook-request.ts";
import { type NsqMessage, openNsq } from "./nsq-connection.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { tlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an NSQ topic.",
  required: ["hostAddress", "topic", "channel"],
  properties: {
    hostAddress: requiredText("host:port of nsqlookupd's HTTP."),
    topic: requiredText("The topic."),
    channel: requiredText("The channel; those who read one channel share its messages."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the server."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

type NsqSpec = SpecOf<typeof json>;

/** Of each server; as many events are on their way to the bus. */
const inFlight = 50;
/** How often it is asked where the topic is. */
const lookupMs = 15_000;

export const nsqSource: SourceKind<NsqSpec> = {
  eventType: "nsq",
  singleton: false,
  schema: sourceSchema<NsqSpec>(json, tlsRule),
  async run(spec, context, signal) {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const reading = new Map<string, Promise<void>>();
    let failure: unknown;
    try {
      while (!both.aborted) {
        for (const address of await producersOf(spec, context, both)) {
          if (reading.has(address)) continue;
          const run = readFrom(address, spec, context, both).catch((error: unknown) => {
            failure ??= error;
            stop.abort();
          });
          reading.set(address, run);
        }
        if (reading.size === 0) context.ready(); // the topic is nowhere yet
        await sleepFor(context.clock, lookupMs, both).catch(() => undefined);
      }
    } finally {
      stop.abort();
      await Promise.all(reading.values());
    }
    if (signal.aborted || failure === undefined) return;
    throw new EngineError("SOURCE_FAILED", `NSQ: ${messageOf(failure)}`, failure);
  },
};

/** The servers that have the topic, as `host:port`. */
async function producersOf(
  { hostAddress, topic }: NsqSpec,
  { fetch }: SourceContext,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const base = /^https?:/.test(hostAddress) ? hostAddress.replace(/\/+$/, "") : `http://${hostAddress}`;
  const { status, text } = await fetch(
    { method: "GET", url: `${base}/lookup?topic=${encodeURIComponent(topic)}` },
    signal,
  );
  if (status === 404) return [];
  if (status !== 200) throw new EngineError("SOURCE_FAILED", `NSQ: lookup at ${hostAddress} answered ${status}`);
  const answer = objectOf(readJson(text));
  const producers = objectsOf(answer.producers ?? objectOf(answer.data).producers);
  return producers.map(({ broadcast_address, tcp_port }) => `${textOf(broadcast_address)}:${Number(tcp_port)}`);
}

/** Until `signal` aborts, or the connection ends, which is a failure. A message is finished once it is kept. */
async function readFrom(address: string, spec: NsqSpec, context: SourceContext, signal: AbortSignal): Promise<void> {
  const colon = address.lastIndexOf(":");
  const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  const tls = spec.tls && (await readClientTls(spec.tls, context.secret));
  const { topic, channel } = spec;
  const connection = await openNsq({ ...place, ...(tls && { tls }) }, { topic, channel, inFlight }).catch(
    (error: unknown) => {
      throw new Error(`${address}: ${messageOf(error)}`);
    },
  );
  const unfinished = new Set<string>();
  const leave = (): void => {
    connection.leave(); // first, or it would send again what it gets back
    for (const id of unfinished) connection.giveBack(id);
  };
  signal.addEventListener("abort", leave, { once: true });
  const keeping = new Set<Promise<void>>();
  let failed: unknown;
  try {
    context.ready();
    for await (const message of connection.messages()) {
      if (failed !== undefined && !signal.aborted) throw failed;
      if (signal.aborted) {
        connection.giveBack(message.id); // it was on its way
        continue;
      }
      unfinished.add(message.id);
      const kept = keep(message, address, spec, context, signal).then(() => {
        unfinished.delete(message.id);
        connection.finish(message.id);
      });
      const done = kept.catch((error: unknown) => {
        failed = error;
        if (!signal.aborted) connection.close();
      });
      keeping.add(done);
      void done.finally(() => keeping.delete(done));
    }
  } catch (error) {
    if (!signal.aborted) throw new Error(`${address}: ${messageOf(failed ?? error)}`);
  } finally {
    await Promise.all(keeping);
    connection.close();
    signal.removeEventListener("abort", leave);
  }
}

async function keep(
  { id, timestamp, body }: NsqMessage,
  nsqdAddress: string,
  spec: NsqSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  let value: JsonValue;
  try {
    value = bodyValue(body, spec);
  } catch {
    refuseMessage(context, { topic: spec.topic }, body.length);
    return;
  }
  const data = withMetadata({ body: value, timestamp: String(timestamp), nsqdAddress }, spec);
  // Ids of messages are those of one server.
  await keepEvent({ id: eventId(context, `${timestamp}/${id}`), data }, context, signal);
}
