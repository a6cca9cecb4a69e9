import { objectOf, textOf, warningAt } from "../../api/fields.ts";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { SecretKeySelector } from "../sources/source.ts";
import { readLimited, toHttpError, withAgent } from "./outgoing.ts";
import { withOwnParameters } from "./own-parameters.ts";
import { createRecent } from "./recent.ts";
import { has, needs, requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { parametersSchema, secretKeySchema } from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import type { TriggerContext, TriggerKind } from "./trigger.ts";

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
    apiUrl: {
      type: "string",
      format: "uri",
      description: "Ours: the API's URL, where it is another than Slack's usual one.",
      default: "https://slack.com/api",
    },
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

type SlackSpec = SpecOf<typeof slackSchema>;

export interface SlackPlan {
  readonly url: string;
  /** What is posted, but for the thread. */
  readonly body: JsonObject & { readonly channel: string };
  readonly thread?: { readonly key: string; readonly broadcast: boolean };
  readonly token: SecretKeySelector;
}

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

const schema = triggerSchema<SlackSpec>(
  slackSchema,
  requires({ slackToken: "slack token can't be empty" }),
  needs("channel"),
  textRule,
  listRule,
  threadRule,
);

/** Posts once for each firing, as far as this engine lives; Slack knows no key of ours that would tell a repeat. */
export function createSlackTrigger(): TriggerKind<SlackSpec, SlackPlan> {
  const threads = createRecent<Thread>(maxThreads);
  const posted = createRecent<string>(maxPosted);
  return {
    schema,
    async plan(written, _firing, { parameters }) {
      return planOf(withOwnParameters(written, schema, "slack", parameters));
    },
    async apply(plan, firing, context, signal) {
      const known = posted.find(firing.key);
      if (known !== undefined) return { message: `had already posted ${known}` };
      const token = (await context.secret.read(plan.token)).trim();
      const threadKey = plan.thread && JSON.stringify([secretHash(token), plan.body.channel, plan.thread.key]);
      const thread = threadKey === undefined ? undefined : threads.find(threadKey);
      const reply = thread && { ...thread, ...(plan.thread?.broadcast && { reply_broadcast: true }) };
      const { channel, ts } = await post({ ...plan, body: { ...plan.body, ...reply } }, token, context, signal);
      if (threadKey !== undefined && thread === undefined) threads.set(threadKey, { channel, thread_ts: ts });
      posted.set(firing.key, `${channel}/${ts}`);
      return { message: `posted ${ts} to ${plan.body.channel}` };
    },
  };
}

/** Where answers of one aggregation key go. */
interface Thread {
  readonly channel: string;
  readonly thread_ts: string;
}

const maxThreads = 10_000;
const maxPosted = 10_000;

function planOf({
  slackToken,
  apiUrl,
  channel = "",
  message,
  attachments,
  blocks,
  thread,
  sender,
}: SlackSpec): SlackPlan {
  const to = channel.replace(/^#/, "");
  if (to === "") throw missing("slack.channel: no slack channel provided");
  if (!message && !attachments && !blocks) {
    throw missing("slack.message: no text to post: a message, attachments or blocks are needed");
  }
  const icon = sender?.icon;
  const body = {
    channel: to,
    ...(message && { text: message }),
    ...(attachments && { attachments: parseList(attachments, "slack.attachments") }),
    ...(blocks && { blocks: parseList(blocks, "slack.blocks") }),
    ...(sender?.username && { username: sender.username }),
    ...(icon && (/^:.+:$/.test(icon) ? { icon_emoji: icon } : { icon_url: icon })),
  };
  const key = thread?.messageAggregationKey;
  return {
    url: `${apiUrl.replace(/\/+$/, "")}/chat.postMessage`,
    body,
    token: slackToken,
    ...(key && { thread: { key, broadcast: thread.broadcastMessageToChannel } }),
  };
}

function parseList(text: string, path: string): JsonValue {
  const fault = faultOfList(text);
  if (fault !== undefined) throw missing(`${path}: must be the JSON text of a list: ${fault}`);
  return parseJson(text);
}

function missing(message: string): TerminalError {
  return new TerminalError("MANIFEST_INVALID", message);
}

const timeoutMs = 30_000;
const maxAnswerBytes = 1024 * 1024;
/** When Slack asks for patience, as often. */
const maxWaits = 5;
const maxWaitS = 60;

async function post(
  { url, body }: SlackPlan,
  token: string,
  context: TriggerContext,
  signal: AbortSignal,
): Promise<{ readonly channel: string; readonly ts: string }> {
  const { origin, pathname } = new URL(url);
  for (let waits = 0; ; waits++) {
    const { status, retryAfter, text } = await withAgent(context, {}, async (agent) => {
      const response = await agent.request({
        origin,
        path: pathname,
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json; charset=utf-8" },
        body: JSON.stringify(body),
        reset: true, // Slack knows no key of ours: a repeat would be a second message
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      const answer = await readLimited(response.body, maxAnswerBytes);
      return { status: response.statusCode, retryAfter: Number(response.headers["retry-after"] ?? 1), text: answer };
    }).catch((error: unknown) => {
      throw toHttpError(error, "slack");
    });
    if (status !== 429 || waits === maxWaits) return postedAt(status, text);
    const seconds = Number.isFinite(retryAfter) ? Math.min(Math.max(retryAfter, 1), maxWaitS) : 1;
    await sleepFor(context.clock, seconds * 1_000, signal);
  }
}

/** What only somebody who changes something mends. */
const finalErrors = new Set([
  "account_inactive",
  "channel_not_found",
  "invalid_auth",
  "invalid_blocks",
  "is_archived",
  "missing_scope",
  "msg_too_long",
  "no_text",
  "not_authed",
  "not_in_channel",
  "token_expired",
  "token_revoked",
]);

function postedAt(status: number, text: string): { readonly channel: string; readonly ts: string } {
  let answer: JsonValue = null;
  try {
    answer = parseJson(text);
  } catch {
    // a proxy's page: the status says it
  }
  const { ok, error, channel, ts } = objectOf(answer);
  if (status === 200 && ok === true) return { channel: textOf(channel), ts: textOf(ts) };
  const reason = textOf(error) || `HTTP ${status}`;
  const message = `slack: the message was not posted: ${reason.slice(0, 100)}`;
  throw finalErrors.has(reason)
    ? new TerminalError("TRIGGER_FAILED", message)
    : new EngineError("TRIGGER_FAILED", message);
}
