import { errorAt, objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { flagField, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { bodyValue, eventId, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { sortedFields } from "./go-map.ts";
import { ensureSubscription, openService, type PubSubService } from "./pub-sub-service.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { httpPlaces, placeRule } from "./server-place.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { has } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of Google Cloud Pub/Sub.",
  properties: {
    projectID: textField("The subscription's project; on Google Cloud its own when not given."),
    topicProjectID: textField("The topic's project; `projectID` when not given."),
    topic: textField("The topic; with it a missing subscription is created."),
    subscriptionID: textField("The subscription; made of the event's name and spec when not given."),
    credentialSecret: secretKeyField("Credentials as JSON; without them, those of the process."),
    deleteSubscriptionOnFinish: flagField("The subscription is removed when the source ends."),
    endpoint: {
      ...textField("Of ours: another server, such as an emulator's; asked without credentials."),
      format: "uri",
    },
    jsonBody: jsonBodyField,
    ...commonFields,
  },
} as const satisfies JsonSchema;

const topicRule: SourceRule = (event, path) => {
  if (has(event, "topic")) return [];
  if (has(event, "topicProjectID")) {
    return [errorAt(`${path}.topicProjectID`, "you can't specify topicProjectID if you don't specify topic")];
  }
  return has(event, "subscriptionID") ? [] : [errorAt(path, "must specify topic or subscriptionID")];
};

type PubSubSpec = SpecOf<typeof json>;

const maxMessages = 100;
/** So long the service waits for our word before it delivers again. */
const ackSeconds = 120;
const pauseMs = 1_000;
const maxFailures = 5;
const leaveMs = 5_000;

export const pubSubSource: SourceKind<PubSubSpec> = {
  eventType: "pubsub",
  singleton: false,
  schema: sourceSchema<PubSubSpec>(json, topicRule, placeRule("endpoint", httpPlaces)),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    const service = await openService(spec, context);
    const { subscription } = service;
    await ensureSubscription(service, signal);
    context.ready();
    try {
      await pullAll(service, { spec, context, signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (!spec.deleteSubscriptionOnFinish) return;
    await service.call("DELETE", subscription, undefined, AbortSignal.timeout(leaveMs)).catch((error: unknown) => {
      context.log.warn("the subscription could not be deleted", { subscription, error });
    });
  },
};

interface Pulling {
  readonly spec: PubSubSpec;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
}

/** A pull that fails is tried again; after some in a row, or one that is refused, the source starts anew, with its secret as it is then. */
async function pullAll({ subscription, call }: PubSubService, pulling: Pulling): Promise<void> {
  const { context, signal } = pulling;
  for (let failures = 0; !signal.aborted; ) {
    try {
      const { received } = await pull(subscription, call, signal);
      failures = 0;
      await keepAll(received, { subscription, call }, pulling);
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      const isRefused = error instanceof EngineError && error.code === "CREDENTIALS_FAILED";
      if (isRefused || failures >= maxFailures) throw error;
      context.log.warn("messages not received, trying again", { error });
      await sleepFor(context.clock, pauseMs, signal);
    }
  }
}

async function pull(subscription: string, call: PubSubService["call"], signal: AbortSignal) {
  const answer = await call("POST", `${subscription}:pull`, { maxMessages }, signal);
  return { received: objectsOf(answer.receivedMessages) };
}

/** Acknowledged once kept, or once it is known that it never can be; what is left at the end is given back at once. */
async function keepAll(
  received: readonly JsonObject[],
  { subscription, call }: Pick<PubSubService, "subscription" | "call">,
  pulling: Pulling,
): Promise<void> {
  if (received.length === 0) return;
  const left = new Set(received.map(({ ackId }) => textOf(ackId)));
  const extend = (ackIds: Iterable<string>, ackDeadlineSeconds: number, signal: AbortSignal) =>
    call("POST", `${subscription}:modifyAckDeadline`, { ackIds: [...ackIds], ackDeadlineSeconds }, signal);
  await extend(left, ackSeconds, pulling.signal);
  const kept: string[] = [];
  const keeping = received.map(async ({ ackId, message }) => {
    await keepOne(objectOf(message), pulling);
    left.delete(textOf(ackId));
    kept.push(textOf(ackId));
  });
  await Promise.allSettled(keeping);
  const last = AbortSignal.timeout(leaveMs);
  if (kept.length > 0) await call("POST", `${subscription}:acknowledge`, { ackIds: kept }, last);
  if (left.size > 0) await extend(left, 0, last);
  await Promise.all(keeping);
}

async function keepOne(message: JsonObject, { spec, context, signal }: Pulling): Promise<void> {
  const bytes = Buffer.from(textOf(message.data), "base64");
  const messageId = textOf(message.messageId);
  let body: JsonValue;
  try {
    body = bodyValue(bytes, spec);
  } catch {
    refuseMessage(context, { messageId }, bytes.length);
    return;
  }
  const attributes = objectOf(message.attributes);
  const data = {
    id: messageId,
    body,
    attributes: Object.keys(attributes).length === 0 ? null : sortedFields(attributes),
    publishTime: goTime(textOf(message.publishTime)),
  };
  await keepEvent({ id: eventId(context, messageId), data: withMetadata(data, spec) }, context, signal);
}

/** `2026-01-01T00:00:00.120Z` as Go prints a time. */
function goTime(text: string): string {
  const [, day, time, fraction = ""] = /^(\S+)T(\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  if (day === undefined) return text;
  const digits = fraction.replace(/0+$/, "");
  return `${day} ${time}${digits === "" ? "" : `.${digits}`} +0000 UTC`;
}
