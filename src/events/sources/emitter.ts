import { randomUUID } from "node:crypto";
import { requiredText } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { commonJs } from "../../base/lazy.ts";
import { loadOptional } from "../../base/optional.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { readBasicAuth, readClientTls } from "./client-tls.ts";
import { bodyValue, refuseMessage, withMetadata } from "./draft.ts";
import { createIntake } from "./intake.ts";
import { commonFields, connectionBackoffField, jsonBodyField } from "./schemas.ts";
import { mqttPlaces, placeRule, requirePlace } from "./server-place.ts";
import type { EventDraft, SourceContext, SourceKind } from "./source.ts";
import { tlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an Emitter channel.",
  required: ["broker", "channelKey", "channelName"],
  properties: {
    broker: { ...requiredText("URI of the broker."), format: "uri" },
    channelKey: requiredText("The channel's key."),
    channelName: requiredText("The channel."),
    username: secretKeyField("The user's name."),
    password: secretKeyField("The user's password."),
    connectionBackoff: connectionBackoffField,
    jsonBody: jsonBodyField,
    tls: tlsField("TLS towards the broker."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

type EmitterSpec = SpecOf<typeof json>;

/** Emitter speaks MQTT; a channel is subscribed to with its key before it (Emitter's documentation, "Subscribe"). */
export const emitterSource: SourceKind<EmitterSpec> = {
  eventType: "emitter",
  singleton: true,
  schema: sourceSchema<EmitterSpec>(json, tlsRule, placeRule("broker", mqttPlaces)),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    const mqtt = commonJs(await loadOptional("mqtt@^5", () => import("mqtt")));
    const { broker, tls, username, password } = spec;
    requirePlace(broker, ["emitter", "broker"], mqttPlaces, context);
    const login = await readBasicAuth(username && password ? { username, password } : undefined, context.secret);
    const client = mqtt.connect(broker.replace(/^tcp:/, "mqtt:").replace(/^(ssl|tls):/, "mqtts:"), {
      ...(login ?? {}),
      ...(tls ? await readClientTls(tls, context.secret) : {}),
      reconnectPeriod: 0, // the runner connects again, and subscribes again
      connectTimeout: 10_000,
      keepalive: 5, // half as much again without an answer ends the connection
    });
    const intake = createIntake(context);
    const ended = Promise.withResolvers<void>();
    let last: Error | undefined;
    client.on("error", (error) => {
      last = error;
    });
    client.on("close", () => ended.reject(last ?? new Error("the connection ended")));
    client.on("message", (topic: string, payload: Buffer) => {
      const draft = draftOf(topic, payload, spec, context);
      if (draft) intake.offer(draft, payload.length);
    });
    const onAbort = (): void => ended.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      client.on("connect", () => {
        client.subscribeAsync(channelOf(spec)).then(() => context.ready(), ended.reject);
      });
      await ended.promise;
    } catch (error) {
      if (!signal.aborted) throw new EngineError("SOURCE_FAILED", `Emitter at ${broker}: ${messageOf(error)}`, error);
    } finally {
      signal.removeEventListener("abort", onAbort);
      await client.endAsync(true);
      await intake.settled();
    }
  },
};

function channelOf({ channelKey, channelName }: EmitterSpec): string {
  return `${channelKey}/${channelName.replace(/^\/+|\/+$/g, "")}/`;
}

/** Undefined, counted and logged, for a body that should be JSON and is not. */
function draftOf(topic: string, payload: Buffer, spec: EmitterSpec, context: SourceContext): EventDraft | undefined {
  try {
    const data = withMetadata({ topic, body: bodyValue(payload, spec) }, spec);
    return { id: randomUUID().replaceAll("-", ""), data };
  } catch {
    refuseMessage(context, { topic }, payload.length);
    return undefined;
  }
}
