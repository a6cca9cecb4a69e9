import assert from "node:assert/strict";
import { test } from "node:test";
import { minioSource } from "../../../src/events/sources/minio.ts";
import { startBucket } from "../../harness/minio-bucket.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";

const secrets = { "m/a": "minio", "m/s": "secret\n" };
const spec = (endpoint: string) => ({
  endpoint,
  insecure: true,
  bucket: { name: "input" },
  events: ["s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"],
  filter: { prefix: "a b/", suffix: ".csv" },
  accessKey: { name: "m", key: "a" },
  secretKey: { name: "m", key: "s" },
});
const record = (key: string) => ({
  eventName: "s3:ObjectCreated:Put",
  s3: { bucket: { name: "input" }, object: { key } },
});

test("each notification is an event with its records, as they come", async () => {
  await using bucket = await startBucket();
  await using source = await runSource(minioSource, { ...spec(bucket.endpoint), metadata: { m: "1" } }, {}, secrets);
  const { url = "", headers } = bucket.calls[0]?.request ?? {};
  assert.equal(
    url,
    "/input/?ping=10&prefix=a+b%2F&suffix=.csv&events=s3%3AObjectCreated%3APut&events=s3%3AObjectRemoved%3ADelete",
  );
  assert.match(
    String(headers?.authorization),
    /^AWS4-HMAC-SHA256 Credential=minio\/\d{8}\/us-east-1\/s3\/aws4_request/,
  );
  const line = JSON.stringify({ Records: [record("ä.csv")] });
  const bytes = Buffer.from(
    `${line}\n \n{"Records":[]}\nno JSON\n${JSON.stringify({ Records: [record("2"), record("3")] })}\n`,
  );
  const cut = bytes.indexOf(Buffer.from("ä")) + 1; // within the letter
  bucket.calls[0]?.response.write(bytes.subarray(0, cut));
  await waitFor("the first part to be read", () => true);
  bucket.calls[0]?.response.write(bytes.subarray(cut));
  await waitFor("the events", () => source.context.emitted.length === 2);
  assert.deepEqual(source.data(), [
    { notification: [record("ä.csv")], metadata: { m: "1" } },
    { notification: [record("2"), record("3")], metadata: { m: "1" } },
  ]);
  assert.equal(source.context.failed.count, 1);
});

test("a connection that ends, and a refusal, are failures that name the server and never a key", async () => {
  await using bucket = await startBucket();
  await using source = await runSource(minioSource, spec(bucket.endpoint), {}, secrets);
  bucket.calls[0]?.response.end();
  const ended = await source.ended;
  assert.match(String(ended), /MinIO at 127\.0\.0\.1:\d+, bucket input: the connection ended/);
  bucket.refuses = true;
  const refused = runSource(minioSource, spec(bucket.endpoint), {}, secrets);
  await assert.rejects(refused, { code: "SOURCE_FAILED", message: /answered 403: InvalidAccessKeyId$/ });
  const { bucket: _, ...without } = spec(bucket.endpoint);
  await assert.rejects(runSource(minioSource, without, {}, secrets), { code: "MANIFEST_INVALID" });
});
