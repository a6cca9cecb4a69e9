import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import type { OutgoingRequest } from "../../../src/events/sources/source.ts";
import { storageGridSource } from "../../../src/events/sources/storage-grid.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { serveSource } from "./served-source.ts";

const arn = "arn:sgws:sns:us-east-1:1:topic";
const spec: JsonObject = {
  webhook: { endpoint: "/grid", port: "0" },
  events: ["s3:ObjectCreated:*", "a<b"],
  topicArn: arn,
  bucket: "in put",
  authToken: { name: "s", key: "token" },
  apiURL: "https://grid.example/api/v3/",
};
const secrets = { "s/token": "t1" };
const record = (key: string): JsonObject => ({
  eventVersion: "2.0",
  eventSource: "sgws:s3",
  eventTime: "2026-01-01T00:00:00Z",
  eventName: "ObjectCreated:Put",
  userIdentity: { principalId: "1" },
  requestParameters: { sourceIPAddress: "10.0.0.1" },
  responseElements: { "x-amz-request-id": "r1" },
  s3: {
    s3SchemaVersion: "1.0",
    configurationId: "c",
    bucket: { name: "input", ownerIdentity: { principalId: "1" }, arn: "arn:b" },
    object: { key, size: 7, eTag: "e", sequencer: "1" },
  },
});

function bodyOf(...records: readonly JsonObject[]): string {
  const Message = JSON.stringify({ Records: records });
  return new URLSearchParams({ Action: "Publish", Message, TopicArn: arn, Version: "2010-03-31" }).toString();
}

test("a notification is an event of the original's shape, answered as a service of AWS once it is kept", async () => {
  await using source = await serveSource(storageGridSource, { ...spec, metadata: { a: "b" } }, secrets);
  const body = bodyOf(record("a&b=c%.csv"), { s3: { object: { size: "?" }, unknown: 1 } });
  const answer = await source.send({ body });
  assert.equal(answer.status, 200);
  assert.match(answer.text, /^<PublishResponse .*<MessageId>[0-9a-f-]{36}<\/MessageId>.*<\/PublishResponse>\n$/);
  await source.send({ body });
  const [first, again] = source.context.emitted;
  const empty = {
    eventVersion: "",
    eventSource: "",
    eventTime: "0001-01-01T00:00:00Z",
    eventName: "",
    userIdentity: { principalId: "" },
    requestParameters: { sourceIPAddress: "" },
    responseElements: { "x-amz-request-id": "" },
    s3: {
      s3SchemaVersion: "",
      configurationId: "",
      bucket: { name: "", ownerIdentity: { principalId: "" }, arn: "" },
      object: { key: "", size: 0, eTag: "", sequencer: "" },
    },
  };
  const Message = { Records: [record("a&b=c%.csv"), empty] };
  const notification = { Action: "Publish", Message, TopicArn: arn, Version: "2010-03-31" };
  assert.equal(JSON.stringify(first?.data), JSON.stringify({ notification, metadata: { a: "b" } }));
  assert.equal(again?.id, first?.id, "the same at each delivery");
});

test("HEAD is answered without an event; what is no notification is refused", async () => {
  await using source = await serveSource(storageGridSource, spec, secrets);
  assert.deepEqual((await source.send({ method: "HEAD" })).status, 200);
  for (const body of ["", "Action=Publish", "Message=no+json", `Message=${encodeURIComponent('{"Records":[]}')}`]) {
    assert.equal((await source.send({ body })).status, 400, body);
  }
  assert.match((await source.send({ body: bodyOf(record("x")) })).text, /PublishResponse/, "HEAD changed nothing");
  assert.equal(source.context.emitted.length, 1);
  assert.equal(source.context.failed.count, 4);
});

for (const [filter, key, isEvent] of [
  [{ prefix: "a/" }, "a/x", true],
  [{ prefix: "a/" }, "b/x", false],
  [{ suffix: ".csv" }, "x.csv", true],
  [{ prefix: "a/", suffix: ".csv" }, "a/x.txt", false],
] as const) {
  test(`with ${JSON.stringify(filter)} the object ${key} is ${isEvent ? "an" : "no"} event`, async () => {
    await using source = await serveSource(storageGridSource, { ...spec, filter }, secrets);
    assert.equal((await source.send({ body: bodyOf(record(key)) })).status, 200);
    assert.equal(source.context.emitted.length, isEvent ? 1 : 0);
  });
}

test("the endpoint is registered once and the bucket told of it, though the source starts again", async () => {
  const asked: OutgoingRequest[] = [];
  const endpoints: JsonObject[] = [{ endpointURN: "other" }];
  const fetch = async (request: OutgoingRequest) => {
    asked.push(request);
    if (request.method === "POST") endpoints.push(JSON.parse(request.body ?? ""));
    return { status: 200, headers: {}, text: JSON.stringify({ data: endpoints }) };
  };
  const hooked = { ...spec, webhook: { endpoint: "/grid", port: "0", url: "https://hooks.example" } };
  for (let start = 0; start < 2; start++) {
    const clock = createVirtualClock();
    await using source = await serveSource(storageGridSource, hooked, secrets, { fetch, clock });
    await waitFor("the round to end", () => clock.sleeping > 0);
    await clock.advance(60_000);
    assert.deepEqual(source.context.failures, []);
  }
  assert.deepEqual(endpoints.slice(1), [
    {
      displayName: "e",
      endpointURI: "https://hooks.example/grid",
      endpointURN: arn,
      authType: "anonymous",
      insecureTLS: true,
    },
  ]);
  const puts = asked.filter(({ method }) => method === "PUT");
  assert.equal(puts.length, 2, "at each start once");
  assert.equal(puts[0]?.url, "https://grid.example/api/v3/org/containers/in%20put/notification");
  assert.deepEqual(JSON.parse(puts[0]?.body ?? ""), {
    notification:
      `<NotificationConfiguration><TopicConfiguration><Id>e</Id><Topic>${arn}</Topic>` +
      "<Event>s3:ObjectCreated:*</Event><Event>a&lt;b</Event></TopicConfiguration></NotificationConfiguration>",
  });
  assert.ok(asked.every(({ headers }) => headers?.authorization === "Bearer t1"));
});

test("an API that cannot be used is told, and requests are taken all the same", async () => {
  const hooked = { ...spec, webhook: { endpoint: "/grid", port: "0", url: "https://hooks.example" } };
  const fetch = async () => ({ status: 403, headers: {}, text: '{"message":"no"}' });
  await using source = await serveSource(storageGridSource, hooked, secrets, { fetch });
  await waitFor("the failure", () => source.context.failures.length > 0);
  assert.match(
    source.context.failures[0] ?? "",
    /GET https:\/\/grid\.example\/api\/v3\/org\/endpoints: status 403 \(no\)/,
  );
  assert.equal((await source.send({ body: bodyOf(record("x")) })).status, 200);
  await using odd = await serveSource(storageGridSource, { ...hooked, apiURL: "the api" }, secrets, { fetch });
  await waitFor("the failure", () => odd.context.failures.length > 0);
  assert.match(odd.context.failures[0] ?? "", /apiURL: "the api" must be a URL/);
});
