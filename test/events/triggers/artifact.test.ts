import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { signAwsRequest } from "../../../src/base/aws-signature.ts";
import { instant } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { readArtifact } from "../../../src/events/triggers/artifact.ts";
import type { ArtifactSource } from "../../../src/events/triggers/artifact-schema.ts";
import { githubAppToken } from "../../../src/events/triggers/github-app.ts";
import type { GitFile, TriggerContext } from "../../../src/events/triggers/trigger.ts";
import { startAnswering } from "../../harness/http-sink.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { never, triggerContext } from "./trigger-context.ts";

const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
const text = `${JSON.stringify(object)}\n`;

function read(source: unknown, parts: Partial<TriggerContext> = {}, secrets: Record<string, string> = {}) {
  return readArtifact(source as ArtifactSource, "k8s.source", triggerContext({ ...parts }, secrets), never);
}

/** A clock on which nobody waits. */
const noWait: Pick<TriggerContext, "clock"> = {
  clock: { now: () => instant(0), monotonicMs: () => 0, sleepUntil: async () => undefined },
};

test("a ConfigMap's key holds the object; of several places the first counts", async () => {
  const source = { configmap: { name: "cm", key: "wf" }, resource: { other: true } };
  assert.deepEqual(await read(source, {}, { "cm/wf": text }), object);
  await assert.rejects(read(source), { code: "SECRET_MISSING" });
});

test("a file is found below its root only", async () => {
  await using dir = await tempDir();
  const root = join(dir.path, "files");
  await mkdir(join(root, "deep"), { recursive: true });
  await writeFile(join(root, "deep", "a.yaml"), text);
  await writeFile(join(dir.path, "secret.yaml"), text);
  await symlink(join(dir.path, "secret.yaml"), join(root, "link.yaml"));
  const from = (path: string) => read({ file: { path } }, { fileRoot: root, ...noWait });
  for (const path of ["deep/a.yaml", "/deep/a.yaml", "../deep/a.yaml", join(root, "deep/a.yaml")]) {
    assert.deepEqual(await from(path), object, path);
  }
  await assert.rejects(from("link.yaml"), { code: "MANIFEST_INVALID", message: /leads out of the root/ });
  await assert.rejects(from("../secret.yaml"), {
    code: "ARTIFACT_UNREADABLE",
    message: /"..\/secret.yaml" does not exist/,
  });
  await assert.rejects(read({ file: { path: "a" } }), { code: "TRIGGER_UNSUPPORTED" });
});

test("a URL is fetched, followed, and asked only for changes the next time", async () => {
  await using server = await startAnswering(({ path, headers }) => {
    if (path === "/moved") return { status: 302, headers: { location: "/wf.yaml" } };
    if (headers["if-none-match"] === '"1"') return { status: 304 };
    return { status: 200, body: text, headers: { etag: '"1"' } };
  });
  const source = { url: { path: `${server.url}/wf.yaml` } };
  assert.deepEqual(await read(source), object);
  assert.deepEqual(await read(source), object);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers["if-none-match"]),
    [undefined, '"1"'],
  );
  assert.deepEqual(await read({ url: { path: `${server.url}/moved` } }), object);
  await assert.rejects(read(source, { allowLoopback: false }), { code: "HTTP_REFUSED" });
});

test("a place that fails for a moment is asked five times, one that says no once", async () => {
  let asked = 0;
  await using flaky = await startAnswering(() => {
    asked += 1;
    return asked < 5 ? { status: 503 } : { status: 200, body: text };
  });
  assert.deepEqual(await read({ url: { path: `${flaky.url}/flaky` } }, noWait), object);
  assert.equal(asked, 5);
  await using no = await startAnswering(() => ({ status: 404 }));
  await assert.rejects(read({ url: { path: `${no.url}/no` } }, noWait), /k8s.source.url: http:.*\/no answered 404/);
  assert.equal(no.requests.length, 1);
});

test("what is too large is refused, not cut", async () => {
  await using server = await startAnswering(() => ({ status: 200, body: "a".repeat(512 * 1024 + 1) }));
  await assert.rejects(read({ url: { path: `${server.url}/big` } }, noWait), /more than 524288 bytes/);
});

test("an object of S3 is asked for with a signature that the store can check", async () => {
  const keys = { accessKey: "AK", secretKey: "SK" };
  await using store = await startAnswering(({ path, headers }) => {
    const at = String(headers["x-amz-date"]).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
    const url = new URL(path, `http://${headers.host}`);
    const scope = { region: "eu-central-1", service: "s3", at: instant(Date.parse(at)) };
    const { authorization } = signAwsRequest({ method: "GET", url }, keys, scope);
    return headers.authorization === authorization ? { status: 200, body: text } : { status: 403 };
  });
  const s3 = {
    endpoint: new URL(store.url).host,
    insecure: true,
    region: "eu-central-1",
    bucket: { name: "workflows", key: "some dir/a+b.yaml" },
    accessKey: { name: "s3", key: "a" },
    secretKey: { name: "s3", key: "s" },
  };
  assert.deepEqual(await read({ s3 }, {}, { "s3/a": " AK ", "s3/s": "SK\n" }), object);
  assert.equal(store.requests[0]?.path, "/workflows/some%20dir/a%2Bb.yaml");
  await assert.rejects(read({ s3 }, {}, { "s3/a": "AK", "s3/s": "wrong" }), { code: "ARTIFACT_UNREADABLE" });
});

test("Git is asked for one file at a ref, else a tag, else a branch, as who the source says", async () => {
  const asked: GitFile[] = [];
  const git = {
    async read(file: GitFile) {
      asked.push(file);
      return Buffer.from(text);
    },
  };
  const source = { url: "https://git.example/r.git", filePath: "/deep/wf.yaml" };
  const creds = { username: { name: "g", key: "u" }, password: { name: "g", key: "p" } };
  const secrets = { "g/u": "me", "g/p": "pass" };
  await read({ git: source }, { git });
  await read({ git: { ...source, branch: "main", tag: "v1", creds } }, { git }, secrets);
  await read(
    {
      git: {
        ...source,
        branch: "main",
        ref: "refs/heads/x",
        sshKeySecret: creds.password,
        insecureIgnoreHostKey: false,
      },
    },
    { git },
    secrets,
  );
  const place = { url: source.url, path: "deep/wf.yaml" };
  assert.deepEqual(asked, [
    { ...place, revision: "master" },
    { ...place, revision: "v1", credentials: { username: "me", password: "pass" } },
    { ...place, revision: "refs/heads/x", sshKey: "pass", ignoreHostKey: false },
  ]);
  await assert.rejects(read({ git: { ...source, filePath: "../x" } }, { git }), /must not contain/);
});

test("an app of GitHub gets a token with a signed request, and keeps it while it is valid", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await using api = await startAnswering(({ headers }) => {
    const [head = "", body = "", signature = ""] = String(headers.authorization).replace("Bearer ", "").split(".");
    const isSigned = verify(
      "RSA-SHA256",
      Buffer.from(`${head}.${body}`),
      publicKey,
      Buffer.from(signature, "base64url"),
    );
    const { iss } = JSON.parse(Buffer.from(body, "base64url").toString());
    if (!isSigned || iss !== "12") return { status: 401 };
    return { status: 201, body: JSON.stringify({ token: "ghs_1", expires_at: "2099-01-01T00:00:00Z" }) };
  });
  const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  const app = { privateKey: pem, appId: "12", installationId: "34" };
  const ask = (id: string) => githubAppToken({ ...app, appId: id }, "git", triggerContext(), never, api.url);
  assert.equal(await ask("12"), "ghs_1");
  assert.equal(await ask("12"), "ghs_1");
  assert.deepEqual(
    api.requests.map(({ path }) => path),
    ["/app/installations/34/access_tokens"],
  );
  await assert.rejects(ask("99"), (error) => error instanceof EngineError && error.code === "GIT_AUTH_FAILED");
});

test("a rehearsal reads nothing, and says so", async () => {
  const offline = { isOffline: true };
  await assert.rejects(read({ configmap: { name: "cm", key: "wf" } }, offline), { code: "TRIGGER_OFFLINE" });
  assert.deepEqual(await read({ inline: text }, offline), object);
});
