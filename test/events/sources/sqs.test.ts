import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import type { OutgoingFetch } from "../../../src/events/sources/source.ts";
import { sqsSource } from "../../../src/events/sources/sqs.ts";
import { startAnswering } from "../../harness/http-sink.ts";
import { motoMissing, startMoto } from "../../harness/moto.ts";
import type { HttpServerProcess } from "../../harness/server-process.ts";
import { waitFor } from "../../harness/wait.ts";
import { directFetch } from "./direct-fetch.ts";
import { runSource } from "./running-source.ts";

const secrets = { "aws/a": "AKID\n", "aws/s": "SECRET" };
const keys = { accessKey: { name: "aws", key: "a" }, secretKey: { name: "aws", key: "s" } };

describe("sqs", { skip: motoMissing, timeout: 90_000 }, () => {
  let moto: HttpServerProcess;
  let queues = 0;
  before(async () => {
    moto = await startMoto();
  });
  after(() => moto?.[Symbol.asyncDispose]());

  /** A queue of its own. */
  async function open() {
    const queue = `orders-${++queues}`;
    const ask = async (action: string, body: object): Promise<JsonObject> => {
      const headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `AmazonSQS.${action}`,
        authorization:
          "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
      };
      const answer = await fetch(moto.url, { method: "POST", headers, body: JSON.stringify(body) });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      return text === "" ? {} : (JSON.parse(text) as JsonObject);
    };
    const { QueueUrl } = await ask("CreateQueue", { QueueName: queue });
    const spec = { region: "us-east-1", queue, endpoint: moto.url, waitTimeSeconds: 1, ...keys };
    const send = (MessageBody: string, more: object = {}) => ask("SendMessage", { QueueUrl, MessageBody, ...more });
    const left = async () => {
      const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
      const { Attributes } = await ask("GetQueueAttributes", { QueueUrl, AttributeNames: names });
      return names.map((name) => Number((Attributes as JsonObject)[name]));
    };
    return {
      send,
      left,
      run: (more: object = {}, parts: object = {}) =>
        runSource(sqsSource, { ...spec, ...more }, { fetch: directFetch, ...parts }, secrets),
    };
  }

  test("with a role the queue is asked with the credentials of its session", async () => {
    const { send, run } = await open();
    const signed = new Set<string>();
    const fetch: OutgoingFetch = (request, signal) => {
      signed.add(
        /Credential=(\w+)\/\d+\/[\w-]+\/(\w+)\//
          .exec(request.headers?.authorization ?? "")
          ?.slice(1)
          .join(" ") ?? "",
      );
      return directFetch(request, signal);
    };
    const surroundings = { AWS_ACCESS_KEY_ID: "AMBIENT", AWS_SECRET_ACCESS_KEY: "s", AWS_ENDPOINT_URL_STS: moto.url };
    const roleARN = "arn:aws:iam::123456789012:role/reader";
    await using source = await run({ roleARN }, { fetch, surroundings });
    await send("x");
    await waitFor("the event", () => source.context.emitted.length === 1, 20_000);
    const [sts, ...others] = [...signed];
    assert.equal(sts, "AMBIENT sts");
    assert.ok(
      others.every((one) => /^ASIA\w+ sqs$/.test(one)),
      others.join(),
    );
  });

  test("a message is an event with the message's id, and is deleted once it is kept, at the second try where the first failed", async () => {
    const { send, left, run } = await open();
    const actions: unknown[] = [];
    const Failed = [{ Id: "0", SenderFault: false, Code: "InternalError" }];
    const fetch: OutgoingFetch = async (request, signal) => {
      actions.push(request.headers?.["x-amz-target"]);
      const isFirst =
        actions.at(-1) === "AmazonSQS.DeleteMessageBatch" && actions.indexOf(actions.at(-1)) + 1 === actions.length;
      if (isFirst) return { status: 200, headers: {}, text: JSON.stringify({ Successful: [], Failed }) };
      return directFetch(request, signal);
    };
    await using source = await run({ jsonBody: true, metadata: { m: "1" } }, { fetch });
    const attributes = { MessageAttributes: { kind: { DataType: "String", StringValue: "new" } } };
    const { MessageId } = await send('{"n":1}', attributes);
    await waitFor("the event", () => source.context.emitted.length === 1, 20_000);
    assert.equal(
      JSON.stringify(source.data()[0]),
      JSON.stringify({
        messageId: MessageId,
        messageAttributes: {
          kind: {
            BinaryListValues: null,
            BinaryValue: null,
            DataType: "String",
            StringListValues: null,
            StringValue: "new",
          },
        },
        body: { n: 1 },
        metadata: { m: "1" },
      }),
    );
    assert.equal(source.context.emitted[0]?.id, `default/es/e@${String(MessageId)}`);
    await waitFor("its deletion", async () => (await left()).every((count) => count === 0), 20_000);
    await send("no JSON");
    await waitFor("the refusal", () => source.context.failed.count === 1, 20_000);
    await waitFor("its deletion", async () => (await left()).every((count) => count === 0), 20_000);
  });

  test("what cannot be kept yet stays, as does with dlq what cannot be read; a body that is no JSON is base64", async () => {
    const { send, left, run } = await open();
    let isAway = true;
    const taken: unknown[] = [];
    const emit = async (draft: unknown) => {
      if (isAway) throw new Error("the bus is away");
      taken.push(draft);
    };
    await using source = await run({}, { emit });
    await send("hello");
    await waitFor("the message to be taken", async () => (await left())[1] === 1, 20_000);
    isAway = false;
    await waitFor("the event", () => taken.length === 1, 20_000);
    assert.equal((taken[0] as { data: JsonObject }).data.body, Buffer.from("hello").toString("base64"));
    assert.equal((taken[0] as { data: JsonObject }).data.messageAttributes, null);
    await source.stop();
    await using strict = await run({ jsonBody: true, dlq: true });
    await waitFor("an empty queue", async () => (await left()).every((count) => count === 0), 20_000);
    await send("no JSON");
    await waitFor("the refusal", () => strict.context.failed.count === 1, 20_000);
    assert.deepEqual(await left(), [0, 1]);
  });

  test("a queue that is not there fails with the service's word for it", async () => {
    const { run } = await open();
    await assert.rejects(run({ queue: "none" }), {
      code: "SOURCE_FAILED",
      message: /^sqs at 127\.0\.0\.1:\d+ answered 400: .*QueueDoesNotExist|NonExistentQueue/,
    });
  });
});

test("sqs: requests are signed for the region, and wrong keys are told without them", async () => {
  const refusal = JSON.stringify({ __type: "com.amazon.coral.service#InvalidClientTokenId", message: "bad token" });
  await using server = await startAnswering(() => ({ status: 403, body: refusal }));
  const spec = { region: "eu-central-1", queue: "q", endpoint: server.url, ...keys };
  const running = runSource(sqsSource, spec, { fetch: directFetch }, secrets);
  await assert.rejects(running, { code: "SOURCE_FAILED", message: /answered 403: InvalidClientTokenId: bad token$/ });
  const { authorization } = server.requests[0]?.headers ?? {};
  assert.match(String(authorization), /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/sqs\/aws4_request/);
});

test("sqs: a role is that of a Pod, which an engine that acts for others has not", async () => {
  const running = runSource(sqsSource, { region: "r", queue: "q", roleARN: "arn:x" }, {}, secrets);
  await assert.rejects(running, {
    code: "CREDENTIALS_FAILED",
    message: /set accessKey and secretKey, or give it a Pod/,
  });
});
