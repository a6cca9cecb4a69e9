import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { generate } from "selfsigned";
import { type OtlpTarget, openOtlpSender } from "../../../src/ledger/export/otlp-sender.ts";
import { createClientCertificate } from "../../harness/client-certificate.ts";

test("spans go over TLS, compressed, to a server that is known, as whom it knows", async () => {
  const { cert: ca, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    ...{ keyType: "ec", curve: "P-256", algorithm: "sha256" },
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  } as const);
  const client = await createClientCertificate();
  const seen: string[] = [];
  const server = createServer({ cert: ca, key, ca: client.cert, requestCert: true }, (request, response) => {
    void buffer(request).then((body) => {
      seen.push(`${request.headers["content-encoding"]} ${gunzipSync(body)}`);
      response.end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://localhost:${(server.address() as AddressInfo).port}/v1/traces`;
  const send = async (tls: OtlpTarget["tls"]) => {
    await using sender = await openOtlpSender({ url, headers: {}, timeoutMs: 5_000, isCompressed: true, tls });
    return await sender.send('{"resourceSpans":[]}', AbortSignal.timeout(10_000));
  };
  try {
    assert.deepEqual(await send({ ca, ...client }), { kind: "taken", rejected: 0, reason: "" });
    assert.deepEqual(seen, ['gzip {"resourceSpans":[]}']);
    const unknown = await send(client);
    assert.equal(unknown.kind, "again");
    assert.match(unknown.reason, /certificate/);
    assert.equal((await send({ ca })).kind, "again");
    assert.equal(seen.length, 1);
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }
});
