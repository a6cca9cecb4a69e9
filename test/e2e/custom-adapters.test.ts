import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startEngine, tiphys } from "../harness/engine.ts";
import { startAnswering } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { projectRoot } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { resource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const page = join(projectRoot, "examples/custom-source/page.js");

/** A trigger that appends to a file, and modules that do what they should not. */
const modules: Readonly<Record<string, string>> = {
  append: `import { appendFile } from "node:fs/promises";
export const trigger = {
  schema: { type: "object", required: ["path"], properties: { path: { type: "string" }, payload: { type: "array", items: { type: "object" } } } },
  async plan(spec, firing, context) { return { path: spec.path, text: context.parameters.payload(spec.payload ?? [], "append.payload") }; },
  async apply(plan, firing) { await appendFile(plan.path, plan.text + "\\n"); return { message: "appended " + plan.text }; },
};`,
  throws: "throw new Error('broken on purpose');",
  hangs: "await new Promise(() => setInterval(() => undefined, 1000));",
  bare: "export const source = { run() {} };",
  empty: "export const other = 1;",
  gaps: `export const source = { schema: { type: "object" }, async run(spec, context, signal) { context.ready(); context.lost(3, "entries 4 to 6 are gone"); await new Promise((resolve) => signal.addEventListener("abort", resolve)); } };`,
  sticky: `export const source = { schema: { type: "object" }, async run(spec, context) { context.ready(); await context.emit({ data: undefined }).catch((error) => context.failing(error.message)); await new Promise(() => undefined); } };`,
};

test("sources and triggers of third parties run beside ours, and a bad one costs only itself", async () => {
  let text = "one";
  await using server = await startAnswering(() => ({ status: 200, body: text }));
  await using folder = await tempDir();
  const out = join(folder.path, "out.txt");
  const filteredOut = join(folder.path, "filtered.txt");
  for (const [name, code] of Object.entries(modules)) await writeFile(join(folder.path, `${name}.mjs`), code);
  const dir = join(folder.path, "manifests");
  await mkdir(dir);
  const example = await readFile(join(projectRoot, "examples/custom-source/page.yaml"), "utf8");
  const own = example
    .replace("http://127.0.0.1:12000/news", `${server.url}/news`)
    .replace("everySeconds: 10", "everySeconds: 0.2");
  await writeFile(join(dir, "page.yaml"), own);
  const payload = [{ src: { dependencyName: "news", dataKey: "text" }, dest: "text" }];
  const broken = Object.keys(modules).filter((name) => name !== "append");
  const appending = (name: string, eventSourceName: string, path: string): object =>
    resource("Sensor", name, {
      dependencies: [{ name: "news", eventSourceName, eventName: "news" }],
      triggers: [{ template: { name: "append", append: { path, payload } } }],
    });
  const filter = { expression: 'text == "two"' };
  await writeManifests(dir, [
    appending("append", "page", out),
    resource("EventSource", "filtered", { page: { news: { url: `${server.url}/news`, everySeconds: 0.2, filter } } }),
    appending("append-filtered", "filtered", filteredOut),
    ...broken.map((name) => resource("EventSource", name, { [name]: { e: { anything: true } } })),
  ]);
  const adapters = [
    `page=${page}`,
    ...Object.keys(modules).map((name) => `${name}=${join(folder.path, `${name}.mjs`)}`),
  ];
  const flags = adapters.flatMap((adapter) => ["--adapter", adapter]);
  await using engine = await startEngine({ dir, args: flags });
  const lines = async () => (await readFile(out, "utf8").catch(() => "")).trim().split("\n");
  await waitFor("the first text", async () => (await lines()).includes('{"text":"one"}'));
  text = "two";
  await waitFor("the second text", async () => (await lines()).includes('{"text":"two"}'));
  const readFiltered = async () => (await readFile(filteredOut, "utf8").catch(() => "")) || undefined;
  const filtered = await waitFor("what the filter lets through", readFiltered);
  assert.equal(filtered, '{"text":"two"}\n');

  const sources = async () => {
    const answer = await engine.api("/api/v1/tiphys/sources");
    const { sources: all } = (await answer.json()) as { sources: { name: string }[] };
    return Object.fromEntries(all.map((one) => [one.name, JSON.stringify(one)]));
  };
  for (const [name, form] of Object.entries({
    throws: /adapter throws .*broken on purpose/,
    hangs: /adapter hangs .*did not load/,
    bare: /adapter bare .*source\.schema must be a JSON Schema/,
    empty: /adapter empty .*exports neither/,
    sticky: /`data` must be a JSON value/,
  })) {
    await waitFor(`what ${name} costs`, async () => form.test((await sources())[name] ?? ""));
  }
  const missed = await waitFor("the record of what was missed", async () => {
    const answer = await engine.api("/api/v1/tiphys/records?kind=missed");
    const { records } = (await answer.json()) as { records: Record<string, unknown>[] };
    return records[0];
  });
  const { id: _id, at: _at, ...gap } = missed;
  assert.deepEqual(gap, {
    kind: "missed",
    causes: ["source/default/gaps/e"],
    eventSource: { namespace: "default", name: "gaps" },
    event: "e",
    events: 3,
    message: "entries 4 to 6 are gone",
  });
  assert.equal(await engine.stop(), 0);
  assert.doesNotMatch(engine.output, /unknown field/);
  assert.deepEqual(await lines(), ['{"text":"one"}', '{"text":"two"}']);
});

test("validate knows the kinds of third parties, and what their schemas demand", async () => {
  await using folder = await tempDir();
  const dir = await writeManifests(folder.path, [
    resource("EventSource", "page", { page: { news: { everySeconds: 1 } } }),
  ]);
  const unknown = await tiphys(["validate", dir]);
  assert.match(unknown.stdout, /spec\.page/);
  const known = await tiphys(["validate", dir, "--adapter", `page=${page}`]);
  assert.equal(known.code, 1, known.stdout);
  assert.match(known.stdout, /spec\.page\.news\.url: is required/);
  const taken = await tiphys(["validate", dir, "--adapter", `webhook=${page}`]);
  assert.match(taken.stderr, /"webhook" is the name of another kind/);
  const missing = await tiphys(["validate", dir, "--adapter", "page=/none.js"]);
  assert.match(missing.stderr, /adapter page \(\/none\.js\)/);
});
