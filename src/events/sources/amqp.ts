import { randomUUID } from "node:crypto";
import type { Channel, ChannelModel, ConsumeMessage } from "amqplib";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { timeText } from "../../base/go/time-format.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import { loadOptional } from "../../base/optional.ts";
import { traceContextOf } from "../../record/trace-context.ts";
import { type AmqpSpec, amqpSchema, readArguments } from "./amqp-spec.ts";
import { readBasicAuth, readClientTls } from "./client-tls.ts";
import { bodyValue, eventId, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { amqpPlaces, requirePlace } from "./server-place.ts";
import type { SourceContext, SourceKind } from "./source.ts";

/** Messages that the server gives before it waits for acknowledgements: bounds memory. */
const prefetch = 256;
const connectTimeoutMs = 10_000;
/** Three that are missed end the connection. */
const heartbeatSeconds = 4;

export const amqpSource: SourceKind<AmqpSpec> = {
  eventType: "amqp",
  singleton: true,
  schema: amqpSchema,
  async run(spec, context, signal) {
    if (signal.aborted) return;
    const url = await readUrl(spec, context);
    try {
      const connection = await connect(spec, url, context);
      try {
        await consume(connection, spec, context, signal);
      } finally {
        await connection.close().catch(() => undefined); // it has ended already
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof EngineError) throw error;
      throw new EngineError("SOURCE_FAILED", `AMQP server ${url.host}: ${messageOf(error)}`, error);
    }
  },
};

async function readUrl({ url = "", urlSecret }: AmqpSpec, context: SourceContext): Promise<URL> {
  if (urlSecret) {
    const text = (await context.secret.read(urlSecret)).trim();
    if (/^amqps?:/.test(text) && URL.canParse(text)) return new URL(text);
    // Not with its text: it may hold a password. And not for good: the Secret may be mended.
    const expected = `must be a URL such as amqp://host:5672`;
    throw new EngineError("SOURCE_FAILED", `spec.amqp.${context.event}.urlSecret: the Secret's value ${expected}`);
  }
  requirePlace(url, ["amqp", "url"], amqpPlaces, context);
  if (URL.canParse(url)) return new URL(url);
  throw new TerminalError("MANIFEST_INVALID", `spec.amqp.${context.event}.url: must be a URL such as amqp://host:5672`);
}

async function connect(spec: AmqpSpec, given: URL, { secret, eventSource, event }: SourceContext) {
  const amqp = commonJs(await loadOptional("amqplib@^2", () => import("amqplib")));
  const login = await readBasicAuth(spec.auth, secret);
  const url = new URL(given);
  if (!url.searchParams.has("heartbeat")) url.searchParams.set("heartbeat", String(heartbeatSeconds));
  return amqp.connect(url.href, {
    timeout: connectTimeoutMs,
    keepAlive: true,
    ...(login && { credentials: amqp.credentials.plain(login.username, login.password) }),
    ...(spec.tls && { ...(await readClientTls(spec.tls, secret)) }),
    clientProperties: { connection_name: `tiphys ${eventSource}/${event}` },
  });
}

/** Until `signal` aborts, or the channel ends, which is a failure. */
async function consume(
  connection: ChannelModel,
  spec: AmqpSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => undefined); // before anybody waits for it
  const onAbort = (): void => ended.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  // What is not kept by then comes again on the next connection: here it must not go on trying.
  const gone = new AbortController();
  const keepingSignal = AbortSignal.any([signal, gone.signal]);
  const fail = (error?: unknown): void => {
    gone.abort();
    ended.reject(error ?? new Error("the channel ended"));
  };
  const keeping = new Set<Promise<void>>();
  connection.on("error", fail);
  connection.on("close", fail);
  try {
    const channel = await connection.createChannel();
    channel.on("error", fail);
    channel.on("close", fail);
    await channel.prefetch(prefetch);
    const queue = await declare(channel, spec);
    const { consumerTag } = await channel.consume(
      queue,
      (message) => {
        if (message === null) return fail(new Error(`queue "${queue}" was deleted`));
        const kept = take(channel, message, spec, context, keepingSignal)
          .catch(fail)
          .finally(() => keeping.delete(kept));
        keeping.add(kept);
      },
      consumeOptions(spec),
    );
    context.ready();
    await ended.promise;
    await channel.cancel(consumerTag);
  } finally {
    signal.removeEventListener("abort", onAbort);
    await Promise.all(keeping);
  }
}

/** Exchange, queue and binding, as the spec says. The default exchange is there, and has every queue. */
async function declare(channel: Channel, spec: AmqpSpec): Promise<string> {
  const { exchangeName = "", exchangeType, exchangeDeclare, queueDeclare, routingKey } = spec;
  if (exchangeName !== "") {
    const { durable, autoDelete, internal } = exchangeDeclare;
    await channel.assertExchange(exchangeName, exchangeType, { durable, autoDelete, internal });
  }
  const { name = "", durable, autoDelete, exclusive, arguments: text = "" } = queueDeclare;
  const own = name === "" && exchangeName === "" ? routingKey : name;
  const { queue } = await channel.assertQueue(own, { durable, autoDelete, exclusive, arguments: readArguments(text) });
  if (exchangeName !== "") await channel.bindQueue(queue, exchangeName, routingKey);
  return queue;
}

/** Always with acknowledgements: with `autoAck`, the default, the original loses what it has when it ends. */
function consumeOptions({ consume: { consumerTag, exclusive, noLocal } }: AmqpSpec) {
  return { ...(consumerTag && { consumerTag }), exclusive, noLocal, noAck: false };
}

async function take(
  channel: Channel,
  message: ConsumeMessage,
  spec: AmqpSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  let body: JsonValue;
  try {
    body = bodyValue(message.content, spec);
  } catch {
    refuseMessage(context, { exchange: message.fields.exchange }, message.content.length);
    channel.nack(message, false, false); // to the queue's dead letters, where it has them
    return;
  }
  const { messageId, headers } = message.properties;
  const id = messageId ? eventId(context, String(messageId)) : randomUUID().replaceAll("-", "");
  try {
    const trace = traceContextOf(headers?.traceparent, headers?.tracestate);
    await keepEvent({ id, data: withMetadata(dataOf(message, body), spec), trace }, context, signal);
  } catch (error) {
    if (signal.aborted) return; // it comes again
    throw error;
  }
  channel.ack(message);
}

const utc = { name: "UTC", offsetSeconds: 0 };

function dataOf({ fields, properties }: ConsumeMessage, body: JsonValue): JsonObject {
  const text = (value: unknown): string => (value === undefined ? "" : String(value));
  return {
    contentType: text(properties.contentType),
    contentEncoding: text(properties.contentEncoding),
    deliveryMode: Number(properties.deliveryMode ?? 0),
    priority: Number(properties.priority ?? 0),
    correlationId: text(properties.correlationId),
    replyTo: text(properties.replyTo),
    expiration: text(properties.expiration),
    messageId: text(properties.messageId),
    timestamp: timestampOf(properties.timestamp),
    type: text(properties.type),
    appId: text(properties.appId),
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    body,
  };
}

/** AMQP's are of whole seconds, 64 bits that Go takes for a number with a sign; Go's zero time when there is none. */
export function timestampOf(seconds: unknown): string {
  if (typeof seconds !== "number") return "0001-01-01 00:00:00 +0000 UTC";
  return timeText({ seconds: seconds < 2 ** 63 ? seconds : seconds - 2 ** 64, nanoseconds: 0, zone: utc });
}
