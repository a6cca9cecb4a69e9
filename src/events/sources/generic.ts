import { randomUUID } from "node:crypto";
import type { Client, ClientReadableStream, connectivityState } from "@grpc/grpc-js";
import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import { loadOptional } from "../../base/optional.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { bodyValue, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { decodeEvent, encodeEventSource, type GenericEvent } from "./generic-messages.ts";
import { createKeeping } from "./keeping.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { type PlaceForm, placeRule, requirePlace } from "./server-place.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Events that a gRPC server of your own sends (generic.Eventing).",
  required: ["url", "config"],
  properties: {
    url: requiredText("host:port of the server."),
    config: requiredText("Handed to the server as it stands."),
    insecure: flagField("Without TLS."),
    jsonBody: jsonBodyField,
    authSecret: secretKeyField("Token that is sent to the server."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const insecureRule: SourceRule = (event, path) =>
  event.insecure === true
    ? []
    : [warningAt(`${path}.insecure`, "Argo Events cannot connect unless it is true: it has no TLS for this kind")];

type GenericSpec = SpecOf<typeof json>;

/** Those of gRPC's own names. */
const genericPlaces: PlaceForm = { schemes: ["dns", "unix"], isBare: true, example: "host:8080" };

export const genericSource: SourceKind<GenericSpec> = {
  eventType: "generic",
  singleton: true,
  schema: sourceSchema<GenericSpec>(json, insecureRule, placeRule("url", genericPlaces)),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    requirePlace(spec.url, ["generic", "url"], genericPlaces, context);
    const grpc = commonJs(await loadOptional("@grpc/grpc-js@^1", () => import("@grpc/grpc-js")));
    const credentials = spec.insecure ? grpc.credentials.createInsecure() : grpc.credentials.createSsl();
    const metadata = new grpc.Metadata();
    if (spec.authSecret) metadata.set("authorization", `Bearer ${await context.secret.read(spec.authSecret)}`);
    const client = new grpc.Client(spec.url, credentials, { "grpc.keepalive_time_ms": keepaliveMs });
    try {
      await connected(client, grpc.connectivityState, context.clock.now() + connectMs);
      const request = { name: context.event, config: Buffer.from(spec.config) };
      const stream = client.makeServerStreamRequest(method, encodeEventSource, decodeEvent, request, metadata);
      await consume(stream, spec, context, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw new EngineError("SOURCE_FAILED", `gRPC server ${spec.url}: ${messageOf(error)}`, error);
    } finally {
      client.close();
    }
  },
};

/** Of the original's contract: `generic.Eventing`. */
const method = "/generic.Eventing/StartEventSource";
const connectMs = 5_000;
const maxInFlight = 64;
const willingMs = 1_000;
/** Servers in Go end connections that are asked more often than every five minutes. */
const keepaliveMs = 330_000;

/** Also once it is known that there will be no connection: the call that is made then says why. */
async function connected(
  client: Client,
  { READY, TRANSIENT_FAILURE }: typeof connectivityState,
  deadline: number,
): Promise<void> {
  const channel = client.getChannel();
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === READY || state === TRANSIENT_FAILURE) return;
    await new Promise<void>((resolve, reject) => {
      const late = new Error(`no connection within ${connectMs / 1_000} s`);
      channel.watchConnectivityState(state, deadline, (error) => (error ? reject(late) : resolve()));
    });
  }
}

/** Until `signal` aborts, or the server ends the stream, which is a failure. The server waits while the bus is slow. */
async function consume(
  stream: ClientReadableStream<GenericEvent>,
  spec: GenericSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const onAbort = (): void => stream.cancel();
  signal.addEventListener("abort", onAbort, { once: true });
  stream.on("metadata", () => context.ready());
  const ended = new AbortController();
  // Servers in Go say nothing before their first event: one that has not refused by then is taken for willing.
  sleepFor(context.clock, willingMs, ended.signal).then(
    () => context.ready(),
    () => undefined,
  );
  const keeping = createKeeping(maxInFlight);
  try {
    for await (const event of stream as AsyncIterable<GenericEvent>) {
      context.ready();
      const kept = keepPayload(event.payload, spec, context, signal).catch(
        (error: unknown) => void stream.destroy(error instanceof Error ? error : new Error(messageOf(error))),
      );
      await keeping.add(kept);
    }
    throw new Error("the server ended the stream");
  } finally {
    ended.abort();
    signal.removeEventListener("abort", onAbort);
    await keeping.ended();
  }
}

async function keepPayload(
  payload: Buffer,
  spec: GenericSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  let body: JsonValue;
  try {
    body = bodyValue(payload, spec);
  } catch {
    return refuseMessage(context, {}, payload.length);
  }
  // The contract has no ids: this one is ours, for the attempts to emit the event.
  await keepEvent({ id: randomUUID().replaceAll("-", ""), data: withMetadata({ body }, spec) }, context, signal);
}
