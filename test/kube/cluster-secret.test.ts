import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { readClusterSecret } from "../../src/kube/cluster-secret.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { tempDir } from "../harness/temp-dir.ts";

const server = "https://10.0.0.1:6443/";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const read = (config: object, more: Record<string, string> = {}) =>
  readClusterSecret({ server, name: "prod", config: JSON.stringify(config), ...more });

const exec = { command: "login", args: ["--now"], apiVersion: "client.authentication.k8s.io/v1" };

const ways: readonly [config: object, auth: object][] = [
  [{}, { kind: "none" }],
  [{ bearerToken: "t" }, { kind: "token", token: { text: "t" } }],
  [
    { username: "u", password: "p" },
    { kind: "basic", username: "u", password: "p" },
  ],
  [{ username: "u" }, { kind: "basic", username: "u", password: "" }],
  [
    { username: "u", bearerToken: "t" },
    { kind: "token", token: { text: "t" } },
  ],
  [
    {
      bearerToken: "t",
      execProviderConfig: { ...exec, env: { A: "1" }, provideClusterInfo: true, installHint: "get it" },
    },
    {
      kind: "exec",
      plugin: { ...exec, env: { A: "1" }, providesClusterInfo: true, installHint: "get it" },
    },
  ],
];

for (const [config, auth] of ways) {
  test(`logs in with ${JSON.stringify(config)}`, () => {
    const { cluster, user, contextName } = read(config);
    assert.deepEqual(user.auth, auth);
    assert.deepEqual([cluster.baseUrl, contextName], ["https://10.0.0.1:6443", "prod"]);
  });
}

test("AWS wins over everything else, and is asked by its command line", () => {
  const aws = { clusterName: "c1", roleARN: "arn:aws:iam::1:role/r", profile: "p" };
  const { auth } = read({ awsAuthConfig: aws, execProviderConfig: exec, bearerToken: "t" }).user;
  assert.ok(auth.kind === "exec");
  assert.equal(
    [auth.plugin.command, ...auth.plugin.args].join(" "),
    "aws eks get-token --output json --cluster-name c1 --role-arn arn:aws:iam::1:role/r --profile p",
  );
});

test("authority, server name and client certificate are those of tlsClientConfig", async () => {
  await using dir = await tempDir();
  const { cert, key } = await ensureCertificate(dir.path, systemClock);
  const tls = { caData: base64(cert), certData: base64(cert), keyData: base64(key), serverName: "api.prod" };
  const { cluster, user } = read({ tlsClientConfig: tls });
  assert.deepEqual([cluster.ca, cluster.serverName, cluster.skipsVerification], [cert, "api.prod", false]);
  assert.deepEqual(user.certificate, { cert: { text: cert }, key: { text: key } });
  assert.equal(read({ tlsClientConfig: { insecure: true } }).cluster.skipsVerification, true);
});

const refused: readonly [name: string, data: Record<string, string>, message: RegExp][] = [
  ["no server", { server: "" }, /server must be a URL that starts with https/],
  ["a server with a user", { server: "https://u:p@host" }, /server must be a URL .* without a user$/],
  ["config that is no JSON", { config: "{secret" }, /config is not JSON$/],
  ["config that is a list", { config: "[1]" }, /config must be a JSON object/],
  [
    "a proxy that is none",
    { config: '{"proxyUrl":"ftp://u:very-secret@p"}' },
    /config.proxyUrl must be a URL that starts with/,
  ],
  [
    "a helper for another cloud",
    {
      config:
        '{"execProviderConfig":{"command":"argocd-k8s-auth","apiVersion":"client.authentication.k8s.io/v1beta1","args":["oci"]}}',
    },
    /argocd-k8s-auth "oci" is not known: expected aws, gcp or azure/,
  ],
  ["half a certificate", { config: '{"tlsClientConfig":{"certData":"YQ=="}}' }, /certData and keyData together/],
  ["an authority that is none", { config: '{"tlsClientConfig":{"caData":"YQ=="}}' }, /caData holds no PEM/],
  [
    "an authority that is not used",
    { config: '{"tlsClientConfig":{"caData":"YQ==","insecure":true}}' },
    /caData and insecure/,
  ],
  ["an AWS cluster without a name", { config: '{"awsAuthConfig":{}}' }, /awsAuthConfig.clusterName is missing/],
  ["a plugin of another version", { config: '{"execProviderConfig":{"command":"x"}}' }, /apiVersion must be one of/],
];

for (const [name, data, message] of refused) {
  test(`says what is wrong with ${name}`, () => {
    assert.throws(() => readClusterSecret({ server, config: "{}", ...data }), { code: "CONFIG_INVALID", message });
  });
}
