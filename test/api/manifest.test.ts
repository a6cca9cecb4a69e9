import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestText, parseManifests } from "../../src/api/manifest.ts";
import { TerminalError } from "../../src/base/errors.ts";

const read = (text: string) => parseManifests(text, "f.yaml").map(({ line, object }) => [line, object.kind]);

for (const [name, text, manifests] of [
  [
    "every document with its line",
    "kind: A\n---\n# c\nkind: B\n",
    [
      [1, "A"],
      [4, "B"],
    ],
  ],
  ["no empty documents", "---\n---\n# nothing\n---\nkind: A", [[5, "A"]]],
  ["nothing from nothing", "", []],
  ["JSON", '{"kind": "A"}', [[1, "A"]]],
  [
    "the items of a List",
    "kind: List\nitems:\n- kind: A\n- kind: SensorList\n  items: [{kind: B}]",
    [
      [1, "A"],
      [1, "B"],
    ],
  ],
  ["a kind that only ends in List", "kind: AllowList", [[1, "AllowList"]]],
  ["text with a byte order mark", "\uFEFFkind: A", [[1, "A"]]],
] as const) {
  test(`manifests: ${name}`, () => assert.deepEqual(read(text), manifests));
}

for (const [name, text, message] of [
  ["names file, line and column", "kind: A\nkind: B", /^f\.yaml:2:1: duplicated mapping key/],
  ["says that a document must be an object", "kind: A\n---\n- 1", /^f\.yaml:3:1: a document must be an object/],
  ["says which item of a List is none", "kind: List\nitems: [5]", /^f\.yaml:1:1: items\[0\] must be an object/],
  ["refuses tabs", "a:\n\tb: 1", /^f\.yaml:2:/],
] as const) {
  test(`manifests: an unreadable file ${name}`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof TerminalError && error.code === "MANIFEST_UNREADABLE" && message.test(error.message),
    );
  });
}

for (const [name, content, text] of [
  ["UTF-8", Buffer.from("a: é😀"), "a: é😀"],
  ["UTF-16 of Windows", Buffer.from("\uFEFFa: é", "utf16le"), "a: é"],
  ["UTF-16 of others", Buffer.from("\uFEFFa: é", "utf16le").swap16(), "a: é"],
  ["nothing", Buffer.alloc(0), ""],
] as const) {
  test(`manifests: ${name} is read`, () => assert.equal(manifestText(content, "f"), text));
}

for (const [name, content, message] of [
  ["Latin-1", Buffer.from("a: 1\nb: é", "latin1"), /^f:2:4: is not UTF-8 text$/],
  ["half a character", Buffer.from("a: é😀").subarray(0, 8), /^f:1:5: is not UTF-8 text$/],
  ["bytes at the start", Buffer.from([0xff, 0x61]), /^f:1:1: is not UTF-8 text$/],
  ["bytes behind others", Buffer.concat([Buffer.from("é".repeat(1000)), Buffer.from([0xc3, 0x28])]), /^f:1:1001: is/],
] as const) {
  test(`manifests: ${name} is refused, with its place`, () => {
    assert.throws(() => manifestText(content, "f"), { message });
  });
}
