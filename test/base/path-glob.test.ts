import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePathGlob, type GlobRules } from "../../src/base/path-glob.ts";

const go: GlobRules = { dialect: "go", separator: "/" };
const flat: GlobRules = { dialect: "gobwas" };
const paths: GlobRules = { dialect: "gobwas", separator: "/" };

for (const [rules, pattern, yes, no] of [
  [go, "*", ["", "Deployment"], ["a/b"]],
  [go, "De*ment", ["Deployment", "Dement"], ["Deployments"]],
  [go, "?[a-c][^x]", ["xby"], ["xdy", "xbx"]],
  [go, "**", ["ab"], ["a/b"]],
  [go, "{a,b}", ["{a,b}"], ["a"]],
  [go, "a\\*", ["a*"], ["ab"]],
  [go, "a[", [], ["a[", "a"]],
  [flat, "*.yaml", ["a.yaml", "b/c.yaml"], ["a.yml"]],
  [flat, "{*.yml,*.yaml}", ["a.yml", "x/a.yaml"], ["a.json"]],
  [flat, "{a,{b,c}d}e", ["ae", "bde", "cde"], ["de", "ade"]],
  [flat, "[!a]*", ["b"], ["a"]],
  [flat, "{a", [], ["{a", "a"]],
  [flat, "a}", [], ["a}", "a"]],
  [flat, "é?", ["é𝒳"], ["é"]],
  [paths, "https://git/*", ["https://git/a"], ["https://git/a/b"]],
  [paths, "https://git/**", ["https://git/a/b"], ["http://git/a"]],
  [paths, "**/b", ["a/b", "x/a/b"], ["b"]],
] as const) {
  test(`${rules.dialect}${rules.separator ? " with /" : ""}: ${pattern}`, () => {
    const glob = compilePathGlob(pattern, rules);
    for (const text of yes) assert.equal(glob(text), true, `takes ${text}`);
    for (const text of no) assert.equal(glob(text), false, `refuses ${text}`);
  });
}

test("a pattern of many stars is not slow", () => {
  const glob = compilePathGlob("*a".repeat(200), flat);
  assert.equal(glob(`${"a".repeat(5_000)}b`), false);
});

test("too many alternatives match nothing", () => {
  assert.equal(compilePathGlob("{a,b}".repeat(11), flat)("ababababaab"), false);
  assert.equal(compilePathGlob("{a,b}".repeat(9), flat)("ababababa"), true);
});
