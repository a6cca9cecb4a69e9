import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeManifestText, parseFile } from "../../../src/gitops/render/manifest-file.ts";
import { RenderError, targetStateMessage } from "../../../src/gitops/render/render.ts";

const good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

for (const [name, path, text, kinds] of [
  ["documents that are empty are skipped", "a.yaml", `---\n${good}---\n# nothing\n---\n`, ["ConfigMap"]],
  ["a List is flattened", "a.yaml", "kind: List\nitems:\n- kind: A\n- kind: BList\n  items: [{kind: B}]\n", ["A", "B"]],
  ["a List of null vanishes", "a.yaml", "kind: List\nitems: null\n", []],
  ["JSON", "a.json", '{"kind":"A"}', ["A"]],
  ["a List in JSON", "a.json", '{"kind":"List","items":[{"kind":"A"}]}', ["A"]],
  ["an image's manifest is skipped", "a.json", '{"schemaVersion":2,"layers":[]}', []],
  ["a byte order mark", "a.yaml", `\uFEFF${good}`, ["ConfigMap"]],
  ["YAML that is something else is left out", "values.yaml", "replicas: 3\nimage: x\n", []],
  ["text that is no YAML is left out when it is no manifest", "notes.yaml", "a: {\n", []],
  ["a template is left out when it is no manifest", "t.yml", "{{ .Values.x }}\n", []],
] as const) {
  test(`a file with manifests: ${name}`, () =>
    assert.deepEqual(
      parseFile({ path, text }).map(({ object }) => object.kind),
      kinds,
    ));
}

for (const [name, path, text, message] of [
  [
    "a manifest that is not YAML",
    "web/a.yaml",
    `${good}data: {\n`,
    /^Failed to unmarshal "web\/a\.yaml": line \d, column \d: ./,
  ],
  [
    "a document without kind after one with",
    "a.yaml",
    "kind: A\n---\nname: x\n",
    `Failed to unmarshal "a.yaml": line 3: Object 'Kind' is missing in '{"name":"x"}'`,
  ],
  ["text after a good document", "a.yaml", "kind: A\n---\na: {\n", /^Failed to unmarshal "a\.yaml": line \d/],
  [
    "a list at the top",
    "a.yaml",
    "kind: A\n---\n- 1\n",
    'Failed to unmarshal "a.yaml": line 3: a manifest must be an object, not [1]',
  ],
  ["two objects in a JSON file", "a.json", '{"kind":"A"}{"kind":"B"}', /^Failed to unmarshal "a\.json": /],
  ["JSON without kind", "a.json", '{"a":1}', `Failed to unmarshal "a.json": Object 'Kind' is missing in '{"a":1}'`],
  [
    "an item that is no object",
    "a.yaml",
    "kind: List\nitems: [1]\n",
    'Failed to unmarshal "a.yaml": line 1: items[0]: a manifest must be an object, not 1',
  ],
  [
    "jsonnet that gives no object",
    "a.jsonnet",
    "{}",
    `Failed to unmarshal "a.jsonnet": Object 'Kind' is missing in '{}'`,
  ],
] as const) {
  test(`a file that is broken: ${name}`, () => {
    assert.throws(() => parseFile({ path, text }), { name: "RenderError", code: "RENDER_FAILED", message });
  });
}

for (const [name, bytes] of [
  ["UTF-8", Buffer.from(good)],
  ["UTF-16, little end first", Buffer.from(`\uFEFF${good}`, "utf16le")],
  ["UTF-16, big end first", Buffer.from(`\uFEFF${good}`, "utf16le").swap16()],
] as const) {
  test(`text is decoded: ${name}`, () => assert.equal(decodeManifestText(bytes), good));
}

test("the condition has the words that users know", () => {
  const error = new RenderError("FailedPrecondition", 'Failed to unmarshal "a.yaml": x');
  assert.equal(
    targetStateMessage(error, 1, 2),
    "Failed to load target state: failed to generate manifest for source 1 of 2: " +
      'rpc error: code = FailedPrecondition desc = Failed to unmarshal "a.yaml": x',
  );
});
