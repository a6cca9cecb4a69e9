import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tiphys } from "../../harness/engine.ts";
import { mainFile } from "../../harness/run.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";

const sensor = `apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: s}
spec:
  dependencies:
  - name: push
    eventSourceName: github
    eventName: push
    filters: {data: [{path: ref, type: string, value: [main]}]}
  triggers:
  - template: {name: deploy, log: {}}
`;

const head = "apiVersion: tiphys.io/v1alpha1\nkind: SensorTest\nmetadata: {name: t}\nsensor: ./sensor.yaml\ncases:\n";
const passing = `${head}- name: main deploys
  given:
  - {eventSource: github, event: push, dataFile: main.json}
  expect:
  - trigger: deploy
`;
const failing = `${head}- name: dev deploys
  given:
  # a branch
  - {eventSource: github, event: push, data: {ref: dev}}
  expect: # nothing, it turns out
  - trigger: deploy
`;

const usual = { "sensor.yaml": sensor, "main.json": '{"ref": "main"}' };

async function folderOf(files: Readonly<Record<string, string>>) {
  const dir = await tempDir();
  for (const [name, text] of Object.entries({ ...usual, ...files })) {
    await mkdir(join(dir.path, name, ".."), { recursive: true });
    await writeFile(join(dir.path, name), text);
  }
  return dir;
}

const lastLine = (text: string): string | undefined => text.trimEnd().split("\n").at(-1);

test("tests of files and folders run, and the worst decides the exit code", async () => {
  await using dir = await folderOf({ "good.yaml": passing, "more/bad.yaml": failing.replace("./sensor", "../sensor") });
  const good = await tiphys(["sensor", "test", "good.yaml"], dir.path);
  assert.deepEqual([good.code, good.stdout], [0, "1 passed, 0 failed\n"]);
  const wide = await tiphys(["sensor", "test", "good.yaml", "-o", "wide"], dir.path);
  assert.equal(wide.stdout, "good.yaml: passed: main deploys\n1 passed, 0 failed\n");
  const all = await tiphys(["sensor", "test"], dir.path);
  assert.deepEqual(
    [all.code, all.stdout],
    [
      1,
      "more/bad.yaml:10:3: failed: dev deploys\n" +
        "    cases[0].expect: expected deploy to fire, nothing fired\n" +
        "    -- trigger: deploy\n    +[]\n" +
        '      push rejected e1: filters.data[0]: ref is "dev", wanted "main"\n' +
        "1 passed, 1 failed\n",
    ],
  );
});

test("the answer as JSON and as JUnit's XML", async () => {
  await using dir = await folderOf({
    "a.yaml": passing,
    "b.yaml": failing.replace("dev deploys", '"<dev> & \\u0007"'),
  });
  const json = await tiphys(["sensor", "test", "-o", "json"], dir.path);
  const { passed, failed, cases } = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.deepEqual([passed, failed], [1, 1]);
  assert.partialDeepStrictEqual(cases, [
    { file: "a.yaml", name: "main deploys", passed: true, problems: [] },
    { file: "b.yaml", passed: false, problems: [{ line: 10, column: 3, path: "cases[0].expect" }] },
  ]);
  const { stdout } = await tiphys(["sensor", "test", "-o", "junit"], dir.path);
  assert.match(stdout, /^<testsuites tests="2" failures="1">$/m);
  assert.match(stdout, /<testcase classname="b.yaml" name="&lt;dev&gt; &amp; \?" file="b.yaml">/);
});

const refused: readonly (readonly [string, Readonly<Record<string, string>>, number, RegExp])[] = [
  [
    "a Sensor that is not there",
    { "t.yaml": passing.replace("./sensor", "./none") },
    2,
    /t\.yaml:4:1.*\n.*sensor: .*none\.yaml/,
  ],
  [
    "a Sensor that is not valid",
    { "sensor.yaml": sensor.replace("name: push", "nme: push"), "t.yaml": passing },
    1,
    /t\.yaml:4:1.*\n {4}sensor: sensor\.yaml:6:5: spec\.dependencies\[0\]\.name: event dependency must define a name/,
  ],
  [
    "a file with two Sensors",
    { "sensor.yaml": `${sensor}---\n${sensor.replace("{name: s}", "{name: z}")}`, "t.yaml": passing },
    2,
    /holds the Sensors s, z: name one of them as in \.\/sensor\.yaml#s/,
  ],
  [
    "a Sensor in the test that is not valid",
    {
      "t.yaml": passing.replace(
        "sensor: ./sensor.yaml",
        `sensor:\n  ${sensor.replace("name: push", "nme: push").replaceAll("\n", "\n  ")}`,
      ),
    },
    1,
    /t\.yaml:10:7.*\n {4}sensor\.spec\.dependencies\[0\]\.name: event dependency must define a name/,
  ],
  [
    "a test that is not valid",
    { "t.yaml": passing.replace("given:", "givn:") },
    1,
    /t\.yaml:6:3: failed: t\n {4}cases\[0\]\.given: is required/,
  ],
  [
    "a misspelt field of a test, beside what is missing for it",
    { "t.yaml": passing.replace("given:", "givn:") },
    1,
    /cases\[0\]\.givn: unknown field, it has no effect; did you mean `given`\?/,
  ],
  [
    "a test of the wrong version",
    { "t.yaml": passing.replace("tiphys.io", "argoproj.io") },
    1,
    /t\.yaml:1:1: failed: t\n {4}apiVersion: "argoproj.io\/v1alpha1" must be "tiphys.io\/v1alpha1"/,
  ],
  ["a text that is no YAML", { "t.yaml": `${passing}  a: [\n` }, 2, /t\.yaml:\d+:\d+: failed: t\.yaml/],
  [
    "an event that nothing listens to",
    { "t.yaml": passing.replace("event: push", "event: pusch") },
    1,
    /no dependency listens to e1: github\/pusch; did you mean github\/push\?/,
  ],
  [
    "a dependency that the Sensor does not have, of a firing's events",
    { "t.yaml": `${passing}    events: {pusch: e1}\n` },
    1,
    /cases\[0\]\.expect\[0\]\.events\.pusch: "pusch" is no dependency of the Sensor; did you mean "push"\?/,
  ],
  [
    "data that is not there",
    { "t.yaml": passing.replace("main.json", "none.json") },
    1,
    /cases\[0\]\.given: "none\.json" cannot be read: it does not exist/,
  ],
];

for (const [name, files, code, text] of refused) {
  test(`${name} is told with its place, and exits with ${code}`, async () => {
    await using dir = await folderOf(files);
    const result = await tiphys(["sensor", "test", "t.yaml"], dir.path);
    assert.match(result.stdout, text);
    assert.deepEqual([result.code, lastLine(result.stdout)], [code, "0 passed, 1 failed"]);
  });
}

test("names without tests are an error of usage", async () => {
  await using dir = await folderOf({});
  for (const name of [".", "sensor.yaml", "none"]) {
    const { code, stderr } = await tiphys(["sensor", "test", name], dir.path);
    assert.equal(code, 2, name);
    assert.match(stderr, name === "none" ? /"none" cannot be read/ : /holds no SensorTest \(apiVersion: tiphys\.io/);
  }
});

test("a link does not lead out of the test's folder", async () => {
  await using outside = await folderOf({ "secret.json": '{"ref": "main"}' });
  await using dir = await folderOf({ "t.yaml": passing.replace("main.json", "link.json") });
  await symlink(join(outside.path, "secret.json"), join(dir.path, "link.json"));
  const { stdout } = await tiphys(["sensor", "test"], dir.path);
  assert.match(stdout, /"link\.json" cannot be read: it stands outside of the test's folder/);
});

test("one of several Sensors is named behind a #", async () => {
  const two = `${sensor}---\n${sensor.replace("{name: s}", "{name: z}").replace("name: deploy", "name: other")}`;
  await using dir = await folderOf({ "sensor.yaml": two, "t.yaml": passing.replace("sensor.yaml", "sensor.yaml#s") });
  assert.equal((await tiphys(["sensor", "test"], dir.path)).code, 0);
});

test("--update writes what happened, and leaves the rest as it is", async () => {
  await using dir = await folderOf({ "t.yaml": failing, "flow.yaml": `${head}- {name: a, given: []}\n` });
  const updated = await tiphys(["sensor", "test", "t.yaml", "--update"], dir.path);
  assert.deepEqual([updated.code, updated.stdout], [0, "1 passed, 0 failed\n"]);
  assert.equal(updated.stderr, "t.yaml: 1 case updated\n");
  const text = await readFile(join(dir.path, "t.yaml"), "utf8");
  assert.equal(text, failing.replace(/expect:.*\n.*/, "expect: []"));
  const refusedOne = await tiphys(["sensor", "test", "flow.yaml", "--update"], dir.path);
  assert.equal(refusedOne.code, 1);
  assert.match(refusedOne.stderr, /flow\.yaml was not updated/);
});

test("--watch runs again when a file changes, until it is told to stop", async () => {
  await using dir = await folderOf({ "t.yaml": failing });
  const child = spawn(process.execPath, [mainFile, "sensor", "test", "--watch"], {
    cwd: dir.path,
    env: { ...process.env, NO_COLOR: "1", NODE_TEST_CONTEXT: undefined },
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  try {
    await waitFor("the first run", async () => output.includes("0 passed, 1 failed"));
    await writeFile(join(dir.path, "t.yaml"), passing);
    await waitFor("the run after a test changed", async () => output.includes("1 passed, 0 failed"));
    await writeFile(join(dir.path, "sensor.yaml"), sensor.replace("[main]", "[none]"));
    await waitFor("the run after the Sensor changed", async () => output.match(/0 passed, 1 failed/g)?.length === 2);
    child.kill("SIGINT");
    assert.deepEqual(await once(child, "exit"), [1, null]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("the example passes", async () => {
  const { code, stdout } = await tiphys(["sensor", "test", "examples"]);
  assert.deepEqual([code, stdout], [0, "5 passed, 0 failed\n"]);
});
