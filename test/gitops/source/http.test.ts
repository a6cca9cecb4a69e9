import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { httpRequest } from "../../../src/gitops/source/http.ts";
import { never } from "./rig.ts";

for (const [name, url, proxy, code, message] of [
  [
    "a proxy of another protocol",
    "http://127.0.0.1:8999/x",
    "ftp://me:s3cret@proxy.example:1",
    "GIT_REFUSED",
    /^the proxy "ftp:\/\/.*proxy\.example:1" is none: expected http:\/\/HOST:PORT/,
  ],
  [
    "a proxy that is no URL",
    "http://127.0.0.1:8999/x",
    "me:s3cret @proxy",
    "GIT_REFUSED",
    /^the proxy \(no URL\) is none/,
  ],
  ...(
    [
      ["an address of metadata", "http://169.254.169.254/latest"],
      ["the same as one of IPv6", "http://[::ffff:a9fe:a9fe]/latest"],
      ["a link-local address", "https://[fe80::1]/x"],
    ] as const
  ).map(
    ([name, url]) =>
      [name, url, undefined, "HTTP_REFUSED", /^failed to read "http.*": .* is a link-local or metadata/] as const,
  ),
] as const) {
  test(`${name} is refused with its reason`, async () => {
    const access = { tls: { isInsecure: false }, ...(proxy === undefined ? {} : { proxy }) };
    await assert.rejects(
      httpRequest({ url, maxBytes: 10, timeoutMs: 5_000 }, { access, env: {} }, never),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      },
    );
  });
}

const plain = { access: { tls: { isInsecure: false } }, env: {} };

/** Undefined: the port is taken. */
async function listen(port: number, answer: RequestListener) {
  const server = createServer(answer);
  const isFree = once(server, "listening").then(
    () => true,
    () => false,
  );
  server.listen(port, "127.0.0.1");
  if (!(await isFree)) return undefined;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("ports that browsers refuse are asked as any other", async () => {
  for (const port of [6000, 10080, 6566, 6697, 4190, 5061]) {
    await using server = await listen(port, (_request, response) => response.end("hello"));
    if (server === undefined) continue;
    const { body } = await httpRequest({ url: `${server.url}/x`, maxBytes: 10, timeoutMs: 5_000 }, plain, never);
    assert.equal(String(body), "hello");
    return;
  }
  assert.fail("none of the ports is free");
});

test("redirects are followed, also after a POST; credentials stay with their origin, and loops end", async () => {
  const seen: string[] = [];
  const note: RequestListener = (request, response) => {
    const { method, url, headers } = request;
    seen.push(`${method} ${url} ${headers.authorization ?? "none"} ${headers["user-agent"]}`);
    if (url === "/loop") return void response.writeHead(302, { location: "/loop" }).end();
    if (url === "/metadata") return void response.writeHead(302, { location: "http://169.254.169.254/latest" }).end();
    if (url === "/own") return void response.writeHead(301, { location: "/end" }).end();
    if (url === "/other") return void response.writeHead(302, { location: `${other?.url}/end` }).end();
    response.writeHead(404, { "content-encoding": "gzip", link: "<a>", etag: '"1"' }).end(gzipSync("x".repeat(50)));
  };
  await using other = await listen(0, note);
  await using server = await listen(0, note);
  assert.ok(server && other);
  const request = { headers: { authorization: "Basic x" }, maxBytes: 60, timeoutMs: 5_000 };
  const own = await httpRequest({ ...request, url: `${server.url}/own`, method: "POST", body: "b" }, plain, never);
  assert.deepEqual(
    [own.status, own.url, String(own.body), own.headers.get("ETag")],
    [404, `${server.url}/end`, "x".repeat(50), '"1"'],
  );
  const away = await httpRequest({ ...request, url: `${server.url}/other` }, plain, never);
  assert.equal(away.url, `${other.url}/end`);
  assert.deepEqual(seen, [
    "POST /own Basic x tiphys",
    "GET /end Basic x tiphys",
    "GET /other Basic x tiphys",
    "GET /end none tiphys",
  ]);
  await assert.rejects(httpRequest({ ...request, url: `${server.url}/loop` }, plain, never), {
    code: "REPOSITORY_FAILED",
    message: /^failed to read "http.*\/loop": .*[Rr]edirect/,
  });
  await assert.rejects(httpRequest({ ...request, url: `${server.url}/metadata` }, plain, never), {
    code: "HTTP_REFUSED",
    message: /^failed to read "http:\/\/127.*\/metadata": 169\.254\.169\.254 is a link-local or metadata address$/,
  });
  const small = httpRequest({ ...request, url: server.url, maxBytes: 40 }, plain, never);
  await assert.rejects(small, { code: "GIT_TOO_LARGE" }, "what counts is what it unpacks to");
});
