import assert from "node:assert/strict";
import { test } from "node:test";
import { leavesTree } from "../../../src/gitops/source/symlink.ts";

for (const [name, links, leaves] of [
  ["to a file beside it", { a: "b" }, false],
  ["up and down again", { "x/a": "../y/b" }, false],
  ["to the root itself", { "x/y/a": "../.." }, false],
  ["to what is not there", { a: "gone/too" }, false],
  ["to itself, for ever", { a: "a" }, false],
  ["round in a circle", { a: "b", b: "a" }, false],
  ["above the root", { a: ".." }, true],
  ["above the root and back", { a: "../repo/b" }, true],
  ["far above, deep in", { "x/y/a": "../../../b" }, true],
  ["absolute", { a: "/etc/passwd" }, true],
  ["through another link that goes up", { a: "deep/dir/up/../..", "deep/dir/up": "../.." }, true],
  ["through another link that is absolute", { a: "b/c", b: "/etc" }, true],
  ["through a chain that stays", { a: "b/c", b: "d", d: "e/f" }, false],
] as const) {
  test(`a link ${name} ${leaves ? "leaves" : "stays"}`, () =>
    assert.equal(leavesTree(Object.keys(links)[0] ?? "", new Map(Object.entries(links))), leaves));
}
