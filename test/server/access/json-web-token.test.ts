import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { signToken, verifyToken } from "../../../src/server/access/json-web-token.ts";

const key = Buffer.from("a-key-of-some-length");
const claims = { iss: "argocd", sub: "alice:login", iat: 100, nbf: 100, exp: 200 };

/** As another program makes it. */
function made(header: object, body: object, by: Uint8Array = key): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part(header)}.${part(body)}`;
  return `${text}.${createHmac("sha256", by).update(text).digest("base64url")}`;
}

test("what was signed is read again, also from others", () => {
  assert.deepEqual(verifyToken(signToken(claims, key), key, 150), claims);
  assert.deepEqual(verifyToken(made({ alg: "HS256", typ: "JWT" }, claims), key, 100), claims);
});

const [head, body, signature] = signToken(claims, key).split(".") as [string, string, string];
const other = Buffer.from(JSON.stringify({ ...claims, sub: "admin:login" })).toString("base64url");

for (const [name, token, nowS = 150, by = key] of [
  ["nothing", ""],
  ["no token", "abc"],
  ["without a signature", `${head}.${body}.`],
  ["of other claims", `${head}.${other}.${signature}`],
  ["of another key", made({ alg: "HS256" }, claims, Buffer.from("other"))],
  ["of no algorithm", `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`],
  ["of another algorithm", made({ alg: "HS512" }, claims)],
  ["with more parts", `${head}.${body}.${signature}.x`],
  ["that has expired", signToken(claims, key), 200],
  ["that is not valid yet", signToken(claims, key), 99],
  ["whose end is no number", made({ alg: "HS256" }, { ...claims, exp: "never" })],
  ["where there is no key", made({ alg: "HS256" }, claims, Buffer.alloc(0)), 150, Buffer.alloc(0)],
  ["that is too long", `${"x".repeat(20_000)}.${body}.${signature}`],
] as const) {
  test(`a token ${name} is refused, and not repeated`, () => {
    assert.throws(
      () => verifyToken(token, by, nowS),
      (error: Error) => /token is refused/.test(error.message) && (token === "" || !error.message.includes(token)),
    );
  });
}
