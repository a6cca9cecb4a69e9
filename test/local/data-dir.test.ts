import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { type Endpoints, openDataDir, replaceFile } from "../../src/local/data-dir.ts";
import { projectRoot } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";

const endpoints: Endpoints = {
  server: "http://127.0.0.1:8080",
  ingress: "http://127.0.0.1:8088",
  kubeconfig: "kubeconfig",
  token: "token",
  pid: 4711,
  simulated: true,
};

const module = pathToFileURL(join(projectRoot, "src", "local", "data-dir.ts")).href;
const script = `
  import { openDataDir } from ${JSON.stringify(module)};
  globalThis.held = openDataDir(process.argv[1]);
  process.stdout.write("held\\n");
  setInterval(() => undefined, 60_000);
`;

/** Another process that holds `dir`; killed on disposal. */
async function holder(dir: string): Promise<AsyncDisposable & { readonly child: ChildProcess }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, dir], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  await once(child.stdout, "data");
  return { child, [Symbol.asyncDispose]: () => kill9(child) };
}

async function kill9(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

test("a directory that another process holds is refused, until that one is killed", async () => {
  await using temp = await tempDir();
  const dir = join(temp.path, "data");
  await using other = await holder(dir);
  assert.throws(() => openDataDir(dir), {
    code: "DATA_DIR_LOCKED",
    message: `another engine runs on the data directory "${dir}"`,
  });
  writeFileSync(join(dir, "endpoints.json"), JSON.stringify(endpoints));
  assert.throws(() => openDataDir(dir), { code: "DATA_DIR_LOCKED", message: /\(pid 4711\)$/ });
  assert.ok(existsSync(join(dir, "endpoints.json")), "whoever is refused must leave the owner's file alone");
  await kill9(other.child);
  using taken = openDataDir(dir);
  assert.equal(taken.path, dir);
});

test("a directory is refused in the same process too, until it is disposed of", async () => {
  await using temp = await tempDir();
  const first = openDataDir(temp.path);
  assert.throws(() => openDataDir(temp.path), { code: "DATA_DIR_LOCKED" });
  first[Symbol.dispose]();
  using second = openDataDir(temp.path);
  assert.equal(second.token, first.token);
});

test("makes the directory and its token for the owner alone, and keeps the token", async () => {
  await using temp = await tempDir();
  const dir = join(temp.path, "deep", "data");
  const tokens = [1, 2].map(() => {
    using opened = openDataDir(dir);
    return opened.token;
  });
  assert.match(tokens[0]!, /^[\w-]{32}$/);
  assert.equal(tokens[1], tokens[0]);
  assert.equal(readFileSync(join(dir, "token"), "utf8"), `${tokens[0]}\n`);
  assert.equal(modeOf(join(dir, "token")), "600");
  assert.equal(modeOf(dir), "700");
});

const tokenCases: { name: string; text: string; kept: string | undefined }[] = [
  { name: "takes a token that the user wrote", text: "  secret \n", kept: "secret" },
  { name: "makes a new token where the file is empty", text: "\n", kept: undefined },
];

for (const { name, text, kept } of tokenCases) {
  test(name, async () => {
    await using temp = await tempDir();
    writeFileSync(join(temp.path, "token"), text);
    using opened = openDataDir(temp.path);
    if (kept === undefined) assert.match(opened.token, /^[\w-]{32}$/);
    else assert.equal(opened.token, kept);
  });
}

test("writes the endpoints whole, for the owner alone, and removes them on disposal", async () => {
  await using temp = await tempDir();
  const file = join(temp.path, "endpoints.json");
  writeFileSync(file, "left by an engine that was killed");
  {
    using opened = openDataDir(temp.path);
    assert.equal(existsSync(file), false, "what a killed engine left must not name this one");
    opened.writeEndpoints(endpoints);
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), endpoints);
    assert.equal(modeOf(file), "600");
    assert.deepEqual(
      readdirSync(temp.path).filter((name) => name.endsWith(".new")),
      [],
    );
    assert.equal(opened.file("bus.db"), join(temp.path, "bus.db"));
  }
  assert.equal(existsSync(file), false);
});

test("a file that is replaced is readable by its owner only, whatever an earlier attempt left", async () => {
  await using temp = await tempDir();
  const file = join(temp.path, "kubeconfig");
  writeFileSync(file, "old", { mode: 0o644 });
  writeFileSync(`${file}.new`, "half of someth", { mode: 0o644 });
  replaceFile(file, "new");
  assert.equal(readFileSync(file, "utf8"), "new");
  assert.equal(modeOf(file), "600");
});

const unusable: { name: string; prepare: (dir: string) => void }[] = [
  { name: "a file stands in its place", prepare: (dir) => writeFileSync(dir, "") },
  {
    name: "its lock is a directory",
    prepare: (dir) => mkdirSync(join(dir, "lock.db"), { recursive: true }),
  },
  {
    name: "its lock is no database",
    prepare: (dir) => {
      mkdirSync(dir);
      writeFileSync(join(dir, "lock.db"), "no database, and longer than the header of one is: ".repeat(10));
    },
  },
  {
    name: "its token is a directory",
    prepare: (dir) => mkdirSync(join(dir, "token"), { recursive: true }),
  },
];

for (const { name, prepare } of unusable) {
  test(`a data directory cannot be used when ${name}`, async () => {
    await using temp = await tempDir();
    const dir = join(temp.path, "data");
    prepare(dir);
    assert.throws(() => openDataDir(dir), {
      name: "TerminalError",
      code: "DATA_DIR_UNUSABLE",
      message: new RegExp(`"${dir}"`),
    });
    // What failed must not hold the lock.
    assert.throws(() => openDataDir(dir), { code: "DATA_DIR_UNUSABLE" });
  });
}

test("a data directory cannot be made below a file", async () => {
  await using temp = await tempDir();
  writeFileSync(join(temp.path, "file"), "");
  assert.throws(() => openDataDir(join(temp.path, "file", "data")), { code: "DATA_DIR_UNUSABLE" });
});
