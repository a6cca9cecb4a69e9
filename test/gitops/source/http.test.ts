import assert from "node:assert/strict";
import { test } from "node:test";
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
  [
    "a port that no client asks",
    "http://127.0.0.1:10080/index.yaml",
    undefined,
    "REPOSITORY_FAILED",
    /^failed to read "http:\/\/127\.0\.0\.1:10080\/index\.yaml": HTTP clients refuse this port, .*: serve the repository on another one$/,
  ],
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
