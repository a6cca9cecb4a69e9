import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { maxDirectoryBytes, renderDirectory, selectFiles } from "../../../src/gitops/render/directory.ts";

const config = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const tree = ["b.yaml", "a.yml", "c.json", "d.txt", "README", "a/z.yaml", "a.b/y.yaml", "B.yaml"];
const files = tree.map((path) => ({ path, text: path.endsWith(".json") ? `{"kind":"A"}` : config("x") }));

for (const [name, options, expected] of [
  ["the folder itself, in byte order", {}, ["B.yaml", "a.yml", "b.yaml", "c.json"]],
  [
    "folders below, too, entry by entry",
    { recurse: true },
    ["B.yaml", "a/z.yaml", "a.b/y.yaml", "a.yml", "b.yaml", "c.json"],
  ],
  ["what is included", { recurse: true, include: "*.yaml" }, ["B.yaml", "a/z.yaml", "a.b/y.yaml", "b.yaml"]],
  ["alternatives", { include: "{a,b}.*" }, ["a.yml", "b.yaml"]],
  ["what is not excluded", { recurse: true, exclude: "a*" }, ["B.yaml", "b.yaml", "c.json"]],
  ["exclude before include", { include: "*.yaml", exclude: "b*" }, ["B.yaml"]],
  ["any extension", { disableExtensionFilter: true }, ["B.yaml", "README", "a.yml", "b.yaml", "c.json", "d.txt"]],
] as const) {
  test(`files that are read: ${name}`, () =>
    assert.deepEqual(
      selectFiles(files, options).map(({ path }) => path),
      expected,
    ));
}

test("a file that says so is left out", () => {
  assert.deepEqual(renderDirectory([{ path: "a.yaml", text: `# +argocd:skip-file-rendering\n${config("x")}` }]), []);
});

test("objects come in the order of files and documents, with their place", () => {
  const found = renderDirectory([
    { path: "b.yaml", text: `${config("b1")}---\n---\n${config("b2")}` },
    { path: "a.yaml", text: config("a") },
  ]);
  assert.deepEqual(
    found.map(({ object, file, line }) => [(object.metadata as { name: string }).name, file, line]),
    [
      ["a", "a.yaml", 1],
      ["b1", "b.yaml", 1],
      ["b2", "b.yaml", 6],
    ],
  );
});

test("too much text is refused", () => {
  const text = `${config("a")}data: {x: ${"y".repeat(maxDirectoryBytes / 2)}}\n`;
  const two = [
    { path: "a.yaml", text },
    { path: "b.yaml", text },
  ];
  assert.throws(() => renderDirectory(two), {
    code: "RENDER_FAILED",
    message:
      /^exceeded max combined manifest file size: 2 files have 10000126 bytes, 10000000 are allowed; read so far: "a\.yaml"/,
  });
  assert.equal(renderDirectory(two.slice(1)).length, 1);
});

const fixtures = join(import.meta.dirname, "../../../../shared/fixtures/argo-cd-apps");
const skip = existsSync(fixtures) ? false : "the folder of applications that others wrote is not here";

for (const [name, expected] of [
  ["guestbook", ["Deployment guestbook-ui", "Service guestbook-ui"]],
  [
    "sync-waves",
    [
      "Job upgrade-sql-schema",
      "ReplicaSet backend",
      "Service backend",
      "Job maint-page-up",
      "ReplicaSet frontend",
      "Service frontend",
      "Job maint-page-down",
    ],
  ],
] as const) {
  test(`the application ${name} that others wrote is rendered`, { skip }, () => {
    const folder = join(fixtures, name);
    const paths = globSync(`${folder}/**/*.*`);
    const sources = paths.map((path) => ({ path: relative(folder, path), text: readFileSync(path, "utf8") }));
    const found = renderDirectory(sources).map(({ object }) => {
      const { name: own, generateName } = object.metadata as { name?: string; generateName?: string };
      return `${String(object.kind)} ${own ?? generateName}`;
    });
    assert.deepEqual(found, expected);
  });
}
