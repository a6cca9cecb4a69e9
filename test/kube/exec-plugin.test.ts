import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { type Clock, instant, isoTime, systemClock } from "../../src/base/clock.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { RemoteCluster } from "../../src/kube/kubeconfig.ts";
import { adminToken } from "../harness/control-plane.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { authority, openTestCluster, type TestCluster } from "../harness/remote-cluster.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";

failOnLeakedChildren();

const apiVersion = "client.authentication.k8s.io/v1";
const secret = "s3cr3t-that-no-message-may-hold";

/** Prints what stands in `answer`; each run adds a line to `runs`, with its environment and arguments. */
const plugin = `
import { appendFileSync, readFileSync } from "node:fs";
const { env, argv } = process;
appendFileSync("DIR/runs", JSON.stringify({ info: JSON.parse(env.KUBERNETES_EXEC_INFO), env, args: argv.slice(2) }) + "\\n");
process.stdout.write(readFileSync("DIR/answer", "utf8"));
`;

interface OpenOptions {
  readonly clock?: Clock;
  readonly env?: Record<string, string>;
  readonly exec?: object;
  readonly script?: string;
}

/** A cluster whose user has the plugin; the first run prints `status`. */
async function open(cluster: TestCluster, status: object, options: OpenOptions = {}): Promise<RemoteCluster> {
  const path = join(cluster.directory, "plugin.mjs");
  await writeFile(path, (options.script ?? plugin).replaceAll("DIR", cluster.directory));
  await answer(cluster, status);
  const exec = { apiVersion, command: process.execPath, args: [path, "one two"], ...options.exec };
  const { clock = systemClock, env = {} } = options;
  return await cluster.open({ user: { exec }, clock, env });
}

async function answer(cluster: TestCluster, status: object): Promise<void> {
  const text = JSON.stringify({ apiVersion, kind: "ExecCredential", status });
  await writeFile(join(cluster.directory, "answer"), text);
}

async function runsOf(cluster: TestCluster): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(cluster.directory, "runs"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

async function statusOf(remote: RemoteCluster, headers: Record<string, string> = {}): Promise<number> {
  const response = await remote.fetch(new Request(`${remote.baseUrl}/api/v1/namespaces/default`, { headers }));
  await response.body?.cancel();
  return response.status;
}

test("a plugin runs once for many requests, with the environment of the engine and its own", async () => {
  await using cluster = await openTestCluster();
  const exec = { env: [{ name: "ONE", value: "1" }], provideClusterInfo: true };
  const remote = await open(cluster, { token: adminToken }, { exec, env: { TWO: "2", ONE: "0" } });
  assert.equal(remote.user, '"u" by credential plugin');
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => statusOf(remote))), [200, 200, 200]);
  const runs = await runsOf(cluster);
  assert.equal(runs.length, 1);
  const [{ info, env, args }] = runs as [{ info: object; env: Record<string, string>; args: string[] }];
  assert.deepEqual(
    { one: env.ONE, two: env.TWO, home: env.HOME, args },
    { one: "1", two: "2", home: undefined, args: ["one two"] },
  );
  assert.deepEqual(info, {
    apiVersion,
    kind: "ExecCredential",
    spec: {
      interactive: false,
      cluster: { server: cluster.url, ...authority(cluster.certificate.cert), config: null },
    },
  });
});

test("a plugin runs again shortly before its token expires, once for all that wait", async () => {
  await using cluster = await openTestCluster();
  const clock = createVirtualClock();
  const expirationTimestamp = isoTime(instant(clock.now() + 60_000));
  const remote = await open(cluster, { token: adminToken, expirationTimestamp }, { clock });
  await answer(cluster, { token: "bob-token" });
  const asX = { "impersonate-user": "system:serviceaccount:default:x" };
  await clock.advance(49_000);
  assert.equal(await statusOf(remote, asX), 200);
  await clock.advance(2_000);
  const all = await Promise.all([1, 2, 3].map(() => statusOf(remote, asX)));
  assert.deepEqual(all, [403, 403, 403], "bob may not impersonate");
  assert.equal((await runsOf(cluster)).length, 2);
});

test("a plugin runs again when its token is refused, at most every five seconds", async () => {
  await using cluster = await openTestCluster();
  const clock = createVirtualClock();
  const remote = await open(cluster, { token: "none" }, { clock });
  assert.equal(await statusOf(remote), 401);
  assert.equal((await runsOf(cluster)).length, 1, "it has just run");
  await clock.advance(5_000);
  assert.equal(await statusOf(remote), 401);
  assert.equal(await statusOf(remote), 401);
  assert.equal((await runsOf(cluster)).length, 2);
  await answer(cluster, { token: adminToken });
  await clock.advance(5_000);
  assert.equal(await statusOf(remote), 200);
  assert.equal((await runsOf(cluster)).length, 3);
});

const print = (text: string): string => `process.stdout.write(${JSON.stringify(text)})`;
const printStatus = (status: object): string => print(JSON.stringify({ apiVersion, kind: "ExecCredential", status }));

const failures: readonly (readonly [string, string, RegExp, object?])[] = [
  [
    "fails",
    `console.error("debug\\nlogin of " + process.env.PASS + " expired\\n"); process.exit(3)`,
    /^the credential plugin "\S+node" ended with code 3: login of \*\*\* expired$/,
    { env: [{ name: "PASS", value: secret }] },
  ],
  ["fails without a word", "process.exit(1)", /ended with code 1: it says nothing on standard error$/],
  ["prints no JSON", print(secret), /printed no ExecCredential of client\.authentication\.k8s\.io\/v1$/],
  ["prints another version", print(JSON.stringify({ apiVersion: "x", kind: "ExecCredential" })), /printed no ExecCred/],
  ["prints no credentials", printStatus({}), /printed neither token nor certificate$/],
  ["prints a bad token", printStatus({ token: `${secret}\n` }), /printed a token that no header may hold$/],
  ["prints half a certificate", printStatus({ clientCertificateData: secret }), /the client certificate holds no PEM/],
  ["prints a bad time", printStatus({ token: secret, expirationTimestamp: "soon" }), /Timestamp that is no time$/],
  ["prints too much", "process.stdout.write('x'.repeat(300_000))", /wrote more than the 262144 bytes allowed$/],
  [
    "is not installed",
    "",
    /"no-such-plugin" is not installed\nInstall it$/,
    { command: "no-such-plugin", installHint: "Install it" },
  ],
];

for (const [name, script, message, exec = {}] of failures) {
  test(`a plugin that ${name} is an error at the start, without secrets`, async () => {
    await using cluster = await openTestCluster();
    await assert.rejects(open(cluster, {}, { script, exec }), (error) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.code, "CREDENTIALS_FAILED");
      assert.match(error.message, message);
      assert.ok(!inspect(error, { depth: 10 }).includes(secret), "a secret stands in the error or its causes");
      return true;
    });
  });
}

test("a bare name is looked up in PATH of the engine", async () => {
  await using cluster = await openTestCluster();
  const script = `#!${process.execPath}\n${plugin}`;
  await writeFile(join(cluster.directory, "my-plugin.mjs"), script.replaceAll("DIR", cluster.directory), {
    mode: 0o700,
  });
  const remote = await open(
    cluster,
    { token: adminToken },
    {
      exec: { command: "my-plugin.mjs", args: [] },
      env: { PATH: cluster.directory },
    },
  );
  assert.equal(await statusOf(remote), 200);
});

test("disposal ends a plugin that runs, and an aborted request does not wait for it", { timeout: 20_000 }, async () => {
  await using cluster = await openTestCluster();
  const clock = createVirtualClock();
  const remote = await open(cluster, { token: adminToken, expirationTimestamp: isoTime(clock.now()) }, { clock });
  const hang = `import { writeFileSync } from "node:fs"; writeFileSync("DIR/hangs", ""); setInterval(() => {}, 1000);`;
  await writeFile(join(cluster.directory, "plugin.mjs"), hang.replaceAll("DIR", cluster.directory));
  await clock.advance(5_000);
  const stop = new AbortController();
  const url = `${remote.baseUrl}/version`;
  const aborted = remote.fetch(new Request(url, { signal: stop.signal }));
  const waiting = remote.fetch(new Request(url));
  const started = (): Promise<boolean> =>
    readFile(join(cluster.directory, "hangs")).then(
      () => true,
      () => false,
    );
  await waitFor("the plugin to hang", started);
  stop.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  await Promise.all([assert.rejects(waiting, { code: "CREDENTIALS_FAILED" }), remote[Symbol.asyncDispose]()]);
});
