import assert from "node:assert/strict";
import { test } from "node:test";
import { mainFile, run } from "../harness/run.ts";

/** What was typed, the exit code, what stands on standard output, what on standard error. */
const table: readonly (readonly [string, number, RegExp, RegExp])[] = [
  ["--version", 0, /^\d+\.\d+\.\d+\n$/, /^$/],
  ["-h", 0, /^Usage: tiphys \[options\] \[command\]/, /^$/],
  ["up -h", 0, /^Usage: tiphys up \[options\] \[dir\]/, /^$/],
  ["event -h", 0, /^Usage: tiphys event /, /^$/],
  ["event list -h", 0, /^Usage: tiphys event list [\s\S]*Global Options:/, /^$/],
  ["xyzzy", 2, /^$/, /^error: unknown command 'xyzzy'\nSee `tiphys --help`\.\n$/],
  ["up --prot 1", 2, /^$/, /^error: unknown option '--prot'/],
  ["up --port x", 2, /^$/, /"x" is not a port \(0 to 65535\)/],
  ["up --bus http://localhost", 2, /^$/, /^error: --bus: "http:\/\/localhost" must be a URL such as nats:/],
  ["up --address 0.0.0.0", 2, /^$/, /"0\.0\.0\.0" is not an IP address that others can reach/],
  ["up --kube-audit-log a --kubeconfig b", 2, /^$/, /^error: option '--kube-audit-log <file>' cannot be used with/],
  ["event list --limit 0", 2, /^$/, /"0" must be 1 to 1000/],
  ["event list -o xml", 2, /^$/, /Allowed choices are text, json, yaml, wide, name/],
  ["completion fish", 2, /^$/, /^error: completion: "fish" must be one of bash, zsh\n/],
  [
    "--server 127.0.0.1:1 app list --grpc-web --insecure --loglevel debug",
    3,
    /^$/,
    /^error: the engine at http:\/\/127\.0\.0\.1:1 /,
  ],
  ["app list --server ftp://x", 2, /^$/, /^error: --server: "ftp:\/\/x" must be a URL/],
  ["app list --core", 2, /^$/, /^error: --core is not supported: start an engine/],
  ["login localhost --sso --sso-port 8085", 2, /^$/, /^error: --sso is not supported: log in with a local account/],
  ["app create x --dry-source-repo r", 2, /^$/, /^error: --dry-source-repo is not supported: /],
  ["app set x --hydrate-to-branch b", 2, /^$/, /^error: --hydrate-to-branch is not supported: /],
  ["app wait x --hydrated", 2, /^$/, /^error: --hydrated is not supported: /],
  ["trace", 2, /^$/, /^error: missing required argument 'reference'\n/],
  [
    "event send --event-source a/b/c --event e --data 1",
    2,
    /^$/,
    /^error: --event-source: "a\/b\/c" must be NAMESPACE\/NAME/,
  ],
  ["event send --event-source a/b --event e --data {", 2, /^$/, /^error: --data: must be JSON, or @FILE with JSON/],
  [
    "--data-dir /nowhere why x",
    3,
    /^$/,
    /^error: no engine runs on the data directory "\/nowhere"\nStart one with `tiphys up`/,
  ],
  ["--data-dir /nowhere event list", 3, /^$/, /^error: no engine runs on "\/nowhere", and nothing is stored there\n/],
  [
    "--server http://127.0.0.1:1 event list",
    3,
    /^$/,
    /^error: the engine at http:\/\/127\.0\.0\.1:1 does not answer: /,
  ],
];

for (const [line, code, out, err] of table) {
  test(`tiphys ${line}: exit ${code}`, async () => {
    const ended = await run(process.execPath, [mainFile, ...line.split(" ")]);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stdout, out);
    assert.match(ended.stderr, err);
  });
}

test("bash completes commands, their commands and their flags", async () => {
  const script = (await run(process.execPath, [mainFile, "completion", "bash"])).stdout;
  const complete = async (...words: readonly string[]): Promise<string> => {
    const line = words.map((word) => `'${word}'`).join(" ");
    const asked = `COMP_WORDS=(tiphys ${line}); COMP_CWORD=${words.length}; _tiphys; echo "\${COMPREPLY[*]}"`;
    const { code, stdout, stderr } = await run("bash", ["--norc", "-c", `${script}\n${asked}`]);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout.trim();
  };
  assert.deepEqual(
    await Promise.all([
      complete("tr"),
      complete("app", "term"),
      complete("app", "-N", "get", "get", "web", "--hard"),
      complete("proj", "role", "create-"),
      complete("app", "xyz"),
    ]),
    ["trace", "terminate-op", "--hard-refresh", "create-token", ""],
  );
});
