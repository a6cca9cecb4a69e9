import assert from "node:assert/strict";
import { test } from "node:test";
import { azureQueueStorageSource } from "../../../src/events/sources/azure-queue-storage.ts";
import type { OutgoingRequest, SourceContext } from "../../../src/events/sources/source.ts";
import { startAzureQueue } from "../../harness/azure-queue.ts";
import { waitFor } from "../../harness/wait.ts";
import { directFetch } from "./direct-fetch.ts";
import { runSource } from "./running-source.ts";

const connectionString = { name: "a", key: "c" };

function run(secret: string, more: object = {}, parts: Partial<SourceContext> = {}) {
  const spec = { queueName: "orders", connectionString, waitTimeInSeconds: 1, ...more };
  return runSource(azureQueueStorageSource, spec, { fetch: directFetch, ...parts }, { "a/c": secret });
}

const bodies: readonly (readonly [what: string, text: string, spec: object, body: unknown])[] = [
  ["base64 of its text", 'a <b> & "c"', {}, Buffer.from('a <b> & "c"').toString("base64")],
  ["the JSON that it is", '{"n":1}', { jsonBody: true }, { n: 1 }],
  [
    "JSON, decoded first",
    Buffer.from('{"n":"??>"}').toString("base64url"),
    { jsonBody: true, decodeMessage: true },
    { n: "??>" },
  ],
  ["base64 again, decoded first", "eA==", { decodeMessage: true }, "eA=="],
];
for (const [what, text, spec, body] of bodies) {
  test(`a message's body is ${what}; it goes once it is kept`, async () => {
    await using server = await startAzureQueue();
    server.put(text);
    const [{ id } = { id: "" }] = server.messages;
    await using source = await run(server.connectionString, { ...spec, metadata: { m: "1" } });
    await waitFor("the message to go", () => server.messages.length === 0);
    const [draft] = source.context.emitted;
    assert.equal(draft?.id, `default/es/e@${id}`);
    const data = { body, messageID: id, insertionTime: "2026-01-01T00:00:00Z", metadata: { m: "1" } };
    assert.equal(JSON.stringify(draft?.data), JSON.stringify(data));
  });
}

for (const [dlq, left] of [
  [false, 0],
  [true, 1],
] as const) {
  test(`what should be JSON and is not ${dlq ? "stays for the dead letters" : "goes"}, counted`, async () => {
    await using server = await startAzureQueue();
    server.put("no json");
    await using source = await run(server.connectionString, { jsonBody: true, dlq });
    await waitFor("the refusal", () => source.context.failed.count === 1);
    await waitFor("the next look", () => server.requests.filter(({ method }) => method === "GET").length > 1);
    assert.equal(server.messages.length, left);
    assert.equal(source.context.failed.count, 1, "it is hidden meanwhile");
  });
}

test("a wrong key is a failure that tells no key; so is an incomplete connection string, until it is mended", async () => {
  await using server = await startAzureQueue();
  const wrong = server.connectionString.replace(/AccountKey=[^;]*/, "AccountKey=c2VjcmV0");
  await assert.rejects(run(wrong), (error: Error) => {
    assert.match(error.message, /^queue orders at 127\.0\.0\.1:\d+ answered 403: AuthenticationFailed$/);
    return !error.message.includes("c2VjcmV0");
  });
  for (const text of ["AccountName=a", "AccountKey=c2VjcmV0", "QueueEndpoint=none;SharedAccessSignature=s"]) {
    await assert.rejects(run(text), {
      name: "EngineError",
      code: "SECRET_MISSING",
      message: /connectionString: must have AccountName and/,
    });
  }
  const spec = { connectionString: undefined, storageAccountName: "a" };
  await assert.rejects(run("", spec), { code: "SOURCE_UNSUPPORTED", message: /set connectionString/ });
});

const places: readonly (readonly [string, RegExp])[] = [
  ["AccountName=acc;AccountKey=aw==", /^https:\/\/acc\.queue\.core\.windows\.net\/orders\/messages\?/],
  [
    "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=aw==;EndpointSuffix=core.chinacloudapi.cn",
    /^http:\/\/acc\.queue\.core\.chinacloudapi\.cn\/orders\/messages\?/,
  ],
  [
    "QueueEndpoint=https://q.example/;SharedAccessSignature=?sv=1&sig=a%2Bb",
    /^https:\/\/q\.example\/orders\/.*&sv=1&sig=a%2Bb$/,
  ],
  ["UseDevelopmentStorage=true", /^http:\/\/127\.0\.0\.1:10001\/devstoreaccount1\/orders\/messages\?/],
];
for (const [text, url] of places) {
  test(`${text.split(";")[0]} … leads to ${url.source}`, async () => {
    const asked: OutgoingRequest[] = [];
    const fetch = async (request: OutgoingRequest) => {
      asked.push(request);
      return { status: 200, headers: {}, text: "" };
    };
    await using _source = await run(text, {}, { fetch });
    assert.match(asked[0]?.url ?? "", url);
    assert.equal(asked[0]?.headers?.authorization === undefined, text.includes("Shared"));
  });
}
