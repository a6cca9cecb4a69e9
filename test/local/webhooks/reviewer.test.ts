import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { ensureCertificate } from "../../../src/local/certificate.ts";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const map = (data: object, name = "a") => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });

/** A webhook that refuses maps with `bad` in their data, and remembers what it was asked. */
async function openWebhook() {
  const directory = await tempDir();
  const certificate = await ensureCertificate(directory.path, systemClock);
  const asked: JsonObject[] = [];
  const server = createServer({ cert: certificate.cert, key: certificate.key }, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { request: review } = JSON.parse(Buffer.concat(chunks).toString());
    asked.push(review);
    const isBad = review.object?.data?.bad !== undefined;
    const status = isBad ? { status: { message: "no bad things" } } : {};
    const answer = { uid: review.uid, allowed: !isBad, warnings: ["seen"], ...status };
    response.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: answer }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const caBundle = Buffer.from(certificate.cert).toString("base64");
  return {
    asked,
    clientConfig: { url: `https://127.0.0.1:${port}/check`, caBundle },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function configure(plane: TestPlane, clientConfig: object, more: object = {}): Promise<void> {
  const rules = [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }];
  const webhook = {
    name: "maps.example.com",
    clientConfig,
    rules,
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    ...more,
  };
  const { status } = await plane.call("POST", configurations, { metadata: { name: "maps" }, webhooks: [webhook] });
  assert.equal(status, 201);
}

test("a webhook refuses, warns and sees who wants what", async () => {
  await using webhook = await openWebhook();
  await using plane = await openTestPlane();
  await configure(plane, webhook.clientConfig);
  const made = await plane.call("POST", maps, map({ x: "1" }));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.match(made.headers.get("warning") ?? "", /seen/);
  const refused = await plane.call("PUT", `${maps}/a`, map({ bad: "1" }));
  assert.deepEqual(
    [refused.status, refused.body.reason, refused.body.message],
    [403, "Forbidden", 'admission webhook "maps.example.com" denied the request: no bad things'],
  );
  assert.deepEqual((await plane.call("GET", `${maps}/a`)).body.data, { x: "1" });
  await plane.call("DELETE", `${maps}/a`);
  assert.deepEqual(
    webhook.asked.map(({ operation, name }) => [operation, name]),
    [
      ["CREATE", "a"],
      ["UPDATE", "a"],
      ["DELETE", "a"],
    ],
  );
  const [, update] = webhook.asked as [JsonObject, { oldObject: { data: object }; userInfo: { username: string } }];
  assert.deepEqual([update.oldObject.data, update.userInfo.username], [{ x: "1" }, "admin"]);
});

test("a webhook is asked about what it selects only, and not once its configuration is gone", async () => {
  await using webhook = await openWebhook();
  await using plane = await openTestPlane();
  await configure(plane, webhook.clientConfig, { objectSelector: { matchLabels: { check: "yes" } } });
  assert.equal((await plane.call("POST", maps, map({ bad: "1" }))).status, 201);
  assert.equal(
    (await plane.call("POST", "/api/v1/namespaces/default/secrets", { metadata: { name: "s" } })).status,
    201,
  );
  const labelled = { ...map({ bad: "1" }, "b"), metadata: { name: "b", labels: { check: "yes" } } };
  assert.equal((await plane.call("POST", maps, labelled)).status, 403);
  await plane.call("DELETE", `${configurations}/maps`);
  assert.equal((await plane.call("POST", maps, labelled)).status, 201);
});

test("a webhook that does not answer fails the write, unless its failures are ignored", async () => {
  await using plane = await openTestPlane();
  await configure(plane, { service: { namespace: "x", name: "y" } });
  const { status, body } = await plane.call("POST", maps, map({}));
  assert.deepEqual([status, body.reason], [500, "InternalError"]);
  assert.match(body.message, /failed calling webhook "maps.example.com": no service runs here/);
  await plane.call("DELETE", `${configurations}/maps`);
  await configure(plane, { url: "https://127.0.0.1:1/none" }, { failurePolicy: "Ignore" });
  assert.equal((await plane.call("POST", maps, map({}))).status, 201);
});

test("writes at the same time are each reviewed as they are stored", async () => {
  await using webhook = await openWebhook();
  await using plane = await openTestPlane();
  await plane.call("POST", maps, map({}));
  await configure(plane, webhook.clientConfig);
  const merge = { "content-type": "application/merge-patch+json" };
  const results = await Promise.all(
    ["a", "b", "c"].map((key) => plane.call("PATCH", `${maps}/a`, { data: { [key]: "1" } }, merge)),
  );
  assert.deepEqual(
    results.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.deepEqual(Object.keys((await plane.call("GET", `${maps}/a`)).body.data).sort(), ["a", "b", "c"]);
});
