import type { ConsumerConfig, JetStreamManager, JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { objectOf } from "../../api/fields.ts";
import { requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { natsAuthField, tlsField } from "../../api/value-schemas.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { type JsonValue, parseJson } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { traceContextOf } from "../../record/trace-context.ts";
import { bodyValue, eventId, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { createKeeping } from "./keeping.ts";
import { headersOf, openNats, readHeaders } from "./nats-connection.ts";
import { type RememberedPlace, rememberedPlace } from "./remembered-place.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { natsPlaces, placeRule, requirePlace } from "./server-place.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { tlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of a JetStream stream, by a durable consumer: none is lost. Argo Events does not know it.",
  required: ["url", "stream"],
  properties: {
    url: requiredText("nats://host:port, several with commas."),
    stream: requiredText("The stream; it must be there."),
    subjects: textList("Subjects of the stream that count; * and > stand for others. All when not given."),
    durable: textField("The consumer's name on the server; made of the names of EventSource and event when not given."),
    startAt: {
      type: "string",
      enum: ["new", "first"],
      default: "new",
      description: "Where a consumer begins that is not there yet.",
    },
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the server."),
    auth: natsAuthField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

type JetStreamSpec = SpecOf<typeof json>;

/** Messages under way at once: bounds memory. */
const maxInFlight = 256;
/** A message that is not kept by then is given out again; its id makes that a no-op. */
const ackWaitMs = 30_000;
/** After so long another engine gets what this one had at its end. */
const leaveMs = 200;

export const jetstreamSource: SourceKind<JetStreamSpec> = {
  eventType: "jetstream",
  singleton: false,
  schema: sourceSchema<JetStreamSpec>(json, tlsRule, placeRule("url", natsPlaces)),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    requirePlace(spec.url, ["jetstream", "url"], natsPlaces, context);
    const connection = await openNats(spec, context, { reconnects: false });
    try {
      await consume(connection, spec, context, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw new EngineError("SOURCE_FAILED", `stream "${spec.stream}": ${messageOf(error)}`, error);
    } finally {
      await connection.close();
    }
  },
};

/** Until `signal` aborts, or the connection ends, which is a failure. */
async function consume(
  connection: NatsConnection,
  spec: JetStreamSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const { jetstream, jetstreamManager } = commonJs(await import("@nats-io/jetstream"));
  const place = rememberedPlace(context, [spec.url, spec.stream, durableOf(spec, context)]);
  const created = await ensureConsumer(await jetstreamManager(connection), { spec, place }, context);
  const durable = durableOf(spec, context);
  const consumer = await jetstream(connection).consumers.get(spec.stream, durable);
  const messages = await consumer.consume({ max_messages: maxInFlight });
  const onAbort = (): void => messages.stop();
  signal.addEventListener("abort", onAbort, { once: true });
  const ended = connection.closed().then((error) => {
    throw error ?? new Error("the connection ended");
  });
  ended.catch((error: unknown) => {
    // What is under way is kept first: given out again it has the same id, but half a minute later.
    if (!signal.aborted) context.failing(`stream "${spec.stream}": ${messageOf(error)}`);
    messages.stop();
  });
  context.ready();
  const keeping = createKeeping(maxInFlight);
  /** Given out and not stored: they are stored at once, and not in their order. */
  const open = new Set<number>();
  let last = 0;
  const passed = (): string =>
    JSON.stringify({ created, sequence: Math.min(last, ...[...open].map((one) => one - 1)) });
  let failure: unknown;
  try {
    for await (const message of messages) {
      open.add(message.seq);
      const kept = keepMessage(message, spec, context, signal)
        .then((isDone) => {
          if (!isDone) return undefined;
          open.delete(message.seq);
          last = Math.max(last, message.seq);
          return place.note(passed);
        })
        .catch((error: unknown) => {
          failure ??= error;
          messages.stop();
        });
      await keeping.add(kept);
    }
    await keeping.ended();
    await place.flush();
    if (!signal.aborted && connection.isClosed()) await ended;
    if (!signal.aborted) throw failure ?? new Error("the consumer ended");
    await connection.flush(); // the last acknowledgements
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function durableOf({ durable }: JetStreamSpec, { namespace, eventSource, event }: SourceContext): string {
  return durable || `tiphys-${namespace}-${eventSource}-${event}`.replace(/[^\w-]/g, "_");
}

interface Consuming {
  readonly spec: JetStreamSpec;
  readonly place: RememberedPlace;
}

/** Makes the durable consumer, or gives it the subjects that the spec says now. When the stream was made. */
async function ensureConsumer(
  manager: JetStreamManager,
  { spec, place }: Consuming,
  context: SourceContext,
): Promise<string> {
  const durable = durableOf(spec, context);
  const { created, last } = await streamOf(manager, { spec, place });
  const known = await manager.consumers.info(spec.stream, durable).catch(() => undefined);
  if (known) {
    const { filter_subject: _one, filter_subjects: _several, ...others } = known.config;
    await manager.consumers.update(spec.stream, durable, { ...others, ...filterOf(spec.subjects ?? []) });
    return created;
  }
  const before = await place.read();
  if (before !== undefined) context.log.warn("the consumer was gone: reading on", { stream: spec.stream, durable });
  await manager.consumers.add(spec.stream, {
    durable_name: durable,
    ack_policy: "explicit",
    ack_wait: ackWaitMs * 1_000_000,
    max_ack_pending: 4 * maxInFlight,
    ...(before === undefined ? beginOf(spec) : goOn(before, created)),
    ...filterOf(spec.subjects ?? []),
  });
  if (before === undefined) await place.keep(JSON.stringify({ created, sequence: last }));
  return created;
}

/** When it was made, and its last message; empty and 0 where it may not be asked for. */
async function streamOf(
  manager: JetStreamManager,
  { spec, place }: Consuming,
): Promise<{ readonly created: string; readonly last: number }> {
  try {
    const { created, state } = await manager.streams.info(spec.stream);
    return { created, last: state.last_seq };
  } catch (error) {
    if (messageOf(error) !== "stream not found") return { created: "", last: 0 };
    // What a stream has that was looked for before it was there came since.
    if ((await place.read()) === undefined) await place.keep(JSON.stringify({}));
    throw error;
  }
}

function beginOf({ startAt }: JetStreamSpec): Partial<ConsumerConfig> {
  return { deliver_policy: startAt === "first" ? "all" : "new" };
}

/** Behind what was read of the stream; all of one that was made anew. */
function goOn(before: string, created: string): Partial<ConsumerConfig> {
  const place = objectOf(parseJson(before));
  if (place.created !== created) return { deliver_policy: "all" };
  return { deliver_policy: "by_start_sequence", opt_start_seq: Number(place.sequence) + 1 };
}

/** Several subjects need a server of 2.10. */
function filterOf([first, ...others]: readonly string[]): Partial<ConsumerConfig> {
  if (first === undefined) return {};
  return others.length === 0 ? { filter_subject: first } : { filter_subjects: [first, ...others] };
}

/** False: it is given out again. */
async function keepMessage(
  message: JsMsg,
  spec: JetStreamSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<boolean> {
  const bytes = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length);
  const { subject, seq: sequence, timestampNanos } = message;
  let body: JsonValue;
  try {
    body = bodyValue(bytes, spec);
  } catch {
    refuseMessage(context, { subject, sequence }, bytes.length);
    message.term("it is not JSON");
    return true;
  }
  const headers = readHeaders(message, context);
  const header = headersOf(headers);
  const data = withMetadata({ subject, stream: spec.stream, sequence, body, ...(header && { header }) }, spec);
  try {
    // A stream that is made anew counts from one again.
    const id = eventId(context, `${spec.stream}/${sequence}/${timestampNanos}`);
    const trace = traceContextOf(headers?.get("traceparent"), headers?.get("tracestate"));
    await keepEvent({ id, data, trace }, context, signal);
    message.ack();
    return true;
  } catch (error) {
    message.nak(leaveMs); // before that the server would give it to this consumer, which is gone
    if (!signal.aborted) throw error;
    return false;
  }
}
