import { errorAt } from "../../api/fields.ts";
import { flagField, requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { instant, isoTime, sleepFor } from "../../base/clock.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { type AzureQueue, openAzureQueue, type QueueMessage } from "./azure-queue-service.ts";
import { bodyValue, eventId, keepEvent, refuseMessage, withMetadata } from "./draft.ts";
import { commonFields, jsonBodyField } from "./schemas.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { has } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Messages of an Azure Storage queue.",
  required: ["queueName"],
  properties: {
    storageAccountName: textField("The storage account, with the Azure identity of the process."),
    connectionString: secretKeyField("Holds the connection string; wins over `storageAccountName`."),
    queueName: requiredText("The queue."),
    jsonBody: jsonBodyField,
    dlq: flagField("A message that cannot be read stays in the queue, so that it goes to the dead-letter queue."),
    decodeMessage: flagField("The message is base64 and decoded first."),
    waitTimeInSeconds: {
      type: "integer",
      format: "int32",
      default: 3,
      description: "How long is waited after the queue was found empty.",
    },
    ...commonFields,
  },
} as const satisfies JsonSchema;

const accountRule: SourceRule = (event, path) =>
  has(event, "storageAccountName") || has(event, "connectionString")
    ? []
    : [errorAt(path, "must specify connectionString or storageAccountName")];

type AzureQueueSpec = SpecOf<typeof json>;

/** The most that the service gives at once: each request costs. The original asks for ten. */
const maxMessages = 32;
/** As the original. */
const visibilitySeconds = 120;
/** How long a stop waits to give back what was taken. */
const leaveMs = 5_000;

export const azureQueueStorageSource: SourceKind<AzureQueueSpec> = {
  eventType: "azureQueueStorage",
  singleton: false,
  schema: sourceSchema<AzureQueueSpec>(json, accountRule),
  async run(spec, context, signal) {
    const { connectionString, queueName, waitTimeInSeconds } = spec;
    if (!connectionString) {
      const message = "azureQueueStorage: the identity of the process is not supported yet: set connectionString";
      throw new TerminalError("SOURCE_UNSUPPORTED", message);
    }
    const queue = openAzureQueue(await context.secret.read(connectionString), queueName, context);
    while (!signal.aborted) {
      // Not cut off: what it took would be hidden from all for two minutes.
      const messages = await queue.receive(maxMessages, visibilitySeconds, neverAborted);
      context.ready();
      if (messages.length > 0) await keepAll(messages, queue, { spec, context, signal });
      else await sleepFor(context.clock, 1_000 * (waitTimeInSeconds || 3), signal).catch(() => undefined);
    }
  },
};

/** Requests have a deadline of their own. */
const neverAborted = new AbortController().signal;

interface Keeping {
  readonly spec: AzureQueueSpec;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
}

/** Each is deleted once it is kept, or once it is known that it never can be; what is not kept is given back. */
async function keepAll(messages: readonly QueueMessage[], queue: AzureQueue, keeping: Keeping): Promise<void> {
  const { context, signal } = keeping;
  const outcomes = await Promise.allSettled(
    messages.map(async (message) => {
      let isKept = false;
      try {
        if (!(await keepOne(message, keeping))) return;
        isKept = true;
        await queue.delete(message, AbortSignal.timeout(leaveMs));
      } catch (error) {
        if (!isKept) await giveBack(message, queue, context);
        throw error;
      }
    }),
  );
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected" && !signal.aborted) throw failed.reason;
}

async function giveBack(message: QueueMessage, queue: AzureQueue, { log }: SourceContext): Promise<void> {
  await queue.giveBack(message, AbortSignal.timeout(leaveMs)).catch((error: unknown) => {
    log.warn("message not given back: it comes again in two minutes", { error });
  });
}

/** Whether the message may go. */
async function keepOne(message: QueueMessage, { spec, context, signal }: Keeping): Promise<boolean> {
  const bytes = Buffer.from(message.text, spec.decodeMessage ? "base64" : "utf8"); // of both alphabets
  let body: JsonValue;
  try {
    body = bodyValue(bytes, spec);
  } catch {
    refuseMessage(context, { queue: spec.queueName }, bytes.length);
    return !spec.dlq;
  }
  const data = withMetadata({ body, messageID: message.id, insertionTime: timeOf(message.insertedAt) }, spec);
  await keepEvent({ id: eventId(context, message.id), data }, context, signal);
  return true;
}

/** RFC 3339 in whole seconds, as Go writes it. */
function timeOf(text: string): string {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? "0001-01-01T00:00:00Z" : isoTime(instant(ms)).replace(/\.\d+Z$/, "Z");
}
