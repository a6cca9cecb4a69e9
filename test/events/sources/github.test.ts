import assert from "node:assert/strict";
import { createHmac, createVerify, generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { githubSource } from "../../../src/events/sources/github.ts";
import { type HookApi, startHookApi } from "../../harness/hook-api.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { serveSource } from "./served-source.ts";

const fixtures = join(import.meta.dirname, "../../../../shared/fixtures/webhooks");
const skip = existsSync(fixtures) ? false : "the folder of payloads that others wrote is not here";
const webhook = { endpoint: "/push", port: "0", method: "POST" };
const base: JsonObject = { webhook, repositories: [{ owner: "o", names: ["r"] }] };
const signed: JsonObject = { ...base, webhookSecret: { name: "s", key: "hmac" } };
const secrets = { "s/hmac": "swordfish", "s/token": "t1" };
const json = { "content-type": "application/json" };

function signature(body: string, secret = "swordfish", algorithm = "sha256"): string {
  return `${algorithm}=${createHmac(algorithm, secret).update(body).digest("hex")}`;
}

test("the event is the payload with sorted keys, the headers, event and delivery", async () => {
  await using source = await serveSource(githubSource, { ...signed, metadata: { team: "a" } }, secrets);
  const body = '{"zen":"x","id":9007199254740993,"a":{"d":1,"c":[{"f":1,"e":2}]}}';
  const headers = {
    ...json,
    "X-GitHub-Event": "push",
    "X-GitHub-Delivery": "72d3162e",
    "X-Hub-Signature-256": signature(body),
    Authorization: "Basic abc",
  };
  const answer = await source.send({ body, headers });
  assert.deepEqual([answer.status, answer.text], [200, "success"]);
  const [draft] = source.context.emitted;
  assert.equal(draft?.id, "default/es/e@72d3162e");
  assert.equal(
    JSON.stringify(draft?.data),
    JSON.stringify({
      headers: {
        Authorization: ["*** Masked Auth Secret ***"],
        Connection: ["close"],
        "Content-Length": [String(body.length)],
        "Content-Type": ["application/json"],
        "X-Github-Delivery": ["72d3162e"],
        "X-Github-Event": ["push"],
        "X-Hub-Signature-256": [signature(body)],
      },
      body: {
        "X-GitHub-Delivery": "72d3162e",
        "X-GitHub-Event": "push",
        a: { c: [{ e: 2, f: 1 }], d: 1 },
        id: 9007199254740992,
        zen: "x",
      },
      metadata: { team: "a" },
    }),
  );
});

for (const name of ["commit-event", "ping-event", "pull-request-opened-event"]) {
  test(`the body of github-${name}.json is taken as it is, as JSON and as form`, { skip }, async () => {
    await using source = await serveSource(githubSource, signed, secrets);
    const body = readFileSync(join(fixtures, `github-${name}.json`), "utf8");
    const form = new URLSearchParams({ payload: body }).toString();
    const sent = [
      { body, headers: { ...json, "X-Hub-Signature-256": signature(body) } },
      {
        body: form,
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          "X-Hub-Signature": signature(form, "swordfish", "sha1"),
        },
      },
    ];
    for (const { body: text, headers } of sent) {
      const answer = await source.send({ body: text, headers: { ...headers, "X-GitHub-Event": "push" } });
      assert.equal(answer.status, 200, answer.text);
    }
    assert.equal(source.context.emitted.length, 2);
    for (const { data } of source.context.emitted) {
      const wanted = { ...JSON.parse(body), "X-GitHub-Event": "push", "X-GitHub-Delivery": "" };
      assert.deepEqual((data as JsonObject).body, wanted);
    }
  });
}

const body = '{"a":1}';
const deep = `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
const refusals: readonly (readonly [string, Record<string, string>, string, number, string])[] = [
  ["no signature", json, body, 400, "missing signature"],
  [
    "a wrong signature",
    { ...json, "X-Hub-Signature-256": signature("x") },
    body,
    400,
    "payload signature check failed",
  ],
  [
    "another secret",
    { ...json, "X-Hub-Signature-256": signature(body, "x") },
    body,
    400,
    "payload signature check failed",
  ],
  ["half a signature", { ...json, "X-Hub-Signature-256": "sha256=0" }, body, 400, "error parsing signature"],
  ["an unknown hash", { ...json, "X-Hub-Signature": "md5=00" }, body, 400, "error parsing signature"],
  [
    "no JSON",
    { ...json, "X-Hub-Signature-256": signature("x") },
    "x",
    400,
    "failed to parse request body: it must be a JSON object",
  ],
  [
    "JSON that is nested without end",
    { ...json, "X-Hub-Signature-256": signature(deep) },
    deep,
    400,
    "failed to parse request body: it must be a JSON object",
  ],
  ["text", { "content-type": "text/plain" }, body, 400, 'webhook request has unsupported Content-Type "text/plain"'],
];
for (const [what, headers, text, status, wanted] of refusals) {
  test(`a request with ${what} is refused and counted, also where no hook is registered`, async () => {
    await using source = await serveSource(githubSource, signed, secrets);
    const answer = await source.send({ body: text, headers });
    assert.deepEqual([answer.status, answer.text], [status, wanted]);
    assert.equal(source.context.emitted.length, 0);
    assert.equal(source.context.failed.count, 1);
  });
}

test("a secret that is rotated counts from the next request on", async () => {
  const own: Record<string, string> = { ...secrets };
  await using source = await serveSource(githubSource, signed, own);
  const send = async (secret: string) =>
    (await source.send({ body, headers: { ...json, "X-Hub-Signature-256": signature(body, secret) } })).status;
  assert.equal(await send("swordfish"), 200);
  own["s/hmac"] = "new";
  assert.equal(await send("swordfish"), 400);
  assert.equal(await send("new"), 200);
  delete own["s/hmac"];
  assert.equal(await send("new"), 400);
});

const managed = (api: HookApi, more: JsonObject = {}): JsonObject => ({
  ...signed,
  webhook: { ...webhook, url: "https://hooks.example.com/" },
  repositories: [{ owner: "o", names: ["a", "b"] }],
  events: ["push", "pull_request"],
  active: true,
  contentType: "json",
  apiToken: { name: "s", key: "token" },
  githubBaseURL: api.url,
  githubUploadURL: api.url,
  ...more,
});

const startGithub = (other?: Parameters<typeof startHookApi>[0]["other"]): Promise<HookApi> =>
  startHookApi({
    header: "authorization",
    token: "Bearer t1",
    prefix: "/api/v3",
    updateMethod: "PATCH",
    ...(other && { other }),
  });

test("hooks are registered once, mended when they change, and removed at the end where that is asked for", async () => {
  await using api = await startGithub();
  const others = Array.from({ length: 150 }, (_, id) => ({ id: 1_000 + id, config: { url: `https://x/${id}` } }));
  api.hooks.set("/repos/o/b", others);
  const clock = createVirtualClock();
  await using source = await serveSource(
    githubSource,
    managed(api, { deleteHookOnFinish: true }),
    { ...secrets },
    { clock },
  );
  const config = {
    url: "https://hooks.example.com/push",
    content_type: "json",
    insecure_ssl: "0",
    secret: "swordfish",
  };
  const wanted = { active: true, events: ["push", "pull_request"], config };
  const round = async (): Promise<void> => {
    await waitFor("the keeper to sleep", () => clock.sleeping > 0);
    await clock.advance(60_000);
    await waitFor("the keeper to sleep again", () => clock.sleeping > 0);
  };
  await waitFor("both hooks", () => api.writes.length === 2);
  assert.deepEqual(api.writes, [
    { method: "POST", path: "/api/v3/repos/o/a/hooks", body: { name: "web", ...wanted } },
    { method: "POST", path: "/api/v3/repos/o/b/hooks", body: { name: "web", ...wanted } },
  ]);
  await round();
  assert.equal(api.writes.length, 2, "the hook on the second page is found again");
  const [own] = api.hooks.get("/repos/o/a") ?? [];
  Object.assign(own ?? {}, { events: ["push"], active: false });
  await round();
  assert.deepEqual(api.writes.slice(2), [{ method: "PATCH", path: "/api/v3/repos/o/a/hooks/1", body: wanted }]);
  api.hooks.set("/repos/o/a", []);
  await round();
  assert.equal(api.writes.length, 4, "a hook that someone removed is registered again");
  await source.stop();
  assert.deepEqual(api.hooks.get("/repos/o/a"), []);
  assert.deepEqual(api.hooks.get("/repos/o/b"), others);
});

test("bad credentials are the event's status within five seconds, and it recovers when they are mended", async () => {
  await using api = await startGithub();
  const own: Record<string, string> = { ...secrets, "s/token": "wrong" };
  await using source = await serveSource(githubSource, managed(api), own);
  await waitFor("the failure", () => source.context.failures.length > 0, 5_000);
  assert.match(
    source.context.failures[0] ?? "",
    /hook could not be registered: GET .*\/hooks: status 401 \(Bad credentials\)/,
  );
  const answer = await source.send({ body, headers: { ...json, "X-Hub-Signature-256": signature(body) } });
  assert.equal(answer.status, 200, "what comes all the same is taken");
  own["s/token"] = "t1";
  await waitFor("both hooks", () => api.writes.length === 2);
  await waitFor("it to be ready", () => source.context.failures.length === 0);
});

test("a GitHub App signs a statement and uses the token that it gets, until that expires", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const statements: string[] = [];
  await using api = await startGithub(({ path }, authorization) => {
    if (path !== "/api/v3/app/installations/7/access_tokens") return undefined;
    statements.push(authorization.slice("Bearer ".length));
    return { token: "t1", expires_at: "2999-01-01T00:00:00Z" };
  });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const spec = managed(api, { githubApp: { privateKey: { name: "s", key: "pem" }, appID: 5, installationID: 7 } });
  await using source = await serveSource(githubSource, spec, { ...secrets, "s/pem": pem });
  await waitFor("both hooks", () => api.writes.length === 2);
  assert.equal(statements.length, 1);
  const [head = "", claims = "", sign = ""] = (statements[0] ?? "").split(".");
  assert.ok(createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(publicKey, sign, "base64url"));
  const { iss, iat, exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, number>;
  assert.equal(iss, "5");
  assert.ok((exp ?? 0) - (iat ?? 0) <= 600);
  assert.deepEqual(source.context.failures, []);
});
