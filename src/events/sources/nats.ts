import { randomUUID } from "node:crypto";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { errorAt, objectOf, warningAt } from "../../api/fields.ts";
import { requiredText, textField } from "../../api/shared-schemas.ts";
import { checkBasicAuth } from "../../api/value-rules.ts";
import { natsAuthField, tlsField } from "../../api/value-schemas.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { traceContextOf } from "../../record/trace-context.ts";
import { bodyValue, eventId, refuseMessage, withMetadata } from "./draft.ts";
import { createIntake } from "./intake.ts";
import { headersOf, openNats, readHeaders } from "./nats-connection.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { natsPlaces, placeRule, requirePlace } from "./server-place.ts";
import type { EventDraft, SourceContext, SourceKind } from "./source.ts";
import { tlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of a NATS subject (core NATS: what is sent while nobody listens is gone).",
  required: ["url", "subject"],
  properties: {
    url: requiredText("nats://host:port, several with commas."),
    subject: requiredText("The subject; * and > stand for others."),
    // The original takes an empty one where there is `tls`: queueRule.
    queue: textField("Members of a queue group share the messages."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the server."),
    auth: natsAuthField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

export type NatsSpec = SpecOf<typeof json>;

const queueRule: SourceRule = (event, path) => {
  if (event.queue !== "") return [];
  const problem = event.tls === undefined ? errorAt : warningAt;
  return [problem(`${path}.queue`, "queue group cannot be empty if specified")];
};

const authRule: SourceRule = (event, path) => {
  const auth = objectOf(event.auth);
  const [first, ...others] = ["basic", "token", "nkey", "credential"].filter((way) => auth[way] !== undefined);
  return [
    ...checkBasicAuth(auth.basic, `${path}.auth.basic`, "warning"),
    ...others.map((way) => warningAt(`${path}.auth.${way}`, `has no effect beside ${first}`)),
  ];
};

export const natsSource: SourceKind<NatsSpec> = {
  eventType: "nats",
  singleton: true,
  schema: sourceSchema<NatsSpec>(json, tlsRule, queueRule, authRule, placeRule("url", natsPlaces)),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    requirePlace(spec.url, ["nats", "url"], natsPlaces, context);
    const connection = await openNats(spec, context, { reconnects: true });
    const stop = (): void => void end(connection).catch((error: unknown) => context.log.warn("not closed", { error }));
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await listen(spec, connection, context, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      await connection.close();
    }
  },
};

/** Takes in what is on its way. That needs the server, so it is not waited for long. */
async function end(connection: NatsConnection): Promise<void> {
  const deadline = setTimeout(() => void connection.close().catch(() => undefined), 2_000);
  try {
    await connection.drain();
  } catch {
    await connection.close();
  } finally {
    clearTimeout(deadline);
  }
}

/** Until `signal` aborts, or the connection ends for good, which is a failure. */
async function listen(
  spec: NatsSpec,
  connection: NatsConnection,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const intake = createIntake(context);
  const failure = Promise.withResolvers<never>();
  connection.subscribe(spec.subject, {
    ...(spec.queue && { queue: spec.queue }),
    callback(error, message) {
      if (error) {
        failure.reject(new EngineError("SOURCE_FAILED", `subject "${spec.subject}": ${error.message}`, error));
        return;
      }
      const draft = draftOf(spec, message, context);
      if (draft) intake.offer(draft, message.data.length);
    },
  });
  await Promise.race([connection.flush(), failure.promise]);
  context.ready();
  tellOutages(connection, context).catch(failure.reject);
  const closed = await Promise.race([connection.closed(), failure.promise]);
  await intake.settled();
  if (signal.aborted) return;
  throw new EngineError("SOURCE_FAILED", `the NATS connection ended: ${messageOf(closed ?? "closed")}`, closed);
}

/** The client connects again by itself, and subscribes again. */
async function tellOutages(connection: NatsConnection, context: SourceContext): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") context.failing(`the connection to NATS at ${status.server} is lost`);
    if (status.type === "reconnect") context.ready();
  }
}

/** Undefined, counted and logged, for a body that should be JSON and is not. */
function draftOf(spec: NatsSpec, message: Msg, context: SourceContext): EventDraft | undefined {
  const bytes = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length);
  let body: JsonValue;
  try {
    body = bodyValue(bytes, spec);
  } catch {
    refuseMessage(context, { subject: message.subject }, bytes.length);
    return undefined;
  }
  const headers = readHeaders(message, context);
  const header = headersOf(headers);
  const own = headers?.get("Nats-Msg-Id");
  return {
    // Most publishers of core NATS give no id: one of our own makes the attempts to emit this message one event.
    id: own ? eventId(context, `${message.subject}/${own}`) : randomUUID().replaceAll("-", ""),
    data: withMetadata({ subject: message.subject, body, ...(header && { header }) }, spec),
    trace: traceContextOf(headers?.get("traceparent"), headers?.get("tracestate")),
  };
}
