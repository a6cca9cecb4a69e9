import { randomUUID } from "node:crypto";
import { errorAt } from "../../api/fields.ts";
import { requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { refuseMessage, withMetadata } from "./draft.ts";
import { readJson } from "./hook-request.ts";
import { createIntake } from "./intake.ts";
import { withRedis } from "./redis-connection.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { placeRule, redisPlaces, requirePlace } from "./server-place.ts";
import type { EventDraft, SourceContext, SourceKind } from "./source.ts";
import { has, tlsRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of Redis channels (what is sent while nobody listens is gone).",
  required: ["hostAddress", "channels"],
  properties: {
    hostAddress: requiredText("host:port of the server."),
    password: secretKeyField("The password; needs `namespace`."),
    username: textField("The user's name, as it stands."),
    namespace: textField("Needed with `password`; its Secret is that of this namespace all the same."),
    db: { type: "integer", format: "int32", default: 0, description: "Number of the database." },
    channels: textList("The channels; patterns are not known."),
    tls: tlsField("TLS towards the server."),
    jsonBody: jsonBodyField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

const passwordRule: SourceRule = (event, path) =>
  event.password === undefined || has(event, "namespace")
    ? []
    : [errorAt(`${path}.namespace`, "namespace must be defined in order to retrieve the password from the secret")];

type RedisSpec = SpecOf<typeof json>;

/** Nothing comes by itself from a server that is dead. */
const pingMs = 2_000;

export const redisSource: SourceKind<RedisSpec> = {
  eventType: "redis",
  singleton: true,
  schema: sourceSchema<RedisSpec>(json, passwordRule, tlsRule, placeRule("hostAddress", redisPlaces)),
  async run(spec, context, signal) {
    requirePlace(spec.hostAddress, ["redis", "hostAddress"], redisPlaces, context);
    await withRedis(spec, context, signal, async (redis, stop) => {
      const intake = createIntake(context);
      redis.on("message", (channel: string, text: string) => {
        const draft = draftOf(spec, channel, text, context);
        if (draft) intake.offer(draft, text.length);
      });
      await redis.subscribe(...spec.channels);
      context.ready();
      const pings = setInterval(() => void redis.ping().catch(() => undefined), pingMs);
      redis.once("end", () => clearInterval(pings));
      await stop;
      await intake.settled();
    });
  },
};

/** Undefined, counted and logged, for a text that should be JSON and is not. */
function draftOf(spec: RedisSpec, channel: string, text: string, context: SourceContext): EventDraft | undefined {
  const body = spec.jsonBody ? readJson(text) : text;
  if (body === undefined) {
    refuseMessage(context, { channel }, text.length);
    return undefined;
  }
  // Redis has no ids: one of our own makes the attempts to emit this message one event. Patterns are not subscribed to.
  return { id: randomUUID().replaceAll("-", ""), data: withMetadata({ channel, pattern: "", body }, spec) };
}
