import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { sleepFor } from "../../base/clock.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { createAwsCall } from "./aws.ts";
import { bodyValue, eventId, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { sortedFields } from "./go-map.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import { httpPlaces, placeRule, requirePlace } from "./server-place.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { awsKeysRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an AWS SQS queue.",
  required: ["region", "queue"],
  properties: {
    region: requiredText("The AWS region."),
    queue: requiredText("The queue's name."),
    accessKey: secretKeyField("AWS access key; without the keys, the identity of the process."),
    secretKey: secretKeyField("AWS secret key."),
    sessionToken: secretKeyField("AWS session token of temporary keys."),
    roleARN: textField("Role that is taken on; the keys have no effect then."),
    waitTimeSeconds: {
      type: "integer",
      format: "int64",
      default: 3,
      description: "How long a request waits for messages; 0 is 3.",
    },
    jsonBody: jsonBodyField,
    queueAccountId: textField("The account that the queue belongs to."),
    dlq: flagField("A message that cannot be read stays in the queue, so that it goes to the dead-letter queue."),
    endpoint: { ...textField("Another server than that of AWS."), format: "uri" },
    ...commonFields,
  },
} as const satisfies JsonSchema;

type SqsSpec = SpecOf<typeof json>;

/** As in the original: so long nobody else gets what we have. */
const visibilitySeconds = 120;
const maxMessages = 10;
/** How long the request under way and the last words may take when the source is stopped. */
const leaveMs = 4_000;
const pauseMs = 2_000;

export const sqsSource: SourceKind<SqsSpec> = {
  eventType: "sqs",
  singleton: false,
  schema: sourceSchema<SqsSpec>(json, awsKeysRule, placeRule("endpoint", httpPlaces)),
  async run(spec, context, signal) {
    if (spec.endpoint) requirePlace(spec.endpoint, ["sqs", "endpoint"], httpPlaces, context);
    const call = createAwsCall("sqs", spec, context);
    const late = signalLater(signal);
    const ask = async (action: string, body: JsonObject): Promise<JsonObject> => {
      const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
      const { text } = await call(headers, JSON.stringify(body), late);
      return objectOf(text === "" ? {} : parseJson(text));
    };
    const owner = spec.queueAccountId ? { QueueOwnerAWSAccountId: spec.queueAccountId } : {};
    const { QueueUrl } = await ask("GetQueueUrl", { QueueName: spec.queue, ...owner });
    const queue: Queue = { url: textOf(QueueUrl), ask };
    context.ready();
    await takeAll(queue, { spec, context, signal });
  },
};

/** Until `signal` aborts. The next messages are asked for while those before are deleted, unless they have an order. */
async function takeAll(queue: Queue, keeping: Keeping): Promise<void> {
  const { spec, context, signal } = keeping;
  const isOrdered = spec.queue.endsWith(".fifo");
  let settled = Promise.resolve();
  try {
    while (!signal.aborted) {
      const kept = await keepAll(await receive(queue, spec, context, signal), isOrdered, keeping);
      const before = settled;
      settled = settle(queue, kept, context.log);
      settled.catch(() => undefined); // it is waited for after the next ones
      await before;
      if (isOrdered || kept.failure !== undefined) await settled;
      if (kept.failure !== undefined) throw kept.failure;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await settled.catch(() => undefined);
  }
}

/**
 * Aborts a moment after `signal`: a request that is cut off takes messages all the same, which nobody gets then for two
 * minutes, and what was taken has to be given back.
 */
function signalLater(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const onAbort = (): void => {
    setTimeout(() => late.abort(signal.reason), leaveMs).unref();
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return late.signal;
}

interface Queue {
  readonly url: string;
  readonly ask: (action: string, body: JsonObject) => Promise<JsonObject>;
}

/** One failure is a moment's; the next one ends the source, which then starts anew with fresh secrets. */
async function receive(
  { url, ask }: Queue,
  { waitTimeSeconds }: SqsSpec,
  { clock, log }: SourceContext,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  const body = {
    QueueUrl: url,
    MaxNumberOfMessages: maxMessages,
    VisibilityTimeout: visibilitySeconds,
    WaitTimeSeconds: Math.min(waitTimeSeconds || 3, 20),
    MessageAttributeNames: ["All"],
  };
  try {
    return objectsOf((await ask("ReceiveMessage", body)).Messages);
  } catch (error) {
    if (signal.aborted) return [];
    log.warn("messages not received, trying again", { error });
    await sleepFor(clock, pauseMs, signal).catch(() => undefined);
    return signal.aborted ? [] : objectsOf((await ask("ReceiveMessage", body)).Messages);
  }
}

interface Keeping {
  readonly spec: SqsSpec;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
}

interface Kept {
  /** Receipts of what is kept, or can never be: they may go. */
  readonly gone: ReadonlySet<string>;
  /** Of what is not kept, and not for the dead-letter queue. */
  readonly left: ReadonlySet<string>;
  /** Of the first that was not kept. */
  readonly failure?: unknown;
}

/** Waits for all, also when one fails. */
async function keepAll(messages: readonly JsonObject[], isOrdered: boolean, keeping: Keeping): Promise<Kept> {
  const gone = new Set<string>();
  const left = new Set(messages.map(({ ReceiptHandle }) => textOf(ReceiptHandle)));
  const keep = async (message: JsonObject): Promise<void> => {
    const handle = textOf(message.ReceiptHandle);
    if (await keepOne(message, keeping)) gone.add(handle);
    left.delete(handle); // what is not deleted then is for the dead-letter queue
  };
  try {
    if (isOrdered) for (const message of messages) await keep(message);
    else await settledAll(messages.map(keep));
    return { gone, left };
  } catch (failure) {
    return { gone, left, failure };
  }
}

/** What is left is for the next one at once. */
async function settle(queue: Queue, { gone, left }: Kept, log: SourceContext["log"]): Promise<void> {
  await askForEach(queue, "DeleteMessageBatch", gone, {}, log);
  await askForEach(queue, "ChangeMessageVisibilityBatch", left, { VisibilityTimeout: 0 }, log);
}

/** In one request; once more for those of which the service says that it could not. */
async function askForEach(
  { url, ask }: Queue,
  action: string,
  handles: Iterable<string>,
  more: JsonObject,
  log: SourceContext["log"],
): Promise<void> {
  let entries = [...handles].map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, ...more }));
  let reasons: ReadonlyMap<string, string> = new Map();
  for (let attempt = 0; attempt < 2 && entries.length > 0; attempt++) {
    const { Failed } = await ask(action, { QueueUrl: url, Entries: entries });
    reasons = new Map(objectsOf(Failed).map(({ Id, Code }) => [textOf(Id), textOf(Code)]));
    entries = entries.filter(({ Id }) => reasons.has(Id));
  }
  if (entries.length === 0) return;
  const [code] = reasons.values();
  log.warn("messages come again, as the same events: the service refused", { action, messages: entries.length, code });
}

/** Waits for all, also when one fails. @throws the first failure */
async function settledAll(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}

/** Whether the message may go. */
async function keepOne(message: JsonObject, { spec, context, signal }: Keeping): Promise<boolean> {
  const bytes = Buffer.from(textOf(message.Body));
  const messageId = textOf(message.MessageId);
  let body: JsonValue;
  try {
    body = bodyValue(bytes, spec);
  } catch {
    refuseMessage(context, { queue: spec.queue }, bytes.length);
    return !spec.dlq;
  }
  const data = withMetadata({ messageId, messageAttributes: attributesOf(message.MessageAttributes), body }, spec);
  await keepEvent({ id: eventId(context, messageId), data }, context, signal);
  return true;
}

/** As Go writes the SDK's structure. */
function attributesOf(attributes: JsonValue | undefined): JsonObject | null {
  const entries = Object.entries(objectOf(attributes));
  if (entries.length === 0) return null;
  const fields = Object.fromEntries(
    entries.map(([name, value]) => {
      const { BinaryValue = null, DataType = null, StringValue = null } = objectOf(value);
      return [name, { BinaryListValues: null, BinaryValue, DataType, StringListValues: null, StringValue }];
    }),
  );
  return sortedFields(fields);
}
