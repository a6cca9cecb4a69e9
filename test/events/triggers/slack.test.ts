import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { TerminalError } from "../../../src/base/errors.ts";
import { createSlackTrigger } from "../../../src/events/triggers/slack.ts";
import { type SinkAnswer, startAnswering } from "../../harness/http-sink.ts";
import { firing, never, triggerContext } from "./trigger-context.ts";

const clock = { now: () => instant(0), monotonicMs: () => 0, sleepUntil: async () => undefined };
const secrets = { "slack/token": "xoxb-1\n" };
const message = { slackToken: { name: "slack", key: "token" }, channel: "#general", message: "hello" };

function createFire(url: string) {
  const kind = createSlackTrigger();
  return async (spec: object, key: string) => {
    const context = triggerContext({ clock }, secrets);
    const fired = firing({ key });
    const plan = await kind.plan(
      kind.schema.parse({ ...message, apiUrl: `${url}/api/`, ...spec }, "slack"),
      fired,
      context,
      never,
    );
    return kind.apply(plan, fired, context, never);
  };
}

/** Stands for Slack: each post has a time of its own. */
async function startSlack(...first: readonly SinkAnswer[]) {
  let posts = 0;
  return startAnswering(() => {
    posts += 1;
    return first[posts - 1] ?? { status: 200, body: JSON.stringify({ ok: true, channel: "C1", ts: `${posts}.0` }) };
  });
}

const bodies = (sink: { readonly requests: readonly { readonly body: string }[] }) =>
  sink.requests.map(({ body }) => JSON.parse(body));

test("posts as the bot, without the # of the channel; the same firing once", async () => {
  await using slack = await startSlack();
  const fire = createFire(slack.url);
  const sender = { username: "tiphys", icon: ":ship:" };
  const outcome = await fire({ sender, attachments: '[{"text":"a"}]', blocks: '[{"type":"divider"}]' }, "1");
  const again = await fire({}, "1");
  assert.deepEqual([outcome.message, again.message], ["posted 1.0 to general", "had already posted C1/1.0"]);
  assert.deepEqual(bodies(slack), [
    {
      channel: "general",
      text: "hello",
      attachments: [{ text: "a" }],
      blocks: [{ type: "divider" }],
      username: "tiphys",
      icon_emoji: ":ship:",
    },
  ]);
  const [request] = slack.requests;
  assert.equal(request?.path, "/api/chat.postMessage");
  assert.equal(request?.headers.authorization, "Bearer xoxb-1");
});

test("messages of one key go to the thread of the first", async () => {
  await using slack = await startSlack();
  const fire = createFire(slack.url);
  const thread = { messageAggregationKey: "build-1", broadcastMessageToChannel: true };
  await fire({ thread }, "1");
  await fire({ thread }, "2");
  await fire({ thread: { messageAggregationKey: "build-2" } }, "3");
  assert.deepEqual(
    bodies(slack).map(({ channel, thread_ts, reply_broadcast }) => ({ channel, thread_ts, reply_broadcast })),
    [
      { channel: "general", thread_ts: undefined, reply_broadcast: undefined },
      { channel: "C1", thread_ts: "1.0", reply_broadcast: true },
      { channel: "general", thread_ts: undefined, reply_broadcast: undefined },
    ],
  );
});

test("waits when Slack asks for patience", async () => {
  await using slack = await startSlack({ status: 429, headers: { "retry-after": "2" } });
  assert.equal((await createFire(slack.url)({}, "1")).message, "posted 2.0 to general");
});

test("what Slack refuses for good is not tried again; anything else may be", async () => {
  await using slack = await startSlack(
    { status: 200, body: '{"ok":false,"error":"invalid_auth"}' },
    { status: 500, body: "<html>" },
  );
  const fire = createFire(slack.url);
  await assert.rejects(fire({}, "1"), (error) => error instanceof TerminalError && /invalid_auth/.test(error.message));
  await assert.rejects(fire({}, "2"), (error) => !(error instanceof TerminalError) && /HTTP 500/.test(String(error)));
});

test("parameters of the kind's own are applied; a channel and something to say are needed", async () => {
  await using slack = await startSlack();
  const fire = createFire(slack.url);
  await fire({ parameters: [{ src: { dependencyName: "dep", value: "from an event" }, dest: "message" }] }, "1");
  assert.equal(bodies(slack)[0].text, "from an event");
  await assert.rejects(fire({ channel: "" }, "2"), /slack.channel: no slack channel provided/);
  await assert.rejects(fire({ message: "" }, "2"), /slack.message: no text to post/);
  await assert.rejects(fire({ blocks: "{}" }, "2"), /slack.blocks: must be the JSON text of a list/);
});
