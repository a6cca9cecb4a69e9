import assert from "node:assert/strict";
import { generateKeyPairSync, verify } from "node:crypto";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { anonymousAccess, type RepositoryAccess } from "../../../src/gitops/source/source.ts";
import { ensureCertificate } from "../../../src/local/certificate.ts";
import { createClientCertificate } from "../../harness/client-certificate.ts";
import { startHelmServer } from "../../harness/helm-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { refuse, startDoor } from "./door.ts";
import { never, openCharts, openSources } from "./rig.ts";

failOnLeakedChildren();

async function tips(url: string, own: Partial<RepositoryAccess>): Promise<number> {
  await using rig = await openSources({ access: () => ({ ...anonymousAccess, ...own }) });
  const refs = await rig.sources.tips(url, never);
  assert.doesNotMatch(await rig.seen(), /t0ken|s3cret|PRIVATE/);
  return refs.size;
}

test("a bearer token reaches the server, and is sent nowhere else", async () => {
  await using door = await startDoor((request, response) =>
    request.headers.authorization === "Bearer t0ken" ? true : refuse(response),
  );
  assert.ok((await tips(door.url, { bearerToken: "t0ken" })) > 0);
  await assert.rejects(tips(door.url, { bearerToken: "other" }), { code: "GIT_AUTH_FAILED" });
  await using away = await startDoor((_request, response) => {
    response.writeHead(302, { location: door.url }).end();
    return false;
  });
  door.seen.length = 0;
  await assert.rejects(tips(`${away.url}/x`, { bearerToken: "t0ken" }));
  assert.deepEqual(door.seen, []);
});

test("basic credentials are sent unasked where the Secret says so", async () => {
  const basic = { username: "me", password: "s3cret" };
  // A server that says of what is private that there is nothing.
  await using door = await startDoor((request, response) => {
    if (request.headers.authorization?.startsWith("Basic ")) return true;
    response.writeHead(404).end();
    return false;
  });
  await assert.rejects(tips(door.url, { basic }), { code: "GIT_REPOSITORY_NOT_FOUND" });
  assert.ok((await tips(door.url, { basic, isBasicForced: true })) > 0);
});

test("certificates: the host's authority, none at all, and our own", async () => {
  await using folder = await tempDir();
  const certificate = await ensureCertificate(folder.path, systemClock);
  const { cert, key } = await createClientCertificate();
  const authorities = certificate.cert;
  await using door = await startDoor(() => true, certificate);
  await assert.rejects(tips(door.url, {}), { code: "GIT_HOST_UNKNOWN", message: /argocd-tls-certs-cm/ });
  assert.ok((await tips(door.url, { tls: { isInsecure: false, authorities } })) > 0);
  assert.ok((await tips(door.url, { tls: { isInsecure: true } })) > 0);
  await using closed = await startDoor(() => true, { ...certificate, clientCa: cert });
  await assert.rejects(tips(closed.url, { tls: { isInsecure: false, authorities } }));
  const own = { isInsecure: false, authorities, certificate: cert, key };
  assert.ok((await tips(closed.url, { tls: own })) > 0);

  // Charts are read in the same way.
  await using charts = await startHelmServer(undefined, { ...certificate, clientCa: cert });
  charts.publish("web", "1.0.0");
  const open = (tls: RepositoryAccess["tls"]) => {
    const wanted = { repository: charts.url, chart: "web", revision: "1.0.0", project: "", isFresh: false };
    const all = openCharts(folder.path, { access: () => ({ ...anonymousAccess, tls }) });
    return all.openChart({ ...wanted, passesCredentials: false }, never);
  };
  await assert.rejects(open({ isInsecure: false }), { code: "REPOSITORY_FAILED", message: /certificate/ });
  await assert.rejects(open({ isInsecure: false, authorities }), { code: "REPOSITORY_FAILED" });
  assert.equal((await open({ isInsecure: true, certificate: cert, key })).revision, "1.0.0");
  assert.equal((await open(own)).revision, "1.0.0");
});

/** An HTTP proxy that writes down whom it was asked for. */
async function startProxy() {
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(incoming.url ?? "");
    const onward = request(incoming.url ?? "", { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  server.on("connect", (incoming, socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    const [host, port] = (incoming.url ?? "").split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).on("error", () => onward.destroy());
      socket.pipe(onward).on("error", () => socket.destroy());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

test("the proxy of the Secret is used, but not for hosts that are excepted", async () => {
  await using proxy = await startProxy();
  await using door = await startDoor(() => true);
  assert.ok((await tips(door.url, { proxy: proxy.url })) > 0);
  assert.ok(proxy.asked.length > 0 && proxy.asked.every((url) => url.startsWith(door.url)));
  proxy.asked.length = 0;
  assert.ok((await tips(door.url, { proxy: proxy.url, noProxy: "127.0.0.1" })) > 0);
  assert.equal(proxy.asked.length, 0);

  await using charts = await startHelmServer();
  await using folder = await tempDir();
  charts.publish("web", "1.0.0");
  const access = { ...anonymousAccess, proxy: proxy.url };
  const wanted = { repository: charts.url, chart: "web", revision: "1.0.0", project: "", isFresh: false };
  await openCharts(folder.path, { access: () => access }).openChart({ ...wanted, passesCredentials: false }, never);
  assert.ok(proxy.asked.some((line) => line.includes(new URL(charts.url).port)));
});

test("a GitHub App gets a token, once for an hour, and shows it to Git", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const expected = `Basic ${Buffer.from("x-access-token:t0ken").toString("base64")}`;
  await using door = await startDoor((request, response) =>
    request.headers.authorization === expected ? true : refuse(response),
  );
  await using api = await startHelmServer();
  let asked = 0;
  api.answer = (request, response) => {
    const [head = "", body = "", signature = ""] = (request.headers.authorization ?? "").slice(7).split(".");
    const isSigned = verify(
      "RSA-SHA256",
      Buffer.from(`${head}.${body}`),
      publicKey,
      Buffer.from(signature, "base64url"),
    );
    const { iss, exp, iat } = JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
    const isGood =
      isSigned && iss === "12" && exp - iat <= 600 && request.url === "/charts/app/installations/34/access_tokens";
    asked += 1;
    response.writeHead(isGood ? 201 : 401).end(JSON.stringify({ token: "t0ken" }));
    return true;
  };
  const gitHubApp = { id: "12", installationId: "34", privateKey: pem, baseUrl: api.url };
  await using rig = await openSources({ access: () => ({ ...anonymousAccess, gitHubApp }) });
  await rig.sources.tips(door.url, never);
  await rig.sources.fetch(door.url, {}, never);
  assert.equal(asked, 1);
  const wrong = { gitHubApp: { ...gitHubApp, id: "13" } };
  await assert.rejects(tips(door.url, wrong), { code: "GIT_AUTH_FAILED", message: /GitHub refused the App 13/ });
  const broken = { gitHubApp: { ...gitHubApp, privateKey: "none" } };
  await assert.rejects(tips(door.url, broken), { code: "GIT_AUTH_FAILED", message: /expected PEM/ });
});
