import assert from "node:assert/strict";
import { it } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { readExotic } from "../../src/controllers/exotic-bus.ts";
import type { SecretReader } from "../../src/events/sources/source.ts";

const creds = "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n";
const texts: Record<string, string> = {
  login: "username: me\npassword: p\n",
  token: "token: 12345",
  nkey: "nkey: SUSEED",
  creds,
  ca: "CA",
  cert: "CERT",
  key: "KEY",
};
const read: SecretReader["read"] = async ({ key }) => texts[key] ?? "";
const secrets: SecretReader = { read, readConfigMap: read };
const at = (key: string): JsonObject => ({ name: "secret", key });

const cases: [string, JsonObject, object][] = [
  ["a user and password", { accessSecret: at("login") }, { user: "me", pass: "p" }],
  ["a token", { accessSecret: at("token") }, { token: "12345" }],
  ["an NKey", { accessSecret: at("nkey") }, { nkeySeed: "SUSEED" }],
  ["a creds file", { accessSecret: at("creds") }, { creds }],
  ["TLS by the system's authorities", { tls: { enabled: true } }, { tls: {} }],
  ["an authority", { tls: { caCertSecret: at("ca") } }, { tls: { ca: "CA" } }],
  [
    "a client certificate and a login",
    { accessSecret: at("login"), tls: { clientCertSecret: at("cert"), clientKeySecret: at("key") } },
    { user: "me", pass: "p", tls: { cert: "CERT", key: "KEY" } },
  ],
  [
    "no check of the server, and then no certificate of ours",
    { tls: { insecureSkipVerify: true, clientCertSecret: at("cert"), clientKeySecret: at("key") } },
    { tls: { insecureSkipVerify: true } },
  ],
];
for (const [name, spec, expected] of cases) {
  it(`reads from Secrets: ${name}`, async () => {
    const { credentials } = readExotic({ url: "nats://h", ...spec }, secrets);
    assert.deepEqual(await credentials?.(), expected);
  });
}

it("needs no Secret where none is named", () => {
  assert.deepEqual(readExotic({ url: "nats://h", streamConfig: "maxAge: 1h" }, secrets), {
    url: "nats://h",
    streamConfig: { maxAge: "1h" },
  });
});
