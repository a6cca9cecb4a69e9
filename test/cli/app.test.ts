import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { parseYaml } from "../../src/base/yaml.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { mainFile } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type Applications, applicationObject, openApplications } from "../server/applications.ts";

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The real command line, as a process of its own. */
async function tiphys(args: readonly string[]): Promise<Ended> {
  const { TIPHYS_SERVER: _1, TIPHYS_TOKEN: _2, FORCE_COLOR: _3, ...inherited } = process.env;
  const env = { ...inherited, NODE_TEST_CONTEXT: undefined, NO_COLOR: "1", TZ: "UTC" };
  const child = spawn(process.execPath, [mainFile, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: code as number, out, err };
}

const app = (server: Applications, line: string): Promise<Ended> =>
  tiphys(["--server", server.url, "--token", server.token, "app", ...line.split(" ")]);

const deployment = { group: "apps", kind: "Deployment", namespace: "shop", name: "web" };
const web = applicationObject("argocd", "web", {
  metadata: { labels: { team: "a" } },
  status: {
    sync: { status: "OutOfSync" },
    health: { status: "Missing" },
    resources: [{ ...deployment, status: "OutOfSync", health: { status: "Missing" } }],
  },
});
const api = applicationObject("shop", "api", {
  metadata: { labels: { team: "b" } },
  spec: { project: "shop", source: { repoURL: "https://git.example/api", path: "charts/api" } },
});
const two = ["dev", "prod"].map((namespace) => applicationObject(namespace, "twice"));
const everything = [web, api, ...two];

const lists: readonly (readonly [line: string, names: readonly string[]])[] = [
  ["list -o name", ["shop/api", "dev/twice", "prod/twice", "argocd/web"]],
  ["list -o name -p shop", ["shop/api"]],
  ["list -o name -p shop -p default", ["shop/api", "dev/twice", "prod/twice", "argocd/web"]],
  ["list -o name -l team=a", ["argocd/web"]],
  ["list -o name --selector team", ["shop/api", "argocd/web"]],
  ["list -o name -r https://git.example/api", ["shop/api"]],
  ["list -o name -P charts/api", ["shop/api"]],
  ["list -o name -N dev", ["dev/twice"]],
  ["list -o name -p none", []],
];

test("app list: what was asked for, by name", async () => {
  await using server = await openApplications(everything);
  const answers = await Promise.all(lists.map(([line]) => app(server, line)));
  for (const [index, [line, names]] of lists.entries()) {
    const out = names.map((name) => `${name}\n`).join("");
    assert.deepEqual(answers[index], { code: 0, out, err: "" }, line);
  }
});

test("app list: the same table as text and wide; JSON and YAML are the items", async () => {
  await using server = await openApplications(everything);
  const [plain, wide, json, yaml] = await Promise.all(
    ["list", "list -o wide", "list -o json", "list -o yaml"].map((line) => app(server, line)),
  );
  assert.match(plain?.out ?? "", /^NAME +CLUSTER .* TARGET\n(?:\S+ .*\n){4}$/);
  assert.equal(wide?.out, plain?.out);
  const items = [api, ...two, web];
  assert.deepEqual(JSON.parse(json?.out ?? ""), items);
  assert.deepEqual(parseYaml(yaml?.out ?? ""), [items]);
});

test("app get: by each form of a name, as text, JSON, YAML and name", async () => {
  await using server = await openApplications(everything);
  const answers = await Promise.all(
    [
      "get web",
      "get web -o wide",
      "get argocd/web -o json",
      "get api -N shop -o yaml",
      "get prod/twice -N dev -o name",
      "get api -o name",
    ].map((line) => app(server, line)),
  );
  assert.deepEqual(
    answers.map(({ code, err }) => [code, err]),
    answers.map(() => [0, ""]),
  );
  const [plain, wide, json, yaml, qualified, found] = answers.map(({ out }) => out);
  assert.match(
    plain ?? "",
    /^Name: {15}argocd\/web\n[\s\S]*\n\nGROUP +KIND .*\napps +Deployment +shop +web +OutOfSync/,
  );
  assert.match(plain ?? "", new RegExp(`^URL: {16}${server.url}/applications/web$`, "m"));
  assert.equal(wide, plain);
  assert.deepEqual(JSON.parse(json ?? ""), web);
  assert.deepEqual(parseYaml(yaml ?? ""), [api]);
  assert.deepEqual([qualified, found], ["prod/twice\n", "shop/api\n"]);
});

test("app get: gives up when its time is over", async () => {
  await using server = await openApplications(everything);
  server.onRefresh = () => new Promise(() => undefined);
  const { code, err } = await app(server, "get web --refresh --timeout 1");
  assert.deepEqual([code, /^error: timed out \(1s\) waiting for app "web"\n/.test(err)], [20, true], err);
});

test("app get: refreshes first when asked to", async () => {
  await using server = await openApplications([web]);
  server.onRefresh = (one) => ({ ...one, status: { sync: { status: "Synced" } } });
  for (const [flag, hard] of [
    ["--refresh", false],
    ["--hard-refresh", true],
  ] as const) {
    assert.match((await app(server, `get web ${flag}`)).out, /^Sync Status: {8}Synced/m, flag);
    assert.deepEqual(server.asked.pop(), { refresh: { namespace: "argocd", name: "web" }, hard }, flag);
  }
});

test("app sensor: YAML, or JSON", async () => {
  await using server = await openApplications(everything);
  const sensor = { kind: "Sensor", metadata: { namespace: "shop", name: "api" } };
  const [plain, yaml, json] = await Promise.all(
    ["sensor api", "sensor shop/api -o yaml", "sensor api -o json"].map((line) => app(server, line)),
  );
  assert.deepEqual(parseYaml(plain?.out ?? ""), [sensor]);
  assert.deepEqual(yaml, plain);
  assert.deepEqual(JSON.parse(json?.out ?? ""), sensor);
});

type Step = (application: KubeObject) => KubeObject;

const running: Step = (one) => ({
  ...one,
  status: { ...(one.status as object), operationState: { phase: "Running" } },
});

function ended(phase: string, more: { results?: readonly object[]; sync?: string } = {}): Step {
  const { results = [{ ...deployment, status: "Synced", message: "deployment.apps/web created" }] } = more;
  return ({ operation: _, ...one }) => ({
    ...one,
    apiVersion: web.apiVersion,
    kind: web.kind,
    metadata: one.metadata as KubeObject["metadata"],
    status: {
      ...(one.status as object),
      sync: { status: more.sync ?? "OutOfSync" },
      operationState: {
        phase,
        message: "it ended",
        startedAt: "2026-01-01T00:00:00Z",
        finishedAt: "2026-01-01T00:00:03Z",
        syncResult: { revision: "abc", resources: results },
      },
    },
  });
}

const compared: Step = (one) => ({
  ...one,
  status: {
    ...(one.status as object),
    sync: { status: "Synced" },
    resources: [{ ...deployment, status: "Synced", health: { status: "Healthy" } }],
  },
});

/** What works on an operation: one step each time that the Application is read after the sync. */
function work(server: Applications, steps: readonly Step[], refreshed: Step = compared): void {
  const left = new Map<string, Step[]>();
  server.onSync = ({ namespace, name }) => void left.set(`${namespace}/${name}`, [...steps]);
  server.onFind = ({ namespace, name }) => {
    const key = `${namespace}/${name}`;
    const [step, found] = [left.get(key)?.shift(), server.stored.get(key)];
    if (step && found) server.stored.set(key, step(found));
  };
  server.onRefresh = refreshed;
}

test("app sync: prints what changes while it runs, then the state after it", async () => {
  await using server = await openApplications([web]);
  work(server, [(one) => one, running, running, ended("Succeeded")]);
  const { code, out, err } = await app(server, "sync web --prune --revision v1");
  assert.deepEqual([code, err], [0, ""]);
  const [rows = "", summary = "", operation, resources] = out.split("\n\n");
  const [header, ...changes] = rows.split("\n").map((row) => row.split(/ {2,}/));
  assert.deepEqual(header?.slice(0, 3), ["TIMESTAMP", "GROUP", "KIND"]);
  assert.deepEqual(
    changes.map((cells) => cells.slice(1)),
    [
      ["apps", "Deployment", "shop", "web", "OutOfSync", "Missing"],
      ["apps", "Deployment", "shop", "web", "OutOfSync", "Missing", "deployment.apps/web created"],
    ],
  );
  assert.match(summary, /^Name: {15}argocd\/web\n[\s\S]*\nSync Status: {8}Synced to/);
  assert.match(operation ?? "", /^Operation: {10}Sync\n[\s\S]*\nDuration: {11}3s\nMessage: {12}it ended$/);
  assert.match(resources ?? "", /\napps +Deployment +shop +web +Synced +Healthy +deployment\.apps\/web created\n$/);
  const sync = { prune: true, dryRun: false, revision: "v1", syncStrategy: { hook: { force: false } } };
  assert.deepEqual(server.asked, [
    { sync: { namespace: "argocd", name: "web" }, operation: { sync, initiatedBy: { username: "admin" } } },
    { refresh: { namespace: "argocd", name: "web" }, hard: false },
  ]);
});

const skipped = { results: [{ ...deployment, status: "PruneSkipped" }] };
const stillOut: Step = (one) => one;
const outcomes: readonly {
  readonly line: string;
  readonly steps: readonly Step[];
  readonly refreshed?: Step;
  readonly code: number;
  readonly err: RegExp;
}[] = [
  { line: "sync web", steps: [ended("Failed")], code: 1, err: /^error: Operation has completed with phase: Failed\n/ },
  { line: "sync web", steps: [running, ended("Error")], code: 1, err: /phase: Error\n/ },
  { line: "sync web --dry-run", steps: [ended("Failed")], code: 1, err: /phase: Failed\n/ },
  {
    line: "sync web",
    steps: [ended("Succeeded", skipped)],
    refreshed: stillOut,
    code: 1,
    err: /^error: 1 resources require pruning\n/,
  },
  { line: "sync web", steps: [ended("Succeeded", skipped)], code: 0, err: /^$/ },
  { line: "sync web --dry-run", steps: [ended("Succeeded", skipped)], code: 0, err: /^$/ },
  {
    line: "sync web --resource apps:Deployment:web",
    steps: [ended("Succeeded", skipped)],
    refreshed: stillOut,
    code: 0,
    err: /^$/,
  },
  {
    line: "sync web --timeout 1",
    steps: [running],
    code: 20,
    err: /^error: timed out \(1s\) waiting for app "argocd\/web" match desired state\n/,
  },
];

test("app sync: exits as the original does", async () => {
  for (const { line, steps, refreshed, code, err } of outcomes) {
    await using server = await openApplications([web]);
    work(server, steps, refreshed);
    const answer = await app(server, line);
    assert.equal(answer.code, code, `${line}: ${answer.err}`);
    assert.match(answer.err, err, line);
    assert.match(answer.out, /^Name: {15}argocd\/web$/m, line);
    assert.equal(answer.out.includes("after `wait` timed out"), line.includes("--timeout"), line);
  }
});

test("app sync --async does not wait and says nothing", async () => {
  await using server = await openApplications([web]);
  assert.deepEqual(await app(server, "sync web --async"), { code: 0, out: "", err: "" });
  assert.ok(server.stored.get("argocd/web")?.operation);
});

test("app sync -l and --project sync all that match, one after the other", async () => {
  for (const [line, names] of [
    ["sync -l team", ["api", "web"]],
    ["sync --project shop", ["api"]],
    ["sync --project default -N prod", ["twice"]],
    ["sync dev/twice prod/twice", ["twice", "twice"]],
  ] as const) {
    await using server = await openApplications(everything);
    work(server, [ended("Succeeded")]);
    const { code, err } = await app(server, line);
    assert.deepEqual([code, err], [0, ""], line);
    const synced = server.asked.flatMap((one) => ("sync" in one ? [(one.sync as { name: string }).name] : []));
    assert.deepEqual(synced, names, line);
  }
});

test("app sync -o json, yaml and name leave standard output to the answer", async () => {
  for (const form of ["json", "yaml", "name"]) {
    await using server = await openApplications(two);
    work(server, [ended("Succeeded")]);
    const { code, out, err } = await app(server, `sync dev/twice prod/twice -o ${form}`);
    assert.equal(code, 0, err);
    assert.match(err, /^TIMESTAMP /, form);
    if (form === "name") assert.equal(out, "dev/twice\nprod/twice\n");
    if (form === "json")
      assert.deepEqual(JSON.parse(`[${out.replace("}\n{", "},{")}]`).map(namespaceOf), ["dev", "prod"]);
    if (form === "yaml")
      assert.deepEqual(
        parseYaml(out).map((one) => namespaceOf(one as KubeObject)),
        ["dev", "prod"],
      );
  }
});

function namespaceOf({ metadata }: KubeObject): string | undefined {
  return metadata.namespace;
}

const refusals: readonly (readonly [line: string, code: number, err: RegExp])[] = [
  ["get none", 20, /^error: applications\.argoproj\.io "none" not found\n/],
  ["get twice", 20, /^error: there is more than one Application "twice": name one of dev\/twice, prod\/twice\n/],
  ["get api -N argocd", 20, /"api" not found in namespace "argocd"\n/],
  ["sensor none", 20, /"none" not found\n/],
  ["sync none", 20, /"none" not found\n/],
  ["sync busy", 20, /^error: another operation is already in progress\n/],
  ["sync web --resource apps:Job:a", 20, /^error: no object of the Application fits --resource apps:Job:a\n/],
  ["list -l a==b==c", 20, /^error: selector: unable to parse requirement: "a==b==c"\n/],
  ["sync -l team=none", 1, /^error: no Applications match selector "team=none"\n/],
  ["sync -l team=a --project x", 1, /^error: no Applications match selector "team=a", project "x"\n/],
  ["get", 2, /^error: missing required argument 'appname'\n/],
  ["get a/b/c", 2, /^error: APPNAME: "a\/b\/c" must be NAME or NAMESPACE\/NAME\n/],
  ["get /web", 2, /^error: APPNAME: "\/web"/],
  ["get web --frob", 2, /^error: unknown option '--frob'\n/],
  ["get web -o toml", 2, /Allowed choices are/],
  ["frob", 2, /^error: unknown command 'frob'\n/],
  ["list -o name extra", 2, /too many arguments/],
  ["set web", 2, /^error: no flag says what to change\nSee `tiphys app set --help`\.\n/],
  ["set web --source-position 2 --validate=false", 2, /^error: no flag says what to change\n/],
  ["unset web -N argocd", 2, /^error: no flag says what to change\n/],
  ["sync web --local nowhere", 2, /^error: --local: "nowhere" is no folder\n/],
  ["sync", 2, /^error: give an APPNAME, --selector or --project\n/],
  ["sync web -l team=a", 2, /^error: --selector and --project cannot be used together with an APPNAME\n/],
  ["sync web --strategy odd", 2, /Allowed choices are apply, hook/],
  ["sync web --timeout soon", 2, /"soon" must be a whole number/],
  ["sync web --info why", 2, /"why" must be KEY=VALUE/],
  ["sync web --retry-backoff-duration 5", 2, /"5" is not a duration/],
  ["sync web --resource web", 2, /"web" must be \[!\]GROUP:KIND:\[NAMESPACE\/\]NAME/],
];

test("every bad input: two lines on standard error, and the code of the original", async () => {
  await using server = await openApplications([...everything, applicationObject("argocd", "busy", { operation: {} })]);
  const answers = await Promise.all(refusals.map(([line]) => app(server, line)));
  for (const [index, [line, code, err]] of refusals.entries()) {
    const answer = answers[index];
    assert.deepEqual([answer?.code, answer?.out], [code, ""], `${line}: ${answer?.err}`);
    assert.match(answer?.err ?? "", err, line);
    assert.equal(answer?.err.split("\n").length, 3, line);
  }
  assert.deepEqual(server.asked, []);
});

test("a failure inside the engine is 20, too", async () => {
  await using server = await openApplications([web]);
  server.onRefresh = () => Promise.reject(new Error("a secret"));
  const { code, err } = await app(server, "get web --refresh");
  assert.deepEqual([code, err.includes("a secret")], [20, false]);
  assert.match(err, /^error: the engine at .* failed: internal error\n/);
});

test("no engine, a wrong token and an engine without Applications are told apart", async () => {
  await using dir = await tempDir();
  await using server = await openApplications([web]);
  await using without = await openApplications(undefined);
  const [none, gone, refused, missing] = await Promise.all([
    tiphys(["--data-dir", dir.path, "app", "list"]),
    tiphys(["--server", "http://127.0.0.1:1", "app", "sync", "web"]),
    tiphys(["--server", server.url, "--token", "wrong", "app", "get", "web"]),
    app(without, "list"),
  ]);
  assert.deepEqual(
    [none, gone, refused, missing].map(({ code, out }) => [code, out]),
    [
      [3, ""],
      [3, ""],
      [3, ""],
      [20, ""],
    ],
  );
  assert.match(none.err, /^error: no engine runs on the data directory ".*"\nStart one with `tiphys up`/);
  assert.match(gone.err, /^error: the engine at http:\/\/127\.0\.0\.1:1 does not answer: /);
  assert.match(refused.err, /^error: this needs the API's token\n/);
  assert.match(missing.err, /^error: GET \/api\/v1\/applications: there is no such path\n/);
});
