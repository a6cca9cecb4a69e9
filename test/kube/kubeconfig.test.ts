import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { systemClock } from "../../src/base/clock.ts";
import { EngineError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { RemoteCluster } from "../../src/kube/kubeconfig.ts";
import { type Certificate, ensureCertificate } from "../../src/local/certificate.ts";
import { createClientCertificate } from "../harness/client-certificate.ts";
import { adminToken } from "../harness/control-plane.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { authority, base64, openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";

const account = "system:serviceaccount:default:x";

failOnLeakedChildren();

const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "1" } };
const maps = { apiVersion: "v1", kind: "ConfigMap" };
const user = { token: adminToken };

function clientOf(cluster: RemoteCluster) {
  return createKubeClient({ fetch: cluster.fetch, baseUrl: cluster.baseUrl, log: silentLogger });
}

async function statusOf(cluster: RemoteCluster, headers: Record<string, string> = {}): Promise<number> {
  const response = await cluster.fetch(new Request(`${cluster.baseUrl}/api/v1/namespaces/default`, { headers }));
  await response.body?.cancel();
  return response.status;
}

test("reads, writes and impersonates with the token of the kubeconfig", async () => {
  await using cluster = await openTestCluster();
  const remote = await cluster.open({ user });
  const { contextName, baseUrl, user: who } = remote;
  assert.deepEqual({ contextName, baseUrl, who }, { contextName: "test", baseUrl: cluster.url, who: '"u" by token' });
  const client = clientOf(remote);
  await client.create(map);
  assert.deepEqual((await client.get({ ...maps, name: "a" }))?.data, { x: "1" });
  assert.equal((await client.list(maps)).items.length, 1);
  await client.as(account).create({ ...map, metadata: { name: "b" } });
  const bob = clientOf(await cluster.open({ user: { token: "bob-token" } }));
  await assert.rejects(bob.as(account).create({ ...map, metadata: { name: "c" } }), { code: "API_FORBIDDEN" });
});

test("a write whose right is lost while its connection is made is not written, and the connection serves others", async () => {
  await using cluster = await openTestCluster();
  const client = clientOf(await cluster.open({ user }));
  const lost = new EngineError("LEASE_LOST", "another engine has it");
  let asked = 0;
  const beforeSend = (): void => {
    if (++asked > 1) throw lost; // the client asks, then the connection
  };
  await assert.rejects(client.create(map, { beforeSend }), lost);
  assert.equal(await client.get({ ...maps, name: "a" }), undefined);
  await client.create(map, { beforeSend: () => undefined });
});

test("watches for real, and a watch ends when its signal aborts", { timeout: 20_000 }, async () => {
  await using cluster = await openTestCluster();
  const client = clientOf(await cluster.open({ user }));
  const { resourceVersion } = await client.list(maps);
  const stop = new AbortController();
  const watch = client.watch(maps, resourceVersion, {}, stop.signal)[Symbol.asyncIterator]();
  const first = watch.next();
  await client.create(map);
  const event = (await first).value;
  assert.ok(event?.type === "ADDED");
  assert.deepEqual(event.object.data, { x: "1" });
  const second = watch.next();
  stop.abort(new Error("enough"));
  await assert.rejects(second, /enough/);
});

test("disposal breaks off open watches, and nothing is sent afterwards", { timeout: 20_000 }, async () => {
  await using cluster = await openTestCluster();
  const remote = await cluster.open({ user });
  const client = clientOf(remote);
  const { resourceVersion } = await client.list(maps);
  const watch = client.watch(maps, resourceVersion, {}, new AbortController().signal)[Symbol.asyncIterator]();
  const first = watch.next();
  await client.create(map);
  await first;
  const second = watch.next();
  await Promise.all([assert.rejects(second, { code: "API_UNAVAILABLE" }), remote[Symbol.asyncDispose]()]);
  await assert.rejects(statusOf(remote), { code: "API_UNAVAILABLE" });
});

test("reads the token's file again after a minute, and at once when the server refuses the token", async () => {
  await using cluster = await openTestCluster();
  const clock = createVirtualClock();
  const path = join(cluster.directory, "token");
  await writeFile(path, `${adminToken}\n`);
  const remote = await cluster.open({ user: { tokenFile: "token" }, clock });
  assert.equal(await statusOf(remote), 200);
  await writeFile(path, "bob-token\n");
  await clock.advance(59_000);
  assert.equal(await statusOf(remote, { "impersonate-user": account }), 200);
  await clock.advance(2_000);
  assert.equal(await statusOf(remote, { "impersonate-user": account }), 403, "bob may not impersonate");
  await writeFile(path, "none\n");
  await clock.advance(61_000);
  assert.equal(await statusOf(remote), 401);
  await writeFile(path, adminToken);
  await clock.advance(1_000);
  assert.equal(await statusOf(remote), 200, "after a 401 the file is read at once");
});

test("a write that is refused with 401 is sent again with its body", async () => {
  await using cluster = await openTestCluster();
  const clock = createVirtualClock();
  const path = join(cluster.directory, "token");
  await writeFile(path, "none");
  const remote = await cluster.open({ user: { tokenFile: path }, clock });
  await writeFile(path, adminToken);
  await clock.advance(1_000);
  assert.deepEqual((await clientOf(remote).create(map)).data, { x: "1" });
});

/** Fields of the cluster beside the server: the status of an answer, or why there is none. */
const trust: readonly (readonly [string, (cluster: Certificate, other: Certificate) => object, number | RegExp])[] = [
  ["the CA as data", ({ cert }) => authority(cert), 200],
  ["the CA as a file beside the kubeconfig", () => ({ "certificate-authority": "kube-cert.pem" }), 200],
  ["another CA", (_, { cert }) => authority(cert), /^no answer from https:.*: self-signed certificate/],
  ["no CA", () => ({}), /^no answer from https:.*: self-signed certificate/],
  ["no CA but no verification", () => ({ "insecure-skip-tls-verify": true }), 200],
  ["the server's other name", ({ cert }) => ({ ...authority(cert), "tls-server-name": "localhost" }), 200],
  [
    "a name that the server does not have",
    ({ cert }) => ({ ...authority(cert), "tls-server-name": "other.example" }),
    /Host: other\.example\. is not in the cert's altnames/,
  ],
];

for (const [name, fields, expected] of trust) {
  test(`trust: ${name}`, async () => {
    await using cluster = await openTestCluster();
    await using elsewhere = await tempDir();
    const other = await ensureCertificate(elsewhere.path, systemClock);
    const remote = await cluster.open({ user, cluster: fields(cluster.certificate, other) });
    if (typeof expected === "number") assert.equal(await statusOf(remote), expected);
    else await assert.rejects(statusOf(remote), { code: "API_UNAVAILABLE", message: expected });
  });
}

test("an error of a request says why there was no answer", async () => {
  await using cluster = await openTestCluster();
  const client = clientOf(await cluster.open({ user, cluster: {} }));
  await assert.rejects(client.list(maps), {
    code: "API_UNAVAILABLE",
    message: /: no answer from https:\/\/127\.0\.0\.1:\d+: self-signed/,
  });
});

test("a basic user and a user without credentials", async () => {
  await using seen = await openEcho({});
  await using cluster = await openTestCluster();
  const at = { server: seen.url, ...authority(seen.certificate.cert) };
  await statusOf(await cluster.open({ cluster: at, user: { username: "ann", password: "pä:ss" } }));
  await statusOf(await cluster.open({ cluster: at }));
  assert.deepEqual(
    seen.requests.map(({ authorization }) => authorization),
    [`Basic ${base64("ann:pä:ss")}`, undefined],
  );
});

test("keeps the path of a server, and goes nowhere else", async () => {
  await using seen = await openEcho({});
  await using cluster = await openTestCluster();
  const at = { server: `${seen.url}/k8s/clusters/c-1/`, ...authority(seen.certificate.cert) };
  const remote = await cluster.open({ cluster: at, user });
  assert.equal(remote.baseUrl, `${seen.url}/k8s/clusters/c-1`);
  await statusOf(remote);
  assert.equal(seen.requests[0]?.path, "/k8s/clusters/c-1/api/v1/namespaces/default");
  for (const url of [`${seen.url}/other`, `${cluster.url}/version`, `${remote.baseUrl}.evil.example/`]) {
    await assert.rejects(remote.fetch(new Request(url)), /another server/);
  }
  assert.equal(seen.requests.length, 1);
});

test("does not ask again with credentials that were refused", async () => {
  await using seen = await openEcho({ answer: { status: 401 } });
  await using cluster = await openTestCluster();
  const at = { server: seen.url, ...authority(seen.certificate.cert) };
  const clock = createVirtualClock();
  const remote = await cluster.open({ cluster: at, user, clock });
  await clock.advance(61_000);
  assert.equal(await statusOf(remote), 401);
  await clock.advance(2_000);
  assert.equal(await statusOf(remote), 401);
  assert.equal(seen.requests.length, 2);
});

test("follows no redirect", async () => {
  await using seen = await openEcho({ answer: { status: 307, location: "https://127.0.0.1:1/elsewhere" } });
  await using cluster = await openTestCluster();
  const at = { server: seen.url, ...authority(seen.certificate.cert) };
  assert.equal(await statusOf(await cluster.open({ cluster: at, user })), 307);
});

test("shows a client certificate, and the one that replaces it", async () => {
  const [first, second] = await Promise.all([createClientCertificate("one"), createClientCertificate("two")]);
  const ca = [first.cert, second.cert];
  await using seen = await openEcho({ tls: { requestCert: true, rejectUnauthorized: true, ca } });
  await using cluster = await openTestCluster();
  const at = { server: seen.url, ...authority(seen.certificate.cert) };
  const files = { cert: join(cluster.directory, "client.pem"), key: join(cluster.directory, "client.key") };
  const write = ({ cert, key }: Certificate) => Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)]);
  await write(first);
  const clock = createVirtualClock();
  const byFile = await cluster.open({
    cluster: at,
    user: { "client-certificate": "client.pem", "client-key": files.key },
    clock,
  });
  assert.equal(byFile.user, '"u" by client certificate');
  assert.equal(await statusOf(byFile), 200);
  const open = await byFile.fetch(new Request(`${byFile.baseUrl}/stream`));
  const stream = open.body?.getReader();
  assert.equal(String(Buffer.from((await stream?.read())?.value ?? [])), "a");
  await write(second);
  await clock.advance(61_000);
  assert.equal(await statusOf(byFile), 200);
  seen.requests[1]?.write("b");
  assert.equal(String(Buffer.from((await stream?.read())?.value ?? [])), "b", "a watch on the old one goes on");
  const byData = { "client-certificate-data": base64(first.cert), "client-key-data": base64(first.key) };
  assert.equal(await statusOf(await cluster.open({ cluster: at, user: byData })), 200);
  assert.deepEqual(
    seen.requests.map(({ subject }) => subject),
    ["one", "one", "two", "one"],
  );
  await byFile[Symbol.asyncDispose]();
  await assert.rejects(async () => stream?.read(), "disposal ends it too");
  await assert.rejects(statusOf(await cluster.open({ cluster: at, user: {} })), { code: "API_UNAVAILABLE" });
});

test("an aborted request is rejected with the reason, and the server sees it end", { timeout: 20_000 }, async () => {
  await using seen = await openEcho({ hangs: true });
  await using cluster = await openTestCluster();
  const remote = await cluster.open({ cluster: { server: seen.url, ...authority(seen.certificate.cert) }, user });
  const stop = new AbortController();
  const pending = remote.fetch(new Request(`${remote.baseUrl}/x`, { signal: stop.signal }));
  await waitFor("the request to arrive", () => seen.requests.length === 1);
  stop.abort(new EngineError("USAGE", "enough"));
  await assert.rejects(pending, /enough/);
  await waitFor("the server to see the end", () => seen.requests[0]?.isClosed);
});

test("sends no credentials without TLS", async () => {
  await using cluster = await openTestCluster();
  const remote = await cluster.open({ cluster: { server: "http://127.0.0.1:1" }, user: { tokenFile: "none" } });
  await assert.rejects(statusOf(remote), { code: "API_UNAVAILABLE", message: /ECONNREFUSED|bad port/ });
});

interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
  /** The common name of the client's certificate. */
  readonly subject: string | undefined;
  isClosed: boolean;
  /** More of the answer to a path that ends with `/stream`. */
  readonly write: (text: string) => void;
}

/** A server that writes down who asks. */
async function openEcho(options: {
  tls?: ServerOptions;
  answer?: { status: number; location?: string };
  hangs?: boolean;
}) {
  const directory = await tempDir();
  const certificate = await ensureCertificate(directory.path, systemClock);
  const requests: Seen[] = [];
  const server = createServer({ ...certificate, ...options.tls }, (incoming, outgoing) => {
    const subject = (incoming.socket as TLSSocket).getPeerCertificate()?.subject?.CN;
    const { url: path = "", headers } = incoming;
    const seen: Seen = {
      path,
      authorization: headers.authorization,
      subject: subject?.toString(),
      isClosed: false,
      write: (text) => outgoing.write(text),
    };
    requests.push(seen);
    outgoing.on("close", () => {
      seen.isClosed = true;
    });
    if (options.hangs) return;
    if (path.endsWith("/stream")) return void outgoing.write("a");
    const { status = 200, ...more } = options.answer ?? {};
    outgoing.writeHead(status, more);
    outgoing.end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      await directory[Symbol.asyncDispose]();
    },
  };
}
