import { createHash, randomUUID } from "node:crypto";
import { requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { readClientTls } from "./client-tls.ts";
import { eventId, withMetadata } from "./draft.ts";
import { parseGoQuery } from "./go-query.ts";
import { type HookResult, serveHook } from "./hook.ts";
import { callApi, type Hooks, hookUrl, keepHooks } from "./hook-keeper.ts";
import { readJson, refuse } from "./hook-request.ts";
import { keyFilterSchema, metadataSchema } from "./schemas.ts";
import type { IngressRequest, SourceContext, SourceKind } from "./source.ts";
import { lateTlsRule, ownFilterRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";
import { webhookContextRule, webhookContextSchema } from "./webhook-context.ts";

const json = {
  type: "object",
  description: "Changes of objects in a NetApp StorageGRID bucket.",
  required: ["webhook", "events", "topicArn", "bucket", "authToken", "apiURL"],
  properties: {
    webhook: webhookContextSchema,
    events: textList("Such as ObjectCreated:Put."),
    filter: keyFilterSchema,
    topicArn: requiredText("ARN of the endpoint."),
    bucket: requiredText("The bucket."),
    region: { ...textField("Has no effect."), default: "us-east-1" },
    authToken: secretKeyField("Token for the API."),
    apiURL: { ...requiredText("URL of the API."), format: "uri" },
    tls: tlsField("TLS towards the API."),
    metadata: metadataSchema,
  },
} as const satisfies JsonSchema;

type StorageGridSpec = SpecOf<typeof json>;

/** The original answers before it publishes; here the grid sends again what was not kept. */
export const storageGridSource: SourceKind<StorageGridSpec> = {
  eventType: "storagegrid",
  singleton: false,
  http: true,
  schema: sourceSchema<StorageGridSpec>(json, webhookContextRule, ownFilterRule, lateTlsRule),
  async run(spec, context, signal) {
    const hooks = storageGridHooks(spec, context);
    await Promise.all([
      serveHook(spec.webhook, context, (request) => take(spec, request, context), signal),
      hooks && keepHooks(hooks, context, signal),
    ]);
  },
};

/** The grid asks with HEAD whether somebody is there. */
function take(spec: StorageGridSpec, request: IngressRequest, context: SourceContext): HookResult {
  if (request.method === "HEAD") return { drafts: [], answer: { status: 200, text: "" } };
  const notification = readNotification(request.body.toString("utf8"));
  if (notification === undefined) return refuse(400, "failed to parse request body: it must be a notification");
  const answer = { status: 200, text: published(), headers: { "content-type": "text/plain" } };
  if (!isWanted(notification, spec)) return { drafts: [], answer };
  const id = eventId(context, createHash("sha256").update(request.body).digest("hex"));
  return { drafts: [{ id, data: withMetadata({ notification: shapeOf(notification) }, spec) }], answer };
}

/** A form, as services of AWS are called; `Message` is JSON. Undefined for what is none. */
function readNotification(text: string): JsonObject | undefined {
  const { values } = parseGoQuery(text);
  const field = (name: string): string => values[name]?.[0] ?? "";
  const message = readJson(field("Message"));
  if (!isJsonObject(message) || recordsOf(message).length === 0) return undefined;
  return { Action: field("Action"), Message: message, TopicArn: field("TopicArn"), Version: field("Version") };
}

function recordsOf(message: JsonValue | undefined): readonly JsonObject[] {
  const records = isJsonObject(message) ? message.Records : undefined;
  return Array.isArray(records) ? records.filter(isJsonObject) : [];
}

/** As the original, which looks at the first object only. */
function isWanted({ Message }: JsonObject, { filter: { prefix = "", suffix = "" } = {} }: StorageGridSpec): boolean {
  const key = textAt(recordsOf(Message)[0], "s3", "object", "key");
  return key.startsWith(prefix) && key.endsWith(suffix);
}

function valueAt(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((at, key) => (isJsonObject(at) ? at[key] : undefined), value);
}

function textAt(value: JsonValue | undefined, ...path: readonly string[]): string {
  const found = valueAt(value, path);
  return typeof found === "string" ? found : "";
}

/** The fields that the original's types know, in their order, as Go writes them when they are missing. */
function shapeOf({ Action, Message, TopicArn, Version }: JsonObject): JsonObject {
  return {
    Action: Action ?? "",
    Message: { Records: recordsOf(Message).map(recordOf) },
    TopicArn: TopicArn ?? "",
    Version: Version ?? "",
  };
}

function recordOf(record: JsonObject): JsonObject {
  const text = (...path: string[]): string => textAt(record, ...path);
  const size = valueAt(record, ["s3", "object", "size"]);
  return {
    eventVersion: text("eventVersion"),
    eventSource: text("eventSource"),
    eventTime: text("eventTime") || "0001-01-01T00:00:00Z",
    eventName: text("eventName"),
    userIdentity: { principalId: text("userIdentity", "principalId") },
    requestParameters: { sourceIPAddress: text("requestParameters", "sourceIPAddress") },
    responseElements: { "x-amz-request-id": text("responseElements", "x-amz-request-id") },
    s3: {
      s3SchemaVersion: text("s3", "s3SchemaVersion"),
      configurationId: text("s3", "configurationId"),
      bucket: {
        name: text("s3", "bucket", "name"),
        ownerIdentity: { principalId: text("s3", "bucket", "ownerIdentity", "principalId") },
        arn: text("s3", "bucket", "arn"),
      },
      object: {
        key: text("s3", "object", "key"),
        size: typeof size === "number" || typeof size === "bigint" ? size : 0,
        eTag: text("s3", "object", "eTag"),
        sequencer: text("s3", "object", "sequencer"),
      },
    },
  };
}

/** What a service of AWS answers to a message. */
function published(): string {
  const [message, request] = [randomUUID(), randomUUID()];
  return (
    `<PublishResponse xmlns="http://argoevents-sns-server/"><PublishResult><MessageId>${message}</MessageId></PublishResult>` +
    `<ResponseMetadata><RequestId>${request}</RequestId></ResponseMetadata></PublishResponse>\n`
  );
}

/** An endpoint of the tenant, and the bucket's notifications, which lead to it. */
function storageGridHooks(spec: StorageGridSpec, context: SourceContext): Hooks | undefined {
  const url = hookUrl(spec.webhook);
  if (url === undefined) return undefined;
  const base = spec.apiURL.replace(/\/$/, "");
  let isNotifying = false;

  async function call(method: string, path: string, body: JsonObject | undefined, signal: AbortSignal) {
    const token = await context.secret.read(spec.authToken);
    if (!URL.canParse(base)) throw new EngineError("HTTP_FAILED", `apiURL: "${base.slice(0, 80)}" must be a URL`);
    const request = {
      method,
      url: base + path,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
      ...(spec.tls && { tls: await readClientTls(spec.tls, context.secret) }),
    };
    return callApi(request, context, signal);
  }

  async function ensureEndpoint(signal: AbortSignal): Promise<void> {
    const answer = parseJson((await call("GET", "/org/endpoints", undefined, signal)).text);
    const endpoints = isJsonObject(answer) && Array.isArray(answer.data) ? answer.data.filter(isJsonObject) : [];
    if (endpoints.some(({ endpointURN }) => endpointURN === spec.topicArn)) return;
    const endpoint = {
      displayName: context.event,
      endpointURI: url ?? "",
      endpointURN: spec.topicArn,
      authType: "anonymous",
      insecureTLS: true,
    };
    await call("POST", "/org/endpoints", endpoint, signal);
    context.log.info("endpoint registered at StorageGRID");
  }

  return {
    async reconcile(signal) {
      await ensureEndpoint(signal);
      if (isNotifying) return;
      const notification = notificationOf(spec, context.event);
      await call("PUT", `/org/containers/${encodeURIComponent(spec.bucket)}/notification`, { notification }, signal);
      isNotifying = true;
    },
  };
}

function notificationOf({ topicArn, events }: StorageGridSpec, event: string): string {
  const wanted = events.map((one) => `<Event>${escaped(one)}</Event>`).join("");
  const topic = `<Id>${escaped(event)}</Id><Topic>${escaped(topicArn)}</Topic>${wanted}`;
  return `<NotificationConfiguration><TopicConfiguration>${topic}</TopicConfiguration></NotificationConfiguration>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
