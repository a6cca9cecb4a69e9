import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { CloudAccount } from "../../../src/gitops/source/cloud-account.ts";
import { createCloudTokens } from "../../../src/gitops/source/cloud-tokens.ts";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { type HttpSink, type SinkAnswer, startAnswering } from "../../harness/http-sink.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { refuse, startDoor } from "./door.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

const granted: SinkAnswer = {
  status: 200,
  body: JSON.stringify({ access_token: "t0ken", expires_in: 3600, token_type: "Bearer" }),
};

/** A stand-in for a cloud's token endpoint; answers `granted` by default. */
function startCloud(answer: () => SinkAnswer = () => granted): Promise<HttpSink> {
  return startAnswering(answer);
}

/** A Git server that lets in whoever shows exactly this. */
function startRepository(authorization: string) {
  return startDoor((request, response) => request.headers.authorization === authorization || refuse(response));
}

function google(cloud: HttpSink): CloudAccount {
  return { kind: "google", email: "ci@shop.example", keyId: "key-1", privateKey: pem, tokenUrl: `${cloud.url}/token` };
}

function azure(cloud: HttpSink): CloudAccount {
  return { kind: "azure", tenantId: "tenant-1", clientId: "client-1", clientSecret: "s3cret", authority: cloud.url };
}

function formOf({ requests }: HttpSink): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(requests[0]?.body ?? ""));
}

test("Google's service account signs for itself, and shows Git what it gets for that", async () => {
  await using cloud = await startCloud();
  await using door = await startRepository(`Basic ${Buffer.from("ci@shop.example:t0ken").toString("base64")}`);
  await using rig = await openSources({ access: () => ({ ...anonymousAccess, cloudAccount: google(cloud) }) });
  assert.ok((await rig.sources.tips(door.url, never)).size > 0);
  await rig.sources.fetch(door.url, {}, never);
  assert.equal(cloud.requests.length, 1, "one token for both");
  assert.equal(cloud.requests[0]?.path, "/token");
  const { grant_type, assertion = "" } = formOf(cloud);
  assert.equal(grant_type, "urn:ietf:params:oauth:grant-type:jwt-bearer");
  const [head = "", body = "", signature = ""] = assertion.split(".");
  assert.ok(verify("RSA-SHA256", Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, "base64url")));
  const decoded = [head, body].map((part) => JSON.parse(Buffer.from(part, "base64url").toString("utf8")));
  assert.deepEqual(decoded[0], { alg: "RS256", typ: "JWT", kid: "key-1" });
  const { iss, scope, aud, iat, exp } = decoded[1];
  assert.deepEqual(
    [iss, scope, aud, exp - iat],
    ["ci@shop.example", "https://www.googleapis.com/auth/cloud-platform", `${cloud.url}/token`, 3600],
  );
  assert.doesNotMatch(await rig.seen(), /t0ken|PRIVATE/);
});

test("Azure's service principal shows its secret to Azure, and its token to Git", async () => {
  await using cloud = await startCloud();
  await using door = await startRepository("Bearer t0ken");
  await using rig = await openSources({ access: () => ({ ...anonymousAccess, cloudAccount: azure(cloud) }) });
  assert.ok((await rig.sources.tips(door.url, never)).size > 0);
  assert.equal(cloud.requests[0]?.path, "/tenant-1/oauth2/v2.0/token");
  assert.deepEqual(formOf(cloud), {
    grant_type: "client_credentials",
    client_id: "client-1",
    client_secret: "s3cret",
    scope: "499b84ac-1321-427f-aa17-267ca6975798/.default",
  });
  assert.doesNotMatch(await rig.seen(), /t0ken|s3cret/);
});

test("this process as Azure's workload: the token of its Pod is changed for one of Azure's", async () => {
  await using cloud = await startCloud();
  await using folder = await tempDir();
  const file = join(folder.path, "token");
  await writeFile(file, "pod-token\n");
  await using door = await startRepository("Bearer t0ken");
  const cloudAccount = { kind: "azure workload" } as const;
  const identity = {
    AZURE_CLIENT_ID: "client-2",
    AZURE_TENANT_ID: "tenant-2",
    AZURE_FEDERATED_TOKEN_FILE: file,
    AZURE_AUTHORITY_HOST: `${cloud.url}/`,
  };
  await using rig = await openSources({ access: () => ({ ...anonymousAccess, cloudAccount }), identity });
  assert.ok((await rig.sources.tips(door.url, never)).size > 0);
  assert.equal(cloud.requests[0]?.path, "/tenant-2/oauth2/v2.0/token");
  assert.deepEqual(formOf(cloud), {
    grant_type: "client_credentials",
    client_id: "client-2",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: "pod-token",
    scope: "499b84ac-1321-427f-aa17-267ca6975798/.default",
  });

  await rm(file);
  await using later = await openSources({ access: () => ({ ...anonymousAccess, cloudAccount }), identity });
  await assert.rejects(later.sources.tips(door.url, never), {
    code: "GIT_FAILED",
    message: /TOKEN_FILE cannot be read/,
  });
  await using nobody = await openSources({ access: () => ({ ...anonymousAccess, cloudAccount }) });
  await assert.rejects(nobody.sources.tips(door.url, never), {
    code: "GIT_AUTH_FAILED",
    message: /AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE are not set/,
  });
});

test("a token is used until five minutes before its end", async () => {
  await using cloud = await startCloud();
  const clock = createVirtualClock("2026-11-30T00:00:00Z");
  const tokens = createCloudTokens({ clock, env: {}, identity: {} });
  const show = () => tokens.show(azure(cloud), anonymousAccess, never);
  assert.deepEqual(await show(), { rights: { ...anonymousAccess, bearerToken: "t0ken" }, basic: undefined });
  await clock.advance(55 * 60_000 - 1);
  await show();
  assert.equal(cloud.requests.length, 1);
  await clock.advance(1);
  await show();
  assert.equal(cloud.requests.length, 2);
});

for (const [name, answer, expected] of [
  [
    "a refusal is told with the cloud's code, and nothing else of what it says",
    { status: 401, body: '{"error": "invalid_client", "error_description": "s3cret is wrong"}' },
    {
      code: "GIT_AUTH_FAILED",
      message: "the Azure application client-1 is refused a token (status 401: invalid_client)",
    },
  ],
  ["an answer without a token may pass", { status: 200, body: "{}" }, { code: "GIT_FAILED" }],
  ["a cloud that is broken may pass", { status: 503, body: "<html>" }, { code: "GIT_FAILED", message: /answer 503/ }],
  ["text that is no JSON may pass", { status: 200, body: "<html>" }, { code: "GIT_FAILED" }],
  ["an answer without end is not read", { status: 200, body: "x".repeat(300_000) }, { code: "GIT_TOO_LARGE" }],
] as const) {
  test(`no token: ${name}`, async () => {
    await using cloud = await startCloud(() => answer);
    const tokens = createCloudTokens({ clock: createVirtualClock("2026-11-30T00:00:00Z"), env: {}, identity: {} });
    await assert.rejects(tokens.show(azure(cloud), anonymousAccess, never), expected);
  });
}

test("a key that is none says so", async () => {
  await using cloud = await startCloud();
  const tokens = createCloudTokens({ clock: createVirtualClock("2026-11-30T00:00:00Z"), env: {}, identity: {} });
  const broken = { ...google(cloud), privateKey: "none" } as CloudAccount;
  await assert.rejects(tokens.show(broken, anonymousAccess, never), {
    code: "GIT_AUTH_FAILED",
    message: /expected PEM/,
  });
});
