import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { refuse, startDoor } from "../gitops/source/door.ts";
import { createClientCertificate } from "../harness/client-certificate.ts";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { createTestRepository } from "../harness/git-repository.ts";
import { startHelmServer } from "../harness/helm-repository.ts";
import { startAnswering } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing, kubectlPath, run } from "../harness/run.ts";
import { sshdMissing, startSshd } from "../harness/sshd.ts";
import { tempDir } from "../harness/temp-dir.ts";

const open = new AsyncDisposableStack();
let engine: RunningEngine;
let folder: string;

before(async () => {
  folder = open.use(await tempDir()).path;
  engine = open.use(await startEngine());
});

after(() => open.disposeAsync());
failOnLeakedChildren();

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** Runs `repo add`; gives its error, or "" when it was added. No secret is in what it says. */
async function add(url: string, ...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await engine.cli(["repo", "add", url, ...flags]);
  assert.doesNotMatch(stdout + stderr + engine.output, /s3cret|t0ken|PRIVATE KEY/);
  if (code !== 0) return stderr;
  assert.equal(stdout, `Repository '${url}' added\n`);
  const { stdout: row } = await engine.cli(["repo", "get", url]);
  assert.match(row, / Successful\s/, row);
  return "";
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

test("with an SSH key, of hosts that are known", { skip: sshdMissing() ?? false }, async () => {
  await using server = await startSshd();
  await using repository = await createTestRepository();
  await repository.commit({ a: "1" });
  const url = server.urlOf(repository.path);
  const [own, other] = [await file("own", server.privateKey), await file("other", server.otherKey)];
  assert.match(await add(url, "--ssh-private-key-path", own), /argocd-ssh-known-hosts-cm/);
  await engine.cli(["cert", "add-ssh", "--from", await file("hosts", server.knownHosts)]);
  assert.match(await add(url, "--ssh-private-key-path", other), /the server did not take the SSH key/);
  assert.equal(await add(url, "--ssh-private-key-path", own), "");
  await engine.cli(["repo", "rm", url]);
  await engine.cli(["cert", "rm", "*"]);
  assert.equal(await add(url, "--ssh-private-key-path", own, "--insecure-ignore-host-key"), "");
});

test("with a client certificate, and a proxy", async () => {
  const certificate = await ensureCertificate(folder, systemClock);
  const client = await createClientCertificate();
  await using door = await startDoor(() => true, { ...certificate, clientCa: client.cert });
  const [cert, key] = [await file("client.pem", client.cert), await file("client.key", client.key)];
  const pair = ["--tls-client-cert-path", cert, "--tls-client-cert-key-path", key];
  assert.match(await add(door.url, ...pair), /Unable to connect to repository/); // nobody vouches for the server
  assert.match(await add(door.url, "--insecure-skip-server-verification"), /Unable to connect to repository/);
  assert.match(await add(door.url, "--tls-client-cert-path", cert), /needs --tls-client-cert-key-path beside it/);
  assert.equal(await add(door.url, ...pair, "--insecure-skip-server-verification"), "");
  await engine.cli(["repo", "rm", door.url]);
  await engine.cli(["cert", "add-tls", "127.0.0.1", "--from", await file("server.pem", certificate.cert)]);
  assert.equal(await add(door.url, ...pair), "");
  await using plain = await startDoor(() => true);
  assert.match(await add(plain.url, "--proxy", "http://127.0.0.1:9"), /Unable to connect to repository/);
  assert.equal(await add(plain.url, "--proxy", "http://127.0.0.1:9", "--no-proxy", "127.0.0.1"), "");
});

test("as a GitHub App, a service account of Google, an application of Azure, with a token or a password", async () => {
  const answers: Readonly<Record<string, object>> = {
    "/app/installations/34/access_tokens": { token: "t0ken" },
    "/google": { access_token: "t0ken", expires_in: 3600 },
    "/tenant-1/oauth2/v2.0/token": { access_token: "t0ken", expires_in: 3600 },
  };
  await using cloud = await startAnswering(({ path, body }) => {
    const answer = body.includes("wrong-s3cret") ? undefined : answers[path];
    return answer ? { status: path.startsWith("/app") ? 201 : 200, body: JSON.stringify(answer) } : { status: 401 };
  });
  const key = await file("app.pem", pem);
  const account = { type: "service_account", client_email: "ci@shop.example", private_key: pem };
  const google = await file("google.json", JSON.stringify({ ...account, token_uri: `${cloud.url}/google` }));
  const azure = (secret: string): readonly string[] => [
    ...["--azure-service-principal-client-id", "client-1", "--azure-service-principal-client-secret", secret],
    ...["--azure-service-principal-tenant-id", "tenant-1", "--azure-active-directory-endpoint", cloud.url],
  ];
  const app = (id: string): readonly string[] => [
    ...["--github-app-id", "12", "--github-app-installation-id", id, "--github-app-private-key-path", key],
    ...["--github-app-enterprise-base-url", cloud.url],
  ];
  const cases: readonly (readonly [shown: string, good: readonly string[], bad: readonly string[]])[] = [
    [basic("x-access-token:t0ken"), app("34"), app("35")],
    [
      basic("ci@shop.example:t0ken"),
      ["--gcp-service-account-key-path", google],
      ["--gcp-service-account-key-path", key],
    ],
    ["Bearer t0ken", azure("s3cret"), azure("wrong-s3cret")],
    ["Bearer t0ken", ["--bearer-token", "t0ken"], ["--bearer-token", "other"]],
    [basic("me:s3cret"), ["--username", "me", "--password", "s3cret"], ["--username", "me", "--password", "no"]],
  ];
  for (const [shown, good, bad] of cases) {
    await using door = await startDoor(({ headers }, response) => headers.authorization === shown || refuse(response));
    assert.match(await add(door.url, ...bad), /Unable to connect to repository/, bad.join(" "));
    assert.equal(await add(door.url, ...good), "", good.join(" "));
    await engine.cli(["repo", "rm", door.url]);
    // The same by a template for all that begins so.
    const { origin } = new URL(door.url);
    const made = await engine.cli(["repocreds", "add", origin, ...good]);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(await add(door.url), "", `inherited: ${good.join(" ")}`);
  }
});

test("templates spell Azure's keys as the original does", { skip: kubectlMissing() ?? false }, async () => {
  const flags = ["--azure-service-principal-client-id", "c", "--azure-service-principal-client-secret", "s3cret"];
  const url = "https://dev.azure.example";
  await engine.cli(["repocreds", "add", url, ...flags, "--azure-service-principal-tenant-id", "t"]);
  const { kubeconfig, kube } = engine.endpoints;
  assert.ok(kubeconfig);
  const args = ["--kubeconfig", kubeconfig, "--server", kube, "get", "secrets", "-n", "argocd", "-o", "json"];
  const { stdout } = await run(kubectlPath() ?? "kubectl", args);
  const { items } = JSON.parse(stdout) as { items: { data: Record<string, string> }[] };
  const stored = items.find(({ data }) => Buffer.from(data.url ?? "", "base64").toString() === url);
  assert.deepEqual(Object.keys(stored?.data ?? {}).sort(), [
    "azureServicePrincipalClientID",
    "azureServicePrincipalClientSecret",
    "azureServicePrincipalTenantID",
    "type",
    "url",
  ]);
});

test("charts and artifacts are asked for, too", async () => {
  await using charts = await startHelmServer("me:s3cret");
  charts.publish("web", "1.0.0");
  const helm = ["--type", "helm", "--name", "charts"];
  assert.match(await add(charts.url, ...helm), /authentication required/);
  assert.match(await add(charts.url, ...helm, "--username", "me", "--password", "no"), /authentication required/);
  assert.equal(await add(charts.url, ...helm, "--username", "me", "--password", "s3cret"), "");
  // A registry that gives tokens for a password.
  const registry = createServer(({ url = "", headers }, response) => {
    const isLoggedIn = headers.authorization === "Bearer t0ken";
    const realm = `http://${headers.host}/token`;
    if (url.startsWith("/token")) {
      response
        .writeHead(headers.authorization === basic("me:s3cret") ? 200 : 401)
        .end(JSON.stringify({ token: "t0ken" }));
    } else if (!isLoggedIn)
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="x"` }).end();
    else if (url === "/v2/" || url.startsWith("/v2/team/app/tags/")) response.end(JSON.stringify({ tags: ["1"] }));
    else response.writeHead(404).end();
  });
  registry.listen(0, "127.0.0.1");
  await once(registry, "listening");
  try {
    const host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
    const login = ["--insecure-oci-force-http", "--username", "me", "--password"];
    const oci = ["--type", "helm", "--name", "reg", "--enable-oci", ...login];
    assert.match(await add(host, ...oci, "no"), /authentication required/);
    assert.equal(await add(host, ...oci, "s3cret"), "");
    assert.equal(await add(`${host}/team`, ...oci, "s3cret"), "");
    const artifact = ["--type", "oci", ...login];
    assert.match(await add(`oci://${host}/team/none`, ...artifact, "s3cret"), /not found/);
    assert.equal(await add(`oci://${host}/team/app`, ...artifact, "s3cret"), "");
  } finally {
    registry.close();
    registry.closeAllConnections();
  }
});
