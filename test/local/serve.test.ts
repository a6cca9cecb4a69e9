import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { instant, systemClock } from "../../src/base/clock.ts";
import { TerminalError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { serveControlPlane } from "../../src/local/serve.ts";
import { adminToken, openTestPlane } from "../harness/control-plane.ts";
import { tempDir } from "../harness/temp-dir.ts";

async function openServer() {
  const stack = new AsyncDisposableStack();
  const test = stack.use(await openTestPlane());
  const certificate = await ensureCertificate(test.directory, systemClock);
  const options = { plane: test.plane, port: 0, host: "127.0.0.1", certificate, log: silentLogger };
  const server = stack.use(await serveControlPlane(options));
  return { ...test, server, options, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function call(
  url: string,
  ca: string,
  headers: Record<string, string>,
  body = "",
  agent: Agent | false = false,
): Promise<{ status: number; text: string; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    const method = body === "" ? "GET" : "POST";
    const outgoing = request(url, { ca, headers, method, agent, servername: "localhost" }, (incoming) => {
      let text = "";
      incoming.on("data", (chunk) => {
        text += String(chunk);
      });
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, text, connection: incoming.headers.connection }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const authorization = `Bearer ${adminToken}`;

test("serves the API to clients that trust its certificate", async () => {
  await using open = await openServer();
  const { cert } = open.options.certificate;
  const answer = await call(`${open.server.url}/api/v1/namespaces/default`, cert, { authorization });
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.text).kind, "Namespace");
  assert.equal((await call(`${open.server.url}/api`, cert, {})).status, 401);
});

test("a connection is kept after a small answer, and ends with a large one", async () => {
  await using open = await openServer();
  const { cert } = open.options.certificate;
  const agent = new Agent({ keepAlive: true });
  const connections: (string | undefined)[] = [];
  for (const path of ["/api/v1/namespaces/default", "/openapi/v3/apis/apps/v1"]) {
    const { connection } = await call(`${open.server.url}${path}`, cert, { authorization }, "", agent);
    connections.push(connection);
  }
  agent.destroy();
  assert.deepEqual(connections, ["keep-alive", "close"]);
});

test("refuses other host names and large bodies", async () => {
  await using open = await openServer();
  const { cert } = open.options.certificate;
  const rebound = await call(`${open.server.url}/version`, cert, { authorization, host: "evil.example:443" });
  assert.equal(rebound.status, 403);
  const large = "x".repeat(3 * 1024 * 1024 + 1);
  const refused = await call(
    `${open.server.url}/api/v1/namespaces`,
    cert,
    { authorization, "content-type": "application/json", "transfer-encoding": "chunked" },
    large,
  ).then(
    ({ status }) => status,
    (error: NodeJS.ErrnoException) => error.code,
  );
  assert.ok([413, "EPIPE", "ECONNRESET"].includes(refused ?? ""), String(refused));
});

test("says which flag helps when the port is taken", async () => {
  await using open = await openServer();
  const again = serveControlPlane({ ...open.options, port: open.server.port });
  await assert.rejects(
    again,
    (error) => error instanceof TerminalError && error.code === "PORT_IN_USE" && error.message.includes("--kube-port"),
  );
});

test("the certificate names loopback, is kept, and made anew before it ends", async () => {
  await using directory = await tempDir();
  const first = await ensureCertificate(directory.path, systemClock);
  const parsed = new X509Certificate(first.cert);
  assert.match(parsed.subjectAltName ?? "", /DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1/);
  assert.equal((await stat(join(directory.path, "kube-cert.pem"))).mode & 0o777, 0o600);
  assert.deepEqual(await ensureCertificate(directory.path, systemClock), first);
  const later = { ...systemClock, now: () => instant(Date.parse(parsed.validTo) - 86_400_000) };
  assert.notDeepEqual(await ensureCertificate(directory.path, later), first);
});

test("a watch whose client reads slowly leaves no listeners behind", async () => {
  await using open = await openServer();
  const { certificate } = open.options;
  let left = 40;
  const body = () =>
    new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(256 * 1024)) : controller.close()),
    });
  const plane = { ...open.plane, fetch: async () => new Response(body()) };
  await using server = await serveControlPlane({ ...open.options, plane });
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  process.on("warning", note);
  const { text } = await call(`${server.url}/api`, certificate.cert, { authorization });
  process.off("warning", note);
  assert.equal(text.length, 40 * 256 * 1024);
  assert.deepEqual(warnings, []);
});
