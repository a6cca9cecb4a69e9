import type { Consumer, ConsumerOptions, Message } from "@platformatic/kafka";
import { instant, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { goTimeString } from "../../base/go/time.ts";
import { type JsonValue, setOwn } from "../../base/json.ts";
import { memoize } from "../../base/memo.ts";
import { loadOptional } from "../../base/optional.ts";
import { findTimeZone } from "../../base/time-zone.ts";
import { traceContextOf } from "../../record/trace-context.ts";
import { readClientTls } from "./client-tls.ts";
import { bodyValue, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { sortedFields } from "./go-map.ts";
import { kafkaLogin } from "./kafka-access.ts";
import { createCommits } from "./kafka-commits.ts";
import { openPositions } from "./kafka-positions.ts";
import { type KafkaSpec, kafkaPlaces, kafkaSchema } from "./kafka-spec.ts";
import { createKeeping } from "./keeping.ts";
import { createSchemaRegistry } from "./schema-registry.ts";
import { requirePlace } from "./server-place.ts";
import type { EventDraft, SourceContext, SourceKind } from "./source.ts";

type KafkaConsumer = Consumer<Buffer, Buffer, Buffer, Buffer>;
type KafkaMessage = Message<Buffer, Buffer, Buffer, Buffer>;

/** Messages read ahead; with those being kept it bounds memory. */
const readAhead = 1_024;
const maxInFlight = 256;

export const kafkaSource: SourceKind<KafkaSpec> = {
  eventType: "kafka",
  singleton: true,
  schema: kafkaSchema,
  async run(spec, context, signal) {
    requirePlace(spec.url, ["kafka", "url"], kafkaPlaces, context);
    const readBody = bodyReader(spec, context, signal);
    const sasl = await kafkaLogin(spec, context, signal);
    if (signal.aborted) return;
    const { Consumer } = await loadOptional("@platformatic/kafka@^2", () => import("@platformatic/kafka"));
    const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>(await optionsOf(spec, context, sasl));
    try {
      await consume(consumer, spec, readBody, context, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw new EngineError("SOURCE_FAILED", `Kafka at ${spec.url}: ${reasonOf(error)}`, error);
    } finally {
      await consumer.close(true).catch((error: unknown) => context.log.debug("consumer not closed", { error }));
    }
  },
};

async function optionsOf(
  spec: KafkaSpec,
  context: SourceContext,
  sasl: ConsumerOptions<Buffer, Buffer, Buffer, Buffer>["sasl"],
): Promise<ConsumerOptions<Buffer, Buffer, Buffer, Buffer>> {
  const { secret, namespace, eventSource, event } = context;
  return {
    clientId: `tiphys-${eventSource}-${event}`,
    groupId: spec.consumerGroup?.groupName || `tiphys.${namespace}.${eventSource}.${event}`,
    bootstrapBrokers: spec.url.split(",").map((broker) => broker.trim()),
    connectTimeout: 5_000,
    requestTimeout: 30_000,
    retries: 1, // of each of the steps of a step of a step: the runner tries for ever
    retryDelay: 250,
    autocommit: false,
    sessionTimeout: 10_000, // as sarama: so long the partitions of one that is gone wait for it
    heartbeatInterval: 2_000,
    heartbeatStallTimeout: 2_500,
    maxWaitTime: 500,
    // The name alone counts: members of a group have to agree on one, also with what reads it beside us.
    protocols: [{ name: strategyOf(spec.consumerGroup?.rebalanceStrategy), version: 1 }],
    highWaterMark: readAhead,
    ...((spec.tls ?? spec.awsMskIamAuth) && { tls: spec.tls ? { ...(await readClientTls(spec.tls, secret)) } : {} }),
    ...(sasl && { sasl }),
  };
}

/** Unknown ones are `range`, as in the original. */
function strategyOf(asked: string | undefined): string {
  return asked === "sticky" || asked === "roundrobin" ? asked : "range";
}

/** Until `signal` aborts, or the stream ends, which is a failure. Offsets are committed up to the last one kept. */
async function consume(
  consumer: KafkaConsumer,
  spec: KafkaSpec,
  readBody: ReadBody,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const stream = await consumer.consume({ topics: [spec.topic], mode: "committed", fallbackMode: "earliest" });
  const onAbort = (): void => void stream.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  const commits = createCommits((offsets) => consumer.commit({ offsets: [...offsets] }), context);
  const pace = createPace(spec, context, signal);
  const only = spec.consumerGroup ? undefined : Number(spec.partition);
  const keeping = createKeeping(maxInFlight);
  let failure: unknown;
  try {
    const positions = await openPositions(consumer, stream, spec, context, signal);
    context.ready();
    tellStalls(consumer, spec, context);
    for await (const message of stream) {
      positions.passed(message);
      const done = commits.begin(message);
      if (only !== undefined && message.partition !== only) {
        done(); // the client has no way to be given one partition
        continue;
      }
      await pace(message.partition);
      const draft = await draftOf(message, spec, context, { readBody, mark: positions.mark });
      const kept = (draft ? keepEvent(draft, context, signal) : Promise.resolve())
        .then(done)
        .catch((error: unknown) => {
          failure ??= error;
          stream.destroy(error instanceof Error ? error : undefined);
        });
      await keeping.add(kept);
    }
    if (!signal.aborted) throw failure ?? new Error("the stream of messages ended");
  } finally {
    signal.removeEventListener("abort", onAbort);
    await keeping.ended();
    await commits.close();
  }
}

/** A broker that takes connections and does not answer: its requests end, and are made again, after half a minute only. */
function tellStalls(consumer: KafkaConsumer, { url }: KafkaSpec, context: SourceContext): void {
  let isStalled = false;
  consumer.on("consumer:heartbeat:stalled", () => {
    isStalled = true;
    context.failing(`Kafka at ${url} does not answer`);
  });
  consumer.on("consumer:heartbeat:end", () => {
    if (isStalled) context.ready();
    isStalled = false;
  });
}

/** `limitEventsPerSecond` counts for each partition. */
function createPace({ limitEventsPerSecond = 0 }: KafkaSpec, { clock }: SourceContext, signal: AbortSignal) {
  const next = new Map<number, number>();
  return async (partition: number): Promise<void> => {
    if (limitEventsPerSecond <= 0) return;
    const now = clock.monotonicMs();
    const at = Math.max(now, next.get(partition) ?? 0);
    next.set(partition, at + 1_000 / limitEventsPerSecond);
    if (at > now) await sleepFor(clock, at - now, signal);
  };
}

type ReadBody = (value: Buffer) => JsonValue | Promise<JsonValue>;

/** A registry counts for JSON alone, as in the original. */
function bodyReader(spec: KafkaSpec, context: SourceContext, signal: AbortSignal): ReadBody {
  if (!spec.schemaRegistry || !spec.jsonBody) return (value) => bodyValue(value, spec);
  const registry = createSchemaRegistry(spec.schemaRegistry, spec.tls, context, signal);
  return (value) => registry.read(value);
}

const utc = findTimeZone("UTC", "");
/** Messages of one batch often have one time. */
const timeText = memoize((ms: string) => goTimeString(instant(Number(ms)), utc), 100);
/** Go's zero time, for a message that has none. */
const noTime = "0001-01-01 00:00:00 +0000 UTC";

interface Reading {
  readonly readBody: ReadBody;
  /** At the end of ids, which are the original's but for that. */
  readonly mark: string;
}

/**
 * Undefined, counted and logged, for a body that cannot be read.
 * @throws EngineError where a later attempt may read it
 */
async function draftOf(
  message: KafkaMessage,
  spec: KafkaSpec,
  context: SourceContext,
  { readBody, mark }: Reading,
): Promise<EventDraft | undefined> {
  const { topic, partition, offset, key, value } = message;
  let body: JsonValue;
  try {
    body = value ? await readBody(value) : null; // a tombstone
  } catch (error) {
    const place = { topic, partition, offset: String(offset) };
    const bytes = value?.length ?? 0;
    if (error instanceof SyntaxError) refuseMessage(context, place, bytes);
    else if (error instanceof EngineError && error.code === "AVRO_FAILED") {
      refuseMessage(context, { ...place, error }, bytes, "message does not fit its schema");
    } else throw error;
    return undefined;
  }
  const [broker = ""] = spec.url.split(",");
  const headers: Record<string, string> = {};
  for (const [name, text] of message.headers) setOwn(headers, String(name), String(text ?? ""));
  const timestamp = message.timestamp < 0n ? noTime : timeText(String(message.timestamp));
  return {
    id: `${context.eventSource}:${context.event}:${broker}:${topic}:${partition}:${offset}${mark}`,
    data: withMetadata(
      { topic, key: key?.toString() ?? "", partition, body, timestamp, headers: sortedFields(headers) },
      spec,
    ),
    trace: traceContextOf(headers.traceparent, headers.tracestate),
  };
}

/** The innermost reasons: the client's own message says only that it could not connect. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return `${messageOf(error)} (${[...new Set(error.errors.map(reasonOf))].join("; ")})`;
  }
  return error instanceof Error && error.cause ? `${messageOf(error)} (${reasonOf(error.cause)})` : messageOf(error);
}
