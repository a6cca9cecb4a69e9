import { objectOf, textOf, warningAt } from "../../api/fields.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { has, needs, requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { parametersSchema, secretKeySchema } from "./schemas.ts";

/** spec argo-events 6.5.8 */
export const slackSchema = {
  type: "object",
  description: "Posts a message to a channel of Slack.",
  required: ["slackToken"],
  properties: {
    slackToken: { ...secretKeySchema, description: "The bot's token." },
    channel: { type: "string", description: "Name or id of the channel; a leading # is taken off." },
    message: { type: "string", description: "The text; needed unless there are attachments or blocks." },
    attachments: { type: "string", description: "Attachments, as the JSON text of a list." },
    blocks: { type: "string", description: "Blocks, as the JSON text of a list." },
    thread: {
      type: "object",
      description: "Puts messages that belong together into one thread.",
      properties: {
        messageAggregationKey: { type: "string", description: "Messages with one key go to the thread of the first." },
        broadcastMessageToChannel: {
          type: "boolean",
          description: "Whether an answer in a thread is shown in the channel, too.",
          default: false,
        },
      },
    },
    sender: {
      type: "object",
      description: "Who the message seems to come from.",
      properties: {
        username: { type: "string", description: "A name." },
        icon: { type: "string", description: "An emoji as `:name:`, or the URL of a picture." },
      },
    },
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

const textRule: TriggerRule = ({ message, attachments, blocks }, path) =>
  has(message) || has(attachments) || has(blocks)
    ? []
    : [warningAt(`${path}.message`, "is missing, as are attachments and blocks: the trigger fails with each event")];

const listRule: TriggerRule = (spec, path) =>
  ["attachments", "blocks"].flatMap((field) => {
    const why = faultOfList(textOf(spec[field]));
    return why ? [warningAt(`${path}.${field}`, `must be the JSON text of a list: ${why}`)] : [];
  });

function faultOfList(text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return Array.isArray(JSON.parse(text)) ? undefined : "it is no list";
  } catch (error) {
    return messageOf(error);
  }
}

const threadRule: TriggerRule = ({ thread }, path) => {
  const { messageAggregationKey, broadcastMessageToChannel } = objectOf(thread);
  if (broadcastMessageToChannel !== true || has(messageAggregationKey)) return [];
  const message = "has no effect without messageAggregationKey";
  return [warningAt(`${path}.thread.broadcastMessageToChannel`, message)];
};

export const slackTrigger = triggerSchema(
  slackSchema,
  requires({ slackToken: "slack token can't be empty" }),
  needs("channel"),
  textRule,
  listRule,
  threadRule,
);
