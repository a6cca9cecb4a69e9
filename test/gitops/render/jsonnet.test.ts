import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DirectoryOptions } from "../../../src/api/application-types.ts";
import { importsIn } from "../../../src/gitops/render/jsonnet-imports.ts";
import { renderToolsMissing } from "../../harness/render-tools.ts";
import { type Files, namesOf, shareRenderRig } from "./rig.ts";

const skip = renderToolsMissing("jsonnet");

const object = (name: string, data: string): string =>
  `{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: '${name}'}, data: ${data}}`;

const golden: readonly (readonly [name: string, files: Files, directory: DirectoryOptions, args: readonly string[]])[] =
  [
    ["an object", { "app/a.jsonnet": object("a", "{x: 'y' + 1}") }, {}, ["a.jsonnet"]],
    ["a list of objects", { "app/a.jsonnet": `[${object("a", "{}")}, ${object("b", "{}")}]` }, {}, ["a.jsonnet"]],
    [
      "external variables, of text and code, with a variable",
      { "app/a.jsonnet": object("a", "{t: std.extVar('t'), c: std.toString(std.extVar('c') + 1)}") },
      {
        jsonnet: {
          extVars: [
            { name: "t", value: "$ARGOCD_APP_NAME=x" },
            { name: "c", value: "41", code: true },
          ],
        },
      },
      ["--ext-str", "t=web=x", "--ext-code", "c=41", "a.jsonnet"],
    ],
    [
      "top-level arguments, of text and code",
      { "app/a.jsonnet": `function(t, c) ${object("a", "{t: t, c: std.toString(c)}")}` },
      {
        jsonnet: {
          tlas: [
            { name: "t", value: "7$ARGOCD_APP_NAME" },
            { name: "c", value: "[7]", code: true },
          ],
        },
      },
      ["--tla-str", "t=7web", "--tla-code", "c=[7]", "a.jsonnet"],
    ],
    [
      "imports beside it, above it, and of texts",
      {
        "app/a.jsonnet": object("a", "{b: (import 'lib/b.libsonnet').value, s: importstr \"../shared/s.txt\"}"),
        "app/lib/b.libsonnet": "{value: (import '../../shared/c.libsonnet').value}",
        "shared/c.libsonnet": "{value: 'c'}",
        "shared/s.txt": "text",
      },
      {},
      ["-J", ".", "a.jsonnet"],
    ],
    [
      "libraries",
      {
        "app/a.jsonnet": object("a", "(import 'one.libsonnet') + (import 'two.libsonnet')"),
        "vendor/one.libsonnet": "{one: 'vendor'}",
        "lib/two.libsonnet": "{two: 'lib'}",
        "vendor/two.libsonnet": "{two: 'vendor'}",
      },
      { jsonnet: { libs: ["vendor", "lib"] } },
      ["-J", ".", "-J", "../vendor", "-J", "../lib", "a.jsonnet"],
    ],
  ];

describe("jsonnet", () => {
  const emptied = shareRenderRig(["jsonnet"]);

  for (const [name, files, directory, args] of golden) {
    test(`jsonnet by hand gives the same: ${name}`, { skip }, async () => {
      const rig = await emptied();
      const commit = await rig.repository.commit(files);
      const { manifests, type } = await rig.render(commit, { directory });
      const byHand = await rig
        .byHand("app", [["jsonnet", ...args]])
        .catch(async () => rig.byHand("app", [["jsonnet", "-y", ...args]]));
      assert.deepEqual(manifests, byHand);
      assert.deepEqual([type, rig.cache.made], ["Directory", 1]);
    });
  }

  test("jsonnet stands among other manifests, in the order of files", { skip }, async () => {
    const rig = await emptied();
    const plain = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ";
    const commit = await rig.repository.commit({
      "app/a.yaml": `${plain}a}\n`,
      "app/b.jsonnet": object("b", "{}"),
      "app/c.yaml": `${plain}c}\n`,
      "app/lib.libsonnet": "{}",
      "app/skipped.jsonnet": "// +argocd:skip-file-rendering\nerror 'not this one'",
    });
    assert.deepEqual(namesOf(await rig.render(commit)), ["a", "b", "c"]);
  });

  for (const [name, files, directory, message] of [
    [
      "a file that is broken",
      { "app/a.jsonnet": "{" },
      {},
      /^Failed to evaluate jsonnet "a\.jsonnet": .*failed exit status 1: app\/a\.jsonnet:1/,
    ],
    [
      "an import that is not there",
      { "app/a.jsonnet": "import 'none.libsonnet'" },
      {},
      /couldn't open import "none\.libsonnet"/,
    ],
    [
      "an import from outside",
      { "app/a.jsonnet": "importstr '/etc/passwd'" },
      {},
      /^app\/a\.jsonnet: import "\/etc\/passwd" leads out of the repository$/,
    ],
    [
      "an import that climbs out",
      { "app/a.jsonnet": "importstr '../../../etc/passwd'" },
      {},
      /leads out of the repository$/,
    ],
    [
      "an import in the code of a variable",
      { "app/a.jsonnet": "{x: std.extVar('x')}" },
      { jsonnet: { extVars: [{ name: "x", value: "importstr '/etc/passwd'", code: true }] } },
      /^a variable: import "\/etc\/passwd" leads out/,
    ],
    [
      "a library out of the repository",
      { "app/a.jsonnet": "{}" },
      { jsonnet: { libs: ["../x"] } },
      /^directory\.jsonnet\.libs: "\.\.\/x" leads out of the repository$/,
    ],
  ] as const) {
    test(`jsonnet is refused with its reason: ${name}`, { skip }, async () => {
      const rig = await emptied();
      await assert.rejects(rig.render(await rig.repository.commit(files), { directory }), { message });
    });
  }

  for (const [text, names] of [
    [`import "a" + import 'b'`, ["a", "b"]],
    [`importstr @"c\\d" + importbin 'e\\'f'`, ["c\\d", "e'f"]],
    [`import/*x*/"g" + import // "h"\n # i\n 'j'`, ["g", "j"]],
    [`importstr "\\u002fetc\\/passwd"`, ["/etc/passwd"]],
    [`import @'it''s' // import "k"`, ["it's", "k"]],
    [`local important = 1; "import"`, []],
    [`import /* not closed`, []],
  ] as const) {
    test(`imports are found in ${text}`, () => {
      assert.deepEqual(
        importsIn(text).map(({ name }) => name),
        names,
      );
    });
  }

  test("a gap that never ends is refused in no time", () => {
    assert.throws(() => importsIn(`import${" ".repeat(1_000_000)}`), { message: /too far/ });
    assert.throws(() => importsIn("import/*".repeat(100_000)), { message: /too far/ });
  });
});
