import assert from "node:assert/strict";
import { createSign } from "node:crypto";
import { test } from "node:test";
import { generate } from "selfsigned";
import type { JsonObject } from "../../../src/base/json.ts";
import { snsSource } from "../../../src/events/sources/sns.ts";
import { motoMissing, startMoto } from "../../harness/moto.ts";
import { waitFor } from "../../harness/wait.ts";
import { serveSource } from "./served-source.ts";

const secrets = { "aws/a": "AKID", "aws/s": "SECRET" };
const keys = { accessKey: { name: "aws", key: "a" }, secretKey: { name: "aws", key: "s" } };
const topicArn = "arn:aws:sns:us-east-1:123456789012:orders";
const webhook = { endpoint: "/push", port: "12000", method: "POST" };
const spec = { webhook, topicArn, region: "us-east-1", ...keys };
const certUrl = "https://sns.us-east-1.amazonaws.com/cert.pem";

const { cert, private: key } = await generate([{ name: "commonName", value: "sns" }], { algorithm: "sha256" });

function signed(message: JsonObject, version: "1" | "2" = "2"): JsonObject {
  const all = { ...message, SignatureVersion: version, SigningCertURL: certUrl } as Record<string, string>;
  const fields = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const text = fields.flatMap((name) => (all[name] === undefined ? [] : [`${name}\n${all[name]}\n`])).join("");
  const signature = createSign(version === "1" ? "RSA-SHA1" : "RSA-SHA256")
    .update(text)
    .sign(key, "base64");
  return { ...all, Signature: signature };
}

const notification = {
  Type: "Notification",
  MessageId: "m-1",
  TopicArn: topicArn,
  Message: '{"n":1}',
  Timestamp: "2026-01-01T00:00:00.000Z",
};

test("a notification is an event with its envelope; other topics and types are none", async () => {
  await using source = await serveSource(snsSource, spec, secrets);
  const answer = await source.send({ body: JSON.stringify(notification) });
  assert.equal(answer.status, 200);
  assert.equal(source.context.emitted[0]?.id, "default/es/e@m-1");
  assert.deepEqual(Object(source.context.emitted[0]?.data).body, notification);
  const other = await source.send({ body: JSON.stringify({ ...notification, TopicArn: `${topicArn}2` }) });
  assert.equal(other.status, 400);
  const ended = JSON.stringify({ ...notification, Type: "UnsubscribeConfirmation" });
  assert.equal((await source.send({ body: ended })).status, 200);
  assert.equal((await source.send({ body: "{" })).status, 400);
  assert.equal(source.context.emitted.length, 1);
});

test("with validateSignature only what AWS signed is taken, by either version", async () => {
  const asked: string[] = [];
  const fetch = async ({ url }: { url: string }) => {
    asked.push(url);
    return { status: 200, headers: {}, text: cert };
  };
  await using source = await serveSource(snsSource, { ...spec, validateSignature: true }, secrets, { fetch });
  const post = async (message: JsonObject) => (await source.send({ body: JSON.stringify(message) })).status;
  assert.equal(await post(signed(notification)), 200);
  assert.equal(await post(signed({ ...notification, Subject: "s" }, "1")), 200);
  assert.equal(await post({ ...signed(notification), Message: "another" }), 400);
  assert.equal(await post(notification), 400);
  for (const SigningCertURL of [
    "http://sns.us-east-1.amazonaws.com/x",
    "https://sns.us-east-1.amazonaws.com.evil.example/x",
    "https://evil.example/x",
  ]) {
    assert.equal(await post({ ...signed(notification), SigningCertURL }), 400, SigningCertURL);
  }
  assert.deepEqual(asked, [certUrl]);
});

test("a topic is subscribed to, and the subscription confirmed", { skip: motoMissing, timeout: 60_000 }, async () => {
  await using moto = await startMoto();
  const call = async (parameters: Record<string, string>) => {
    const body = new URLSearchParams({ Version: "2010-03-31", ...parameters });
    const authorization =
      "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0";
    return (await fetch(moto.url, { method: "POST", body, headers: { authorization } })).text();
  };
  await call({ Action: "CreateTopic", Name: "orders" });
  const hooked = { ...spec, endpoint: moto.url, webhook: { ...webhook, url: "http://hooks.example" } };
  await using source = await serveSource(snsSource, hooked, secrets);
  const listed = await waitFor("the subscription", async () => {
    const text = await call({ Action: "ListSubscriptionsByTopic", TopicArn: topicArn });
    return text.includes("<Endpoint>http://hooks.example/push</Endpoint>") ? text : undefined;
  });
  assert.match(listed, /<Protocol>http<\/Protocol>/);
  const confirmation = { ...notification, Type: "SubscriptionConfirmation", Token: "t", SubscribeURL: "http://x" };
  assert.equal((await source.send({ body: JSON.stringify(confirmation) })).status, 200);
  assert.equal(source.context.emitted.length, 0);
});
