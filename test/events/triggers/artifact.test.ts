import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { signAwsRequest } from "../../../src/base/aws-signature.ts";
import { instant, systemClock } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { readArtifact } from "../../../src/events/triggers/artifact.ts";
import type { ArtifactSource } from "../../../src/events/triggers/artifact-schema.ts";
import { githubAppToken } from "../../../src/events/triggers/github-app.ts";
import type { GitFile, TriggerContext } from "../../../src/events/triggers/trigger.ts";
import { ensureCertificate } from "../../../src/local/certificate.ts";
import { startAnswering } from "../../harness/http-sink.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { never, triggerContext } from "./trigger-context.ts";

const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
const text = `${JSON.stringify(object)}\n`;

function read(source: unknown, parts: Partial<TriggerContext> = {}, secrets: Record<string, string> = {}) {
  return readArtifact(source as ArtifactSource, "k8s.source", triggerContext({ ...parts }, secrets), never);
}

/** Each line repeats the one before ten times. */
const growing = [..."bcdefghijkl"]
  .map((name, index) => `${name}: &${name} [${Array(10).fill(`*${"abcdefghijkl"[index]}`)}]`)
  .join("\n");

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
  await assert.rejects(from("deep"), { code: "MANIFEST_INVALID", message: /"deep" is no file/ });
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

test("a store's authority can be given; without one, and for URLs, the system's count", async () => {
  await using folder = await tempDir();
  const { cert, key } = await ensureCertificate(folder.path, systemClock);
  const server = createServer({ cert, key }, (_request, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const s3 = { endpoint: `127.0.0.1:${port}`, bucket: { name: "b", key: "k" } };
    const secrets = { "s3/ca": cert };
    assert.deepEqual(await read({ s3: { ...s3, caCertificate: { name: "s3", key: "ca" } } }, {}, secrets), object);
    const url = { path: `https://127.0.0.1:${port}/wf.yaml` };
    assert.deepEqual(await read({ url: { ...url, verifyCert: false } }), object);
    for (const source of [{ s3 }, { url }, { url: { ...url, verifyCert: true } }]) {
      await assert.rejects(read(source, noWait), { code: "HTTP_FAILED", message: /certificate/ });
    }
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("a bucket is asked for where the store says that it is, unless the region is given", async () => {
  await using store = await startAnswering(({ headers }) => {
    if (headers.authorization?.includes("/eu-north-1/s3/")) return { status: 200, body: text };
    return { status: 400, headers: { "x-amz-bucket-region": "eu-north-1" } };
  });
  const selector = { name: "s3", key: "k" };
  const s3 = {
    ...{ endpoint: new URL(store.url).host, insecure: true, bucket: { name: "b", key: "k" } },
    ...{ accessKey: selector, secretKey: selector },
  };
  const secrets = { "s3/k": "K" };
  assert.deepEqual(await read({ s3 }, {}, secrets), object);
  assert.equal(store.requests.length, 2);
  await assert.rejects(read({ s3: { ...s3, region: "us-west-1" } }, {}, secrets), /answered 400/);
});

test("a URL's login is sent, and no error shows it", async () => {
  await using server = await startAnswering(({ path, headers }) => {
    if (path === "/gone") return { status: 404 };
    return headers.authorization === "Basic bWU6cGFzcw==" ? { status: 200, body: text } : { status: 401 };
  });
  const url = server.url.replace("//", "//me:pass@");
  assert.deepEqual(await read({ url: { path: `${url}/a` } }), object);
  for (const path of [`${url}/gone`, url.replace("http:", "ftp:")]) {
    await assert.rejects(read({ url: { path } }), ({ message }: Error) => {
      assert.match(message, /k8s\.source\.url/);
      return !message.includes("pass");
    });
  }
});

for (const [what, hostile, expected] of [
  [
    "aliases that grow",
    `a: &a [x,x,x,x,x,x,x,x,x,x]\n${growing}`,
    /k8s.source.inline: not YAML: aliases repeat too much/,
  ],
  ["nesting without end", "[".repeat(100_000), /not YAML: .*nesting exceeded/],
  ["no object", "- a", /must hold an object/],
  ["an empty first document", "---\n---\nkind: a", /must hold an object/],
  ["keys given twice", "kind: a\nkind: b", /not YAML: .*duplicate/i],
] as const) {
  test(`refuses ${what}`, async () => {
    await assert.rejects(read({ inline: hostile }), { code: "MANIFEST_INVALID", message: expected });
  });
}

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
    { ...place, revision: "v1", isTag: true, credentials: { username: "me", password: "pass" } },
    { ...place, revision: "refs/heads/x", sshKey: "pass", ignoreHostKey: false },
  ]);
  for (const odd of [{ filePath: "../x" }, { filePath: "~/x" }, { cloneDirectory: "/tmp/../x" }]) {
    await assert.rejects(read({ git: { ...source, ...odd } }, { git }), /must not contain/);
  }
  await read({ git: { ...source, remote: { name: "up", urls: ["https://other.example/r.git"] } } }, { git });
  assert.equal(asked.at(-1)?.url, "https://other.example/r.git");
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
