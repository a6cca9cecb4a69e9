import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { mainFile, run } from "../../harness/run.ts";
import { tempDir } from "../../harness/temp-dir.ts";

type Files = Readonly<Record<string, string>>;

async function openTree(files: Files) {
  const dir = await tempDir();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir.path, name)), { recursive: true });
    await writeFile(join(dir.path, name), text);
  }
  const tiphys = (...args: string[]) => run(process.execPath, [mainFile, "health", ...args], { cwd: dir.path });
  return { path: dir.path, tiphys, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

const widgetHealth = `local hs = {status = "Progressing", message = "Waiting"}
if obj.status and obj.status.ready then hs = {status = "Healthy", message = obj.status.message} end
return hs`;

const good: Files = {
  "example.com/Widget/health.lua": widgetHealth,
  "example.com/Widget/health_test.yaml": `tests:
- healthStatus:
    status: Healthy
    message: "it is\\n so"
  inputPath: testdata/ready.yaml
- healthStatus: {status: Progressing, message: Waiting}
  inputpath: testdata/waiting.yaml
`,
  "example.com/Widget/testdata/ready.yaml":
    'apiVersion: example.com/v1\nkind: Widget\nstatus: {ready: yes, message: "it is\\n so"}\n',
  // What Go's reader takes: a key that is given twice.
  "example.com/Widget/testdata/waiting.yaml":
    "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {a: 1, a: 2}\n---\nnot: this\n",
  "_.clouds.example.com/_/health.lua": `return {status = "Suspended", message = obj.apiVersion}`,
  "_.clouds.example.com/_/health_test.yaml":
    "tests:\n- {healthStatus: {status: Suspended, message: db.clouds.example.com/v1}, inputPath: testdata/db.yaml}\n",
  "_.clouds.example.com/_/testdata/db.yaml": "apiVersion: db.clouds.example.com/v1\nkind: Database\n",
  "db.clouds.example.com/Special/health.lua": `return {status = "Missing"}`,
  "db.clouds.example.com/Special/health_test.yaml":
    "tests:\n- {healthStatus: {status: Missing}, inputPath: testdata/a.yaml}\n",
  "db.clouds.example.com/Special/testdata/a.yaml": "apiVersion: db.clouds.example.com/v1\nkind: Special\n",
  "Gadget/health.lua": "return {}",
  "Gadget/health_test.yaml": 'tests:\n- {healthStatus: {status: "", message: ""}, inputPath: testdata/a.yaml}\n',
  "Gadget/testdata/a.yaml": "apiVersion: v1\nkind: Gadget\n",
};

const actions: Files = {
  "apps/Thing/actions/discovery.lua": `local actions = {}
actions["scale"] = {["disabled"] = obj.spec.paused == true, ["iconClass"] = "fa fa-plus",
  ["params"] = {{["name"] = "replicas", ["type"] = "number", ["default"] = "1"}}}
actions["restart"] = {}
return actions`,
  "apps/Thing/actions/scale/action.lua": `local replicas = tonumber(actionParams["replicas"])
if not replicas then error("invalid number: " .. actionParams["replicas"], 0) end
obj.spec.replicas = replicas
return obj`,
  "apps/Thing/actions/restart/action.lua": `local os = require("os")
if obj.metadata.annotations == nil then obj.metadata.annotations = {} end
obj.metadata.annotations["restartedAt"] = os.date("!%Y-%m-%dT%XZ")
obj.spec.template.labels = {}
return obj`,
  "apps/Thing/actions/spawn/action.lua": `local os = require("os")
local job = {apiVersion = "batch/v1", kind = "Job", metadata = {name = obj.metadata.name .. "-" .. os.date("!%Y%m%d%H%M")}}
job.spec = obj.spec.template
local source = obj
source.metadata.labels = {spawned = "yes"}
return {{operation = "create", resource = job}, {operation = "patch", resource = source}}`,
  "apps/Thing/actions/action_test.yaml": `discoveryTests:
- inputPath: testdata/thing.yaml
  result:
  - name: restart
    disabled: false
  - name: scale
    disabled: true
    iconClass: fa fa-plus
    params: [{name: replicas, type: number, default: "1"}]
actionTests:
- action: scale
  inputPath: testdata/thing.yaml
  expectedOutputPath: testdata/scaled.yaml
  parameters: {replicas: "6"}
- action: scale
  inputPath: testdata/thing.yaml
  expectedErrorMessage: "invalid number: six"
  parameters: {replicas: six}
- action: restart
  inputPath: testdata/thing.yaml
  expectedOutputPath: testdata/restarted.yaml
- action: spawn
  inputPath: testdata/thing.yaml
  expectedOutputPath: testdata/spawned.yaml
`,
  "apps/Thing/actions/testdata/thing.yaml": `apiVersion: apps/v1
kind: Thing
metadata: {name: t}
spec: {paused: true, replicas: 1, template: {labels: {}, command: [a, b]}}
`,
  "apps/Thing/actions/testdata/scaled.yaml": `apiVersion: apps/v1
kind: Thing
metadata: {name: t, creationTimestamp: null}
spec: {paused: true, replicas: 6, template: {labels: {}, command: [a, b]}}
`,
  "apps/Thing/actions/testdata/restarted.yaml": `apiVersion: apps/v1
kind: Thing
metadata: {name: t, annotations: {restartedAt: "0001-01-01T00:00:00Z"}}
spec: {paused: true, template: {labels: {}}}
`,
  "apps/Thing/actions/testdata/spawned.yaml": `- operation: patch
  unstructuredObj: {apiVersion: apps/v1, kind: Thing, metadata: {name: t, labels: {spawned: "yes"}}}
- k8sOperation: create
  unstructuredObj: {apiVersion: batch/v1, kind: Job, metadata: {name: t-00000000000}, spec: {command: [a, b]}}
`,
};

test("health test runs health and actions in Argo CD's layout", async () => {
  await using tree = await openTree({ ...good, ...actions });
  const all = await tree.tiphys("test", ".");
  assert.deepEqual([all.code, all.stdout, all.stderr], [0, "10 passed, 0 failed\n", ""]);

  const part = await tree.tiphys("test", "example.com/Widget");
  assert.deepEqual([part.code, part.stdout], [0, "2 passed, 0 failed\n"]);
  const group = await tree.tiphys("test", "apps");
  assert.deepEqual([group.code, group.stdout], [0, "5 passed, 0 failed\n"]);

  const json = JSON.parse((await tree.tiphys("test", ".", "-o", "json")).stdout);
  assert.deepEqual([json.passed, json.failed, json.cases.length], [10, 0, 10]);
  assert.match((await tree.tiphys("test", ".", "-o", "junit")).stdout, /<testsuites tests="10" failures="0">/);
});

test("health test shows what differs, and ends with 1", async () => {
  await using tree = await openTree({
    ...good,
    ...actions,
    "example.com/Widget/health_test.yaml":
      "tests:\n- {healthStatus: {status: Healthy, message: waiting}, inputPath: testdata/waiting.yaml}\n",
    "Gadget/health.lua": "return obj.no.thing",
    "apps/Thing/actions/testdata/scaled.yaml":
      "apiVersion: apps/v1\nkind: Thing\nmetadata: {name: t}\nspec: {replicas: 7, template: {command: [a]}, more: x}\n",
    "apps/Thing/actions/testdata/spawned.yaml":
      "- {unstructuredObj: {apiVersion: batch/v1, kind: Job}}\n- {unstructuredObj: {apiVersion: v1, kind: Pod}}\n",
  });
  const { code, stdout } = await tree.tiphys("test");
  assert.equal(code, 1);
  assert.equal(
    stdout,
    `Gadget/health_test.yaml: failed: testdata/a.yaml
    Gadget/health.lua: <string>:1: attempt to index field 'no' (a nil value)
example.com/Widget/health_test.yaml: failed: testdata/waiting.yaml
    the health is not the expected one
    - status: Healthy
    + status: Progressing
    - message: waiting
    + message: Waiting
apps/Thing/actions/action_test.yaml: failed: scale testdata/thing.yaml
    Thing t is not as expected
    - spec.replicas: 7
    + spec.replicas: 6
    + spec.template.command[1]: "b"
    - spec.more: "x"
apps/Thing/actions/action_test.yaml: failed: spawn testdata/thing.yaml
    Thing t is not expected
apps/Thing/actions/action_test.yaml: failed: spawn testdata/thing.yaml
    Pod is expected and does not come
5 passed, 4 failed
`,
  );
});

test("health test says what cannot be read, and never leaves its folder", async () => {
  await using tree = await openTree({
    "tree/a.b/C/health.lua": widgetHealth,
    "tree/a.b/C/health_test.yaml": `tests:
- {healthStatus: {}, inputPath: ../../../secret.yaml}
- {healthStatus: {}, inputPath: testdata/link.yaml}
- {healthStatus: {}, inputPath: testdata/none.yaml}
- {healthStatus: {}}
`,
    "tree/a.b/D/health_test.yaml": "tests: 5\n",
    "tree/a.b/E/health_test.yaml": "tests: [\n",
    "tree/a.b/F/health_test.yaml": "test:\n- {healthStatus: {}}\n",
    "tree/a.b/F/actions/action_test.yaml": "actionTest: []\n",
    "tree/a.b/C/testdata/x.yaml": "kind: X\n",
    "secret.yaml": "kind: Secret\n",
    "empty/a.txt": "",
  });
  await symlink(join(tree.path, "secret.yaml"), join(tree.path, "tree/a.b/C/testdata/link.yaml"));
  const { code, stdout } = await tree.tiphys("test", "tree");
  assert.equal(code, 1);
  assert.match(stdout, /secret\.yaml cannot be read: it lies outside of the folder/);
  assert.match(stdout, /link\.yaml cannot be read: it lies outside of the folder/);
  assert.match(stdout, /none\.yaml cannot be read: it does not exist\n/);
  assert.match(stdout, /the test has no inputPath/);
  assert.match(stdout, /D\/health_test\.yaml: failed: the file\n {4}tests must be a list of maps/);
  assert.match(stdout, /E\/health_test\.yaml: failed: the file\n {4}a\.b\/E\/health_test\.yaml: /);
  assert.match(stdout, /F\/health_test\.yaml: failed: the file\n {4}it has no list "tests"/);
  assert.match(stdout, /F\/actions\/action_test\.yaml: failed: the file\n {4}it has neither "discoveryTests" nor/);
  assert.match(stdout, /0 passed, 8 failed\n$/);

  for (const [folder, message] of [
    ["empty", /"empty" holds no health_test\.yaml and no action_test\.yaml/],
    ["nowhere", /"nowhere" cannot be read: it does not exist\nCheck the path/],
    ["secret.yaml", /"secret\.yaml" is no folder/],
  ] as const) {
    const refused = await tree.tiphys("test", folder);
    assert.equal(refused.code, 2, folder);
    assert.match(refused.stderr, message);
  }
});

test("health test names the script that loops, allocates without end, or is no Lua", async () => {
  const of = (kind: string, lua: string): Files => ({
    [`${kind}/health.lua`]: lua,
    [`${kind}/health_test.yaml`]: "tests:\n- {healthStatus: {}, inputPath: testdata/a.yaml}\n",
    [`${kind}/testdata/a.yaml`]: `apiVersion: v1\nkind: ${kind}\n`,
  });
  await using tree = await openTree({
    ...of("Loop", "while true do end"),
    ...of("Much", 'local s = "x" while true do s = s .. s end'),
    ...of("Open", "if obj.status then"),
  });
  const { code, stdout } = await tree.tiphys("test");
  assert.equal(code, 1);
  assert.match(stdout, /Loop\/health\.lua: it takes more than \d+ steps/);
  assert.match(stdout, /Much\/health\.lua: not enough memory/);
  assert.match(stdout, /Open\/health\.lua: <string>:1: 'end' expected/);
});

test("health assess prints the health of objects, with settings of argocd-cm", async () => {
  await using tree = await openTree({
    "objects.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {paused: true}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, generation: 3}
status: {observedGeneration: 2}
`,
    "cm.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm}
data:
  resource.customizations: |
    "*.com/*":
      health.lua: |
        return {status = "Degraded", message = "a\\nb"}
  resource.customizations.health.ConfigMap: return obj.a.b
`,
    "bad.yaml": "apiVersion: v1\nkind: ConfigMap\ndata: {resource.customizations.colour.X: y}\n",
  });
  const { code, stdout } = await tree.tiphys("assess", "objects.yaml");
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `KIND        NAME      STATUS       MESSAGE
Deployment  shop/web  Suspended    Deployment is paused
ConfigMap   c         -
Widget      w         Progressing  Widget generation is 3, but latest observed generation is 2
`,
  );
  const custom = await tree.tiphys("assess", "--settings", "cm.yaml", "objects.yaml");
  assert.match(custom.stdout, /Widget {6}w {9}Degraded {3}a b\n/);
  assert.match(custom.stdout, /ConfigMap {3}c {9}Unknown {4}<string>:1: attempt to index field 'a'/);
  const json = JSON.parse((await tree.tiphys("assess", "objects.yaml", "-o", "json")).stdout);
  assert.deepEqual(json[0], {
    file: "objects.yaml",
    apiVersion: "apps/v1",
    kind: "Deployment",
    namespace: "shop",
    name: "web",
    status: "Suspended",
    message: "Deployment is paused",
  });
  const bad = await tree.tiphys("assess", "--settings", "bad.yaml", "objects.yaml");
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /resource customization type colour not supported/);
});
