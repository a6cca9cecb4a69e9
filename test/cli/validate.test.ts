import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { mainFile, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";

const head = "apiVersion: argoproj.io/v1alpha1\nkind: EventBus\nmetadata: {name: b}\n";
const files = {
  "good.yaml": `${head}spec: {jetstream: {version: "1"}}\n---\nkind: ConfigMap\napiVersion: v1\n`,
  "warned.yml": `${head}spec: {jetStream: {}, jetstream: {version: "1"}}\n`,
  "deep/bad.json": JSON.stringify(
    { apiVersion: "argoproj.io/v1alpha1", kind: "EventBus", metadata: {}, spec: 5 },
    null,
    2,
  ),
  "repositories/r/odd.yaml": `${head}spec: {jetstream: {version: "1", odd: 1}}\n`,
  "broken/x.yaml": "a: 1\na: 2\n",
  "notes.txt": "not a manifest: [",
} as const;

async function openDir() {
  const dir = await tempDir();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(dir.path, name, ".."), { recursive: true });
    await writeFile(join(dir.path, name), text);
  }
  return dir;
}

test("validate prints every problem of every file as compilers do, and the worst decides the exit code", async () => {
  await using dir = await openDir();
  const validate = (line: string, input?: string) =>
    run(process.execPath, [mainFile, "validate", ...line.split(" ")], { cwd: dir.path, ...(input ? { input } : {}) });
  const summary = (text: string) => text.trimEnd().split("\n").at(-1);

  const good = await validate("good.yaml");
  assert.deepEqual(
    [good.code, good.stdout],
    [0, "1 file, 1 object (1 object of other kinds ignored): 0 errors, 0 warnings\n"],
  );

  const warned = await validate("warned.yml");
  assert.deepEqual(
    [warned.code, warned.stdout],
    [
      0,
      "warned.yml:4:8: warning: spec.jetStream: unknown field, it has no effect\n    did you mean `jetstream`?\n" +
        "1 file, 1 object: 0 errors, 1 warning\n",
    ],
  );
  assert.equal((await validate("warned.yml --strict")).code, 1);

  const bad = await validate("good.yaml deep warned.yml deep/bad.json -o github");
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^::error file=deep\/bad\.json,line=4,col=3::metadata\.name: is required$/m);
  assert.match(bad.stdout, /^::warning file=warned\.yml,line=4,col=8::spec\.jetStream: unknown .*; did you mean/m);
  assert.match(
    summary(bad.stdout) ?? "",
    /^3 files, 3 objects \(1 object of other kinds ignored\): \d errors, 1 warning$/,
  );

  const all = await validate(". -o json");
  assert.equal(all.code, 2);
  const problems = JSON.parse(all.stdout) as { file: string; line: number; column: number; severity: string }[];
  assert.deepEqual(
    problems.find(({ file }) => file === "broken/x.yaml"),
    {
      file: "broken/x.yaml",
      line: 2,
      column: 1,
      severity: "error",
      path: "",
      message: "duplicated mapping key, the first is at line 1, column 1",
    },
  );
  const named = [...new Set(problems.map(({ file }) => file))];
  assert.deepEqual(named, ["broken/x.yaml", "deep/bad.json", "repositories/r/odd.yaml", "warned.yml"]);

  await writeFile(join(dir.path, "latin.yaml"), Buffer.from("a: 1\nb: é\n", "latin1"));
  const latin = await validate("latin.yaml");
  assert.deepEqual([latin.code, latin.stdout.split("\n")[0]], [2, "latin.yaml:2:4: error: is not UTF-8 text"]);

  const input = await validate("-", files["warned.yml"]);
  assert.match(input.stdout, /^stdin:4:8: warning: /);
});

test("validate refuses what is no file of manifests with two lines", async () => {
  await using dir = await openDir();
  for (const args of [[], ["none.yaml"], ["deep", "nowhere"], ["-o", "wrong", "good.yaml"]]) {
    const { code, stdout, stderr } = await run(process.execPath, [mainFile, "validate", ...args], { cwd: dir.path });
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, /^error: .*\n.+\n$/);
  }
});

test("validate finds a loop that two files make together", async () => {
  await using dir = await tempDir();
  const sensor = (name: string, from: string, to: string) =>
    JSON.stringify({
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Sensor",
      metadata: { name },
      spec: {
        dependencies: [{ name: "d", eventSourceName: "own", eventName: from }],
        triggers: [{ template: { name: "t", emit: { eventSourceName: "own", eventName: to } } }],
      },
    });
  await writeFile(join(dir.path, "a.json"), sensor("one", "a", "b"));
  await writeFile(join(dir.path, "b.json"), sensor("two", "b", "a"));
  const { code, stdout } = await run(process.execPath, [mainFile, "validate", "."], { cwd: dir.path });
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^a\.json:1:\d+: error: spec\.triggers\[0\]\.template: "t" fires itself .*one\/t → two\/t → one\/t/m,
  );
  assert.match(stdout, /\n2 files, 2 objects: 2 errors, 0 warnings\n$/);
});
