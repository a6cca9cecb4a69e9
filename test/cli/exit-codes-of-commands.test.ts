import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Command } from "commander";
import { completionScript } from "../../src/cli/completion.ts";
import { exitCodeOf } from "../../src/cli/exit.ts";
import { createProgram, loadAll } from "../../src/cli/program.ts";
import { freePort } from "../harness/free-port.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { openRig, type Rig } from "../server/rig.ts";

/** These read files, ask a cluster or keep logins: no engine is asked, or not first. */
const withoutEngine =
  /^(up|explain|render|diff|validate|login|logout|relogin|context|replay|account (session-token|bcrypt)|health .*|sensor test|source test|sync plan|cluster add|cert add-.*|gpg add)$/;

/** What a command needs beyond words of any kind. */
const needed: Readonly<Record<string, readonly string[]>> = {
  "account update-password": ["--current-password", "a", "--new-password", "b"],
  "app create": ["x"],
  "app sync": ["x"],
  "app wait": ["x"],
  "app delete": ["x"],
  "app get-resource": ["x", "--kind", "Pod"],
  "app hold": ["x", "--reason", "r"],
  "app set": ["x", "--revision", "r"],
  "app unset": ["x", "--ref"],
  "cluster set": ["x", "--name", "y"],
  "proj set": ["x", "--description", "d"],
  "app patch": ["x", "--patch", "[]"],
  "app patch-resource": ["x", "--kind", "Pod", "--patch", "{}"],
  "dead show": ["1"],
  "dead redrive": ["1"],
  "event send": ["--event-source", "a/b", "--event", "e", "--data", "{}"],
  "proj create": ["x"],
  "proj add-signature-key": ["x", "ABCDEF0123456789"],
  "proj remove-signature-key": ["x", "ABCDEF0123456789"],
  "proj source-integrity git policies add": ["x", "--gpg-mode", "none", "--repo-url", "*"],
};

/** Exit codes of argocd's commands are argocd's (spec argo-cd-surface 5.1): 20 for what the API refuses. */
const isArgoCd = (path: string): boolean =>
  /^(account|app|cert|cluster|gpg|proj|repo|repocreds) /.test(path) && !/^app (why|approve)$/.test(path);

interface Leaf {
  readonly path: string;
  readonly command: Command;
}

function leavesOf(command: Command, parents: readonly string[]): readonly Leaf[] {
  const path = [...parents, command.name()];
  if (command.commands.length === 0) return [{ path: path.join(" "), command }];
  return command.commands.flatMap((sub) => leavesOf(sub, path));
}

/** Flags and words that get it as far as the engine. */
function argumentsOf({ path, command }: Leaf): readonly string[] {
  const words = command.registeredArguments.flatMap((argument) => {
    if (!argument.required) return [];
    return [argument.name() === "id" ? "1" : argument.name() === "resource" ? "applications" : "get"];
  });
  const own = needed[path] ?? [
    ...words,
    ...command.options.flatMap(({ mandatory, long }) => (mandatory && long ? [long, "x"] : [])),
  ];
  return command.options.some(({ long }) => long === "--yes") ? [...own, "--yes"] : own;
}

/** In this process: what is refused prints nothing. The exit code, and the message. */
async function ended(url: string, dir: string, words: readonly string[]): Promise<readonly [number, string]> {
  try {
    await createProgram().parseAsync(["node", "tiphys", "--server", url, "--config", join(dir, "config"), ...words]);
    return [0, ""];
  } catch (error) {
    return [exitCodeOf(error), String(error)];
  }
}

/** Refuses all as the API does: what is not there, and what is forbidden. */
async function startRefusing(status: number, code: number, reason: string): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify({ error: "refused", message: "refused", code, reason }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.asyncDispose]: async () => void server.close() };
}

let leaves: readonly Leaf[] = [];
let rig: Rig;
before(async () => {
  process.env.EDITOR = "true";
  leaves = (await loadAll()).flatMap((command) => leavesOf(command, []));
  rig = await openRig();
});
after(() => rig[Symbol.asyncDispose]());

/** Each command that asks an engine, and what its exit code is not. */
async function wrongAt(url: string, expected: (path: string) => number, skipped = /^$/): Promise<readonly string[]> {
  await using dir = await tempDir();
  const wrong: string[] = [];
  for (const leaf of leaves) {
    if (withoutEngine.test(leaf.path) || skipped.test(leaf.path)) continue;
    const [code, message] = await ended(url, dir.path, [...leaf.path.split(" "), ...argumentsOf(leaf)]);
    if (code !== expected(leaf.path)) wrong.push(`${leaf.path}: ${code} for ${expected(leaf.path)}: ${message}`);
  }
  return wrong;
}

test("every command says by 3 that no engine answers, app diff by 20", async () => {
  const wrong = await wrongAt(`http://127.0.0.1:${await freePort()}`, (path) => (path === "app diff" ? 20 : 3));
  assert.deepEqual(wrong, []);
});

test("every command says by 3 that it is not let in, app diff by 20", async () => {
  process.env.TIPHYS_TOKEN = "another";
  try {
    const open = /^(version|account get-user-info)$/;
    assert.deepEqual(await wrongAt(rig.url, (path) => (path === "app diff" ? 20 : 3), open), []);
  } finally {
    delete process.env.TIPHYS_TOKEN;
  }
});

test("what is forbidden exits with 20 where argocd does, with 3 elsewhere", async () => {
  await using server = await startRefusing(403, 7, "FORBIDDEN");
  assert.deepEqual(await wrongAt(server.url, (path) => (isArgoCd(path) ? 20 : 3)), []);
});

test("what is not found exits with 20 where argocd does, with 1 elsewhere", async () => {
  await using server = await startRefusing(404, 5, "NOT_FOUND");
  assert.deepEqual(await wrongAt(server.url, (path) => (isArgoCd(path) ? 20 : 1)), []);
});

test("every command refuses a flag that it does not know with 2", async () => {
  await using dir = await tempDir();
  const wrong: string[] = [];
  for (const leaf of leaves) {
    const { path } = leaf;
    const [code, message] = await ended(rig.url, dir.path, [...path.split(" "), ...argumentsOf(leaf), "--xyzzy"]);
    if (code !== 2 || !message.includes("--xyzzy")) wrong.push(`${path}: ${code}: ${message}`);
  }
  assert.deepEqual(wrong, []);
});

/** What may follow which words, as the script of a shell says it. */
const wordsIn: Readonly<Record<string, RegExp>> = {
  bash: /^ {4}"([^"]*)"\) echo "([^"]*)" ;;$/gm,
  zsh: /^ {4}"([^"]*)"\) echo "([^"]*)" ;;$/gm,
  fish: /^ {4}case '([^']*)'\n {6}printf '%s\\n' (.*)$/gm,
  powershell: /^ {4}'([^']*)' = @\((.*)\)$/gm,
};

test("the scripts of all shells know the same words", async () => {
  const commands = await loadAll();
  const all = Object.entries(wordsIn).map(([shell, form]) => {
    const found = [...completionScript(shell, commands).matchAll(form)];
    const words = found.map(([, path, next = ""]) => [path, next.replaceAll(/[',]/g, "")]);
    return Object.fromEntries(words) as Readonly<Record<string, string>>;
  });
  const [bash] = all;
  assert.match(bash?.["app hold"] ?? "", /--reason/);
  for (const words of all) assert.deepEqual(words, bash);
});
