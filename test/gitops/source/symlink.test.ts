import assert from "node:assert/strict";
import { test } from "node:test";
import { createLinkCheck } from "../../../src/gitops/source/symlink.ts";

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
  ["of more than a system follows", { a: "b/".repeat(2_100) }, true],
  ["through a chain that stays", { a: "b/c", b: "d", d: "e/f" }, false],
] as const) {
  test(`a link ${name} ${leaves ? "leaves" : "stays"}`, () =>
    assert.equal(createLinkCheck(new Map(Object.entries(links)))(Object.keys(links)[0] ?? ""), leaves));
}

test("links that take too long to follow are taken for such that leave, in no time", () => {
  const began = performance.now();
  assert.equal(createLinkCheck(new Map([["a", "b/".repeat(2_000_000)]]))("a"), true);
  const long = "b/".repeat(2_000);
  const links = new Map(Array.from({ length: 50_000 }, (_, n) => [`l${n}`, long]));
  const leavesTree = createLinkCheck(links);
  assert.equal(leavesTree("l0"), false);
  assert.equal([...links.keys()].filter(leavesTree).length > 49_000, true);
  assert.ok(performance.now() - began < 10_000);
});
