import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeIfManifest, decodeManifestText, parseFile } from "../../../src/gitops/render/manifest-file.ts";
import { RenderError, targetStateMessage } from "../../../src/gitops/render/render.ts";

const good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

for (const [name, path, text, kinds] of [
  ["documents that are empty are skipped", "a.yaml", `---\n${good}---\n# nothing\n---\n`, ["ConfigMap"]],
  ["a List is flattened", "a.yaml", "kind: List\nitems:\n- kind: A\n- kind: BList\n  items: [{kind: B}]\n", ["A", "B"]],
  [
    "a key that is given twice, as charts do: the last one counts, as in the original",
    "a.yaml",
    "kind: First\nmetadata: {labels: {a: b, a: c}}\nkind: ConfigMap\n",
    ["ConfigMap"],
  ],
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

test("a List may have more items than a call may have arguments", () => {
  const text = `kind: List\nitems:\n${"- {kind: A}\n".repeat(150_000)}`;
  assert.equal(parseFile({ path: "a.yaml", text }).length, 150_000);
});

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
  test(`text is decoded: ${name}`, () => assert.equal(decodeManifestText(bytes, "a.yaml"), good));
}

const utf16 = (text: string): Buffer => Buffer.from(`\uFEFF${text}`, "utf16le");
const bytes = (...parts: readonly (string | Buffer)[]): Buffer => Buffer.concat(parts.map((one) => Buffer.from(one)));

for (const [name, path, content, message] of [
  [
    "Latin-1 in a manifest",
    "web/a.yaml",
    bytes(good, "data: {v: ", Buffer.from("é", "latin1"), "}\n"),
    'Failed to unmarshal "web/a.yaml": byte 61 (line 4, column 11) is 0xe9, which is no UTF-8: save it as UTF-8, or base64 in binaryData',
  ],
  [
    "half a character at the end",
    "a.yaml",
    bytes(good, Buffer.from([0xf0, 0x9f])),
    /byte 51 \(line 4, column 1\) is 0xf0/,
  ],
  ["JSON, whatever it holds", "a.json", bytes('{"a":"', Buffer.from([0xff]), '"}'), /"a\.json": byte 6 .* is 0xff/],
  ["jsonnet", "a.jsonnet", Buffer.from([0xc0, 0xaf]), /"a\.jsonnet": byte 0 \(line 1, column 1\) is 0xc0/],
  [
    "behind a manifest as JSON in YAML",
    "a.yaml",
    bytes('{"kind": "A"}\n---\na: ', Buffer.from([0xff])),
    /"a\.yaml": byte 21 \(line 3, column 4\)/,
  ],
  ["UTF-16 that is cut", "a.yaml", utf16(good).subarray(0, -1), /"a\.yaml": byte 102 /],
  [
    "half a pair in UTF-16",
    "a.json",
    Buffer.concat([utf16("{"), Buffer.from([0x00, 0xd8, 0x61, 0x00])]),
    /"a\.json": byte 4 \(line 1, column 2\) is 0x00/,
  ],
] as const) {
  test(`bytes that are no text are refused with their place: ${name}`, () => {
    assert.throws(() => decodeIfManifest(content, path), { code: "RENDER_FAILED", message });
  });
}

test("the pointer to an LFS file is refused: left out, its objects would be pruned", () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 4711\n`;
  const message =
    'Failed to unmarshal "a.yaml": it is the pointer to an LFS file of 4711 bytes; ' +
    "set enableLfs: 'true' in the repository's Secret";
  assert.throws(() => decodeIfManifest(Buffer.from(pointer), "a.yaml"), { code: "RENDER_FAILED", message });
});

for (const [name, content, expected] of [
  ["an image is left out", Buffer.from([0x89, 0x50, 0x4e, 0x47]), undefined],
  ["text in another encoding that is no manifest is left out", Buffer.from("größe: 3\n", "latin1"), undefined],
  ["U+FFFD that was written stays", Buffer.from("a: \uFFFD"), "a: \uFFFD"],
  ["U+FFFD and a pair in UTF-16 stay", utf16("a: \uFFFD😀"), "a: \uFFFD😀"],
  ["an empty file", Buffer.alloc(0), ""],
] as const) {
  test(`of files that may be something else: ${name}`, () =>
    assert.equal(decodeIfManifest(content, "x.yaml"), expected));
}

test("the condition has the words that users know", () => {
  const error = new RenderError("FailedPrecondition", 'Failed to unmarshal "a.yaml": x');
  assert.equal(
    targetStateMessage(error, 1, 2),
    "Failed to load target state: failed to generate manifest for source 1 of 2: " +
      'rpc error: code = FailedPrecondition desc = Failed to unmarshal "a.yaml": x',
  );
});
