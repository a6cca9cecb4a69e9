import assert from "node:assert/strict";
import { test } from "node:test";
import { errorText, exitCodeOf } from "../../src/cli/exit.ts";
import { createProgram, withPolicyObject } from "../../src/cli/program.ts";
import { mainFile, type RunResult, run } from "../harness/run.ts";

/** What was typed, the exit code, what stands on standard output, what on standard error. */
const table: readonly (readonly [string, number, RegExp, RegExp])[] = [
  ["--version", 0, /^\d+\.\d+\.\d+\n$/, /^$/],
  ["-h", 0, /^Usage: tiphys \[options\] \[command\]/, /^$/],
  ["up -h", 0, /^Usage: tiphys up \[options\] \[dir\]/, /^$/],
  ["event -h", 0, /^Usage: tiphys event /, /^$/],
  ["event list -h", 0, /^Usage: tiphys event list [\s\S]*Global Options:/, /^$/],
  ["xyzzy", 2, /^$/, /^error: unknown command 'xyzzy'\nSee `tiphys --help`\.\n$/],
  ["up --prot 1", 2, /^$/, /^error: unknown option '--prot'.*\nSee `tiphys up --help`\.\n$/],
  ["app hold web", 2, /^$/, /^error: --reason: must be given, or --release\nSee `tiphys app hold --help`\.\n$/],
  ["up --port x", 2, /^$/, /"x" is not a port \(0 to 65535\)/],
  ["up --bus http://localhost", 2, /^$/, /^error: --bus: "http:\/\/localhost" must be a URL such as nats:/],
  ["up --address 0.0.0.0", 2, /^$/, /"0\.0\.0\.0" is not an IP address that others can reach/],
  ["up --kube-audit-log a --kubeconfig b", 2, /^$/, /^error: option '--kube-audit-log <file>' cannot be used with/],
  ["event list --limit 0", 2, /^$/, /"0" must be 1 to 1000/],
  ["event list -o xml", 2, /^$/, /Allowed choices are text, json, yaml, wide, name/],
  ["completion tcsh", 2, /^$/, /^error: completion: "tcsh" must be one of bash, zsh, fish, powershell\n/],
  ["sensor get a/b/c", 2, /^$/, /^error: "a\/b\/c" must be NAME or NAMESPACE\/NAME\n/],
  ["sensor status a/b -n c", 2, /^$/, /^error: "a\/b": --namespace says "c": give one of them\n/],
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

/** As `main.ts` ends it; what is refused prints nothing before, which the first row of each code shows in a process. */
async function refusal(line: string): Promise<RunResult> {
  const words = withPolicyObject(["node", "tiphys", ...line.split(" ")]);
  const error = await createProgram()
    .parseAsync(words)
    .then(
      () => assert.fail(`${line}: was not refused`),
      (refused: unknown) => refused,
    );
  return { code: exitCodeOf(error), stdout: "", stderr: errorText(error) };
}

const shown = new Set<number>();

for (const [line, code, out, err] of table) {
  const isProcess = code === 0 || !shown.has(code);
  shown.add(code);
  test(`tiphys ${line}: exit ${code}`, async () => {
    const ended = await (isProcess ? run(process.execPath, [mainFile, ...line.split(" ")]) : refusal(line));
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
