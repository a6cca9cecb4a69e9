import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { systemClock } from "../../src/base/clock.ts";
import { TerminalError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { openKubeconfig } from "../../src/kube/kubeconfig.ts";
import { readKubeconfig } from "../../src/kube/kubeconfig-file.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { base64, kubeconfigOf } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";

const server = "https://kube.example:6443";
const secret = "s3cr3t-that-no-message-may-hold";

/** Writes `files` into a directory, opens its `config` and gives the error. */
async function refusalOf(files: Readonly<Record<string, string>>, context?: string): Promise<TerminalError> {
  await using directory = await tempDir();
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory.path, name), text);
  const path = join(directory.path, "config");
  const options = { path, env: {}, clock: systemClock, log: silentLogger };
  const opened = openKubeconfig(context === undefined ? options : { ...options, context });
  const error = await opened.then(
    () => assert.fail("it was opened"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TerminalError, inspect(error));
  return error;
}

const withUser = (user: object): string => kubeconfigOf({ server }, user);
const withCluster = (cluster: object): string => kubeconfigOf({ server, ...cluster }, { token: secret });
const withExec = (exec: object): string =>
  withUser({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: "x", ...exec } });
const entry = { name: "c", cluster: { server } };

const bad: readonly (readonly [string, string, RegExp])[] = [
  ["nothing", "", /"\S+\/config" must hold one YAML document, not 0$/],
  ["two documents", "a: 1\n---\nb: 1\n", /must hold one YAML document, not 2$/],
  ["no YAML", `users:\n- user: {token: ${secret}\n  x: [`, /"\S+\/config" is not YAML \(line \d, column \d+\)$/],
  ["an unknown alias", `token: *${secret}\n`, /is not YAML/],
  ["text", secret, /must be an object$/],
  ["no current context", "contexts: []\n", /current-context is missing: name a context$/],
  ["a context that is not there", "current-context: a\n", /contexts there is no context "a"; the list is empty$/],
  [
    "another context",
    "current-context: a\ncontexts: [{name: b, context: {}}, {name: c}]\n",
    /there is no context "a"; known: "b", "c"$/,
  ],
  [
    "a context without cluster",
    "current-context: a\ncontexts: [{name: a}]\n",
    /contexts "a": context.cluster is missing$/,
  ],
  [
    "a cluster that is not there",
    "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n",
    /clusters there is no cluster "c"; the list is empty$/,
  ],
  [
    "a user that is not there",
    JSON.stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "c", user: "u" } }],
      clusters: [entry],
    }),
    /users there is no user "u"; the list is empty$/,
  ],
  [
    "two clusters of one name",
    JSON.stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "c" } }],
      clusters: [entry, entry],
    }),
    /clusters there are several of the name "c"$/,
  ],
  ["contexts that are no list", "current-context: a\ncontexts: {a: 1}\n", /contexts must be a list$/],
  ["a server of no scheme", withCluster({ server: "kube.example:6443" }), /clusters "c": cluster.server must be a URL/],
  ["no server", withCluster({ server: "" }), /cluster.server is missing$/],
  [
    "a server with a password",
    withCluster({ server: `https://u:${secret}@x` }),
    /URL without user, query and fragment$/,
  ],
  [
    "a proxy that is none",
    withCluster({ "proxy-url": `ftp://u:${secret}@x` }),
    /cluster.proxy-url must be a URL that starts/,
  ],
  [
    "a CA and no verification",
    withCluster({ "certificate-authority": "ca", "insecure-skip-tls-verify": true }),
    /exclude/,
  ],
  ["no verification as text", withCluster({ "insecure-skip-tls-verify": "true" }), /must be true or false$/],
  ["a CA that is no base64", withCluster({ "certificate-authority-data": `*${secret}` }), /-data must be base64$/],
  ["a CA cut off", withCluster({ "certificate-authority-data": "QUJDR" }), /-data must be base64$/],
  ["a CA that is no PEM", withCluster({ "certificate-authority-data": base64(secret) }), /holds no PEM certificate$/],
  [
    "a CA of a broken certificate",
    withCluster({
      "certificate-authority-data": base64("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"),
    }),
    /certificate-authority-data holds a certificate that cannot be read$/,
  ],
  [
    "a CA's file that is not there",
    withCluster({ "certificate-authority": "ca.pem" }),
    /"\/\S+\/ca.pem" does not exist$/,
  ],
  ["a number as token", withUser({ token: 12_345_678 }), /users "u": user.token must be text/],
  ["a token that no header may hold", withUser({ token: `${secret}\nx` }), /"u": the token is empty or has characters/],
  ["a token's file that is not there", withUser({ tokenFile: "none" }), /"u": tokenFile "\/\S+\/none" does not exist$/],
  ["a token's file that is a directory", withUser({ tokenFile: "." }), /tokenFile "\/\S+" is a directory$/],
  ["an empty token's file", withUser({ tokenFile: "empty" }), /the token is empty/],
  [
    "a token and a password",
    withUser({ token: secret, username: "u", password: secret }),
    /more than one of exec, token/,
  ],
  ["a password alone", withUser({ password: secret }), /user.username is missing beside password$/],
  ["a certificate without key", withUser({ "client-certificate": "x" }), /user.client-key is missing/],
  ["a key without certificate", withUser({ "client-key-data": base64(secret) }), /user.client-certificate is missing/],
  [
    "a client certificate that is no PEM",
    withUser({ "client-certificate-data": base64(secret), "client-key-data": base64(secret) }),
    /user "u": the client certificate holds no PEM certificate$/,
  ],
  [
    "a client certificate's file that is not there",
    withUser({ "client-certificate": "x", "client-key": "y" }),
    /x" does/,
  ],
  [
    "gcp",
    withUser({ "auth-provider": { name: "gcp" } }),
    /user.auth-provider "gcp" is not supported: use an exec plugin/,
  ],
  ["impersonation", withUser({ token: secret, as: "x" }), /user.as is not supported/],
  [
    "a plugin of an old API",
    withExec({ apiVersion: "client.authentication.k8s.io/v1alpha1" }),
    /apiVersion must be one of/,
  ],
  ["a plugin without command", withExec({ command: "" }), /user.exec.command is missing$/],
  ["a plugin that must ask", withExec({ interactiveMode: "Always" }), /interactiveMode Always is not supported/],
  ["a plugin's arguments that are no texts", withExec({ args: [1] }), /user.exec.args must be a list of texts$/],
  ["a plugin's variable without name", withExec({ env: [{ value: secret }] }), /user.exec.env\[0\].name is missing$/],
];

for (const [name, config, message] of bad) {
  test(`refuses ${name}`, async () => {
    const error = await refusalOf({ config, empty: "\n" });
    assert.equal(error.code, "CONFIG_INVALID");
    assert.match(error.message, /^kubeconfig /);
    assert.match(error.message, message);
    assert.ok(!inspect(error, { depth: 10 }).includes(secret), "a secret stands in the error or its causes");
  });
}

test("refuses a file that is not there, and a context that was named and is not there", async () => {
  assert.match((await refusalOf({})).message, /^kubeconfig "\/\S+\/config" does not exist$/);
  const error = await refusalOf({ config: withUser({ token: secret }) }, "prod");
  assert.match(error.message, /contexts there is no context "prod"; known: "test"$/);
});

test("refuses a client key of another certificate, and one behind a password", async () => {
  await using directory = await tempDir();
  const one = await ensureCertificate(directory.path, systemClock);
  await mkdir(join(directory.path, "other"));
  const other = await ensureCertificate(join(directory.path, "other"), systemClock);
  const refusal = async (key: string) => {
    const user = { "client-certificate-data": base64(one.cert), "client-key-data": base64(key) };
    return (await refusalOf({ config: withUser(user) })).message;
  };
  assert.equal(await refusal(other.key), 'kubeconfig user "u": the client key is not that of the certificate');
  assert.match(await refusal(secret), /the client key is no PEM key that can be read without a password$/);
});

test("reads a context of several by name; paths are relative to the file; data wins over paths", async () => {
  await using directory = await tempDir();
  const { cert } = await ensureCertificate(directory.path, systemClock);
  const path = join(directory.path, "config");
  const config = `
current-context: a
contexts:
- name: a
  context: {cluster: none, user: none}
- name: b
  context: {cluster: c2, user: u2, namespace: shop}
clusters:
- name: c2
  cluster:
    server: https://Kube.Example:443/
    certificate-authority: nowhere.pem
    certificate-authority-data: ${base64(cert)}
    proxy-url: ""
    extensions:
    - name: client.authentication.k8s.io/exec
      extension: {audience: x}
users:
- name: u2
  user:
    client-certificate: certs/c.pem
    client-key: /abs/k.pem
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: ./bin/plugin
      args: [get, "1"]
      env: [{name: A, value: b}]
      provideClusterInfo: true
`;
  await writeFile(path, config);
  assert.deepEqual(await readKubeconfig(path, "b"), {
    contextName: "b",
    cluster: {
      baseUrl: "https://kube.example",
      ca: cert,
      skipsVerification: false,
      execConfig: { audience: "x" },
    },
    user: {
      name: "u2",
      certificate: { cert: { path: join(directory.path, "certs/c.pem") }, key: { path: "/abs/k.pem" } },
      auth: {
        kind: "exec",
        plugin: {
          apiVersion: "client.authentication.k8s.io/v1beta1",
          command: join(dirname(path), "bin/plugin"),
          args: ["get", "1"],
          env: { A: "b" },
          providesClusterInfo: true,
        },
      },
    },
  });
});
