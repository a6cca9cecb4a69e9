import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type AwsSurroundings, createAwsIdentity } from "../../src/base/aws-identity.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

const { signal } = new AbortController();
const keys = { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "SK" };

interface Asked {
  readonly url: string;
  readonly authorization: string;
  readonly form: Readonly<Record<string, string>>;
}

/** STS as documented: each session has a name of its own and ends after an hour. */
function open(surroundings: AwsSurroundings, roleARN?: string) {
  const clock = createVirtualClock();
  const asked: Asked[] = [];
  const answer = { status: 200, text: undefined as string | undefined };
  const post = async (url: string, headers: Readonly<Record<string, string>>, body: string) => {
    asked.push({
      url,
      authorization: headers.authorization ?? "",
      form: Object.fromEntries(new URLSearchParams(body)),
    });
    const ends = new Date(clock.now() + 3_600_000).toISOString();
    const text =
      `<R><Credentials><AccessKeyId>A${asked.length}</AccessKeyId><SecretAccessKey>S</SecretAccessKey>` +
      `<SessionToken>T</SessionToken><Expiration>${ends}</Expiration></Credentials></R>`;
    return { status: answer.status, text: answer.text ?? text };
  };
  const wish = { region: "eu-central-1", ...(roleARN && { roleARN }) };
  return { clock, asked, answer, identity: createAwsIdentity(wish, { surroundings, post, clock }) };
}

test("keys of the surroundings count as they are", async () => {
  const { identity, asked } = open({ ...keys, AWS_SESSION_TOKEN: "tok" });
  assert.deepEqual(await identity(signal), { accessKey: "AK", secretKey: "SK", sessionToken: "tok" });
  assert.deepEqual(asked, []);
});

test("a role is taken on with them, once for many requests, and again before its session ends", async () => {
  const { identity, asked, clock } = open(keys, "arn:r");
  const [first, second] = await Promise.all([identity(signal), identity(signal)]);
  assert.deepEqual(first, { accessKey: "A1", secretKey: "S", sessionToken: "T" });
  assert.deepEqual(second, first);
  await clock.advance(54 * 60_000);
  assert.deepEqual(await identity(signal), first);
  await clock.advance(2 * 60_000);
  assert.equal((await identity(signal)).accessKey, "A2");
  const [{ url, authorization, form } = {} as Asked] = asked;
  assert.equal(url, "https://sts.eu-central-1.amazonaws.com/");
  assert.match(authorization, /^AWS4-HMAC-SHA256 Credential=AK\/20260101\/eu-central-1\/sts\/aws4_request/);
  assert.deepEqual(form, { Version: "2011-06-15", Action: "AssumeRole", RoleArn: "arn:r", RoleSessionName: "tiphys" });
});

test("the token of a service account is exchanged, read anew each time, and takes on another role", async () => {
  await using folder = await tempDir();
  const file = join(folder.path, "token");
  await writeFile(file, "one\n");
  const surroundings = {
    AWS_ROLE_ARN: "arn:own",
    AWS_WEB_IDENTITY_TOKEN_FILE: file,
    AWS_ENDPOINT_URL_STS: "http://s/",
  };
  const { identity, asked, clock } = open(surroundings, "arn:other");
  assert.equal((await identity(signal)).accessKey, "A2");
  await writeFile(file, "two");
  await clock.advance(3_600_000);
  await identity(signal);
  assert.deepEqual(
    asked.map(({ form }) => [form.Action, form.RoleArn, form.WebIdentityToken]),
    [
      ["AssumeRoleWithWebIdentity", "arn:own", "one"],
      ["AssumeRole", "arn:other", undefined],
      ["AssumeRoleWithWebIdentity", "arn:own", "two"],
      ["AssumeRole", "arn:other", undefined],
    ],
  );
  assert.equal(asked[0]?.authorization, "", "the token is the proof");
  assert.match(asked[1]?.authorization ?? "", /Credential=A1\//);
  assert.ok(asked.every(({ url }) => url === "http://s/"));
});

test("what goes wrong is said, without a token or key, and forgotten", async () => {
  const denied = open(keys, "arn:r");
  denied.answer.status = 403;
  denied.answer.text = "<Error><Code>AccessDenied</Code><Message>not you</Message></Error>";
  const message = "AssumeRole of arn:r at sts.eu-central-1.amazonaws.com: status 403 AccessDenied: not you";
  await assert.rejects(denied.identity(signal), { code: "CREDENTIALS_FAILED", message });
  Object.assign(denied.answer, { status: 200, text: "<html>" });
  await assert.rejects(denied.identity(signal), /gave no credentials/);
  denied.answer.text = undefined;
  assert.equal((await denied.identity(signal)).accessKey, "A3");
  await assert.rejects(open({}).identity(signal), /has no identity of AWS: neither AWS_ACCESS_KEY_ID/);
  const unreadable = open({ AWS_ROLE_ARN: "r", AWS_WEB_IDENTITY_TOKEN_FILE: "/none" });
  await assert.rejects(unreadable.identity(signal), /AWS_WEB_IDENTITY_TOKEN_FILE: "\/none" cannot be read/);
  assert.throws(() => open(undefined), { code: "CREDENTIALS_FAILED", message: /those of a Pod/ });
});
