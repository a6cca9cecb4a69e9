import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { TerminalError } from "../../src/base/errors.ts";
import { compileRegex, exactRegex } from "../../src/base/regex.ts";

for (const [source, text, isFound] of [
  ["push", "pushed", true],
  ["^push$", "pushed", false],
  ["refs.heads", "refs/heads/main", true],
  ["(?i)MAIN", "main", true],
  ["\\d+", "v12", true],
  ["\\pL", "é", true],
  ["", "anything", true],
  ["a\nb", "a\nb", true],
] as const) {
  test(`regex ${JSON.stringify(source)} on ${JSON.stringify(text)}`, () => {
    assert.equal(compileRegex(source).matches(text), isFound);
  });
}

for (const source of ["(?=a)", "(?<=a)b", "(?!a)", "(a)\\1", "[", "a**", "*"]) {
  test(`regex ${source} is outside RE2 and is refused`, () => {
    assert.throws(() => compileRegex(source), TerminalError);
  });
}

test("a regex takes linear time", () => {
  assert.equal(compileRegex("(a+)+$").matches(`${"a".repeat(5_000)}b`), false);
});

/** Texts of which many are special to RE2. */
const wildText = fc.string({
  unit: fc.constantFrom(
    ..."aB1./\\+*?()|[]{}^$-:@_ \n\r\t\u0000",
    "\\E",
    "\\Q",
    "é",
    "\u2028",
    "😀",
    "\ud83d",
    "\ude00",
  ),
});

test("an exact expression finds its text and nothing else, in RE2 too", () => {
  fc.assert(
    fc.property(wildText, wildText, (text, other) => {
      const source = exactRegex(text);
      const re2 = RE2JS.compile(source);
      for (const candidate of [text, other, `${text}${other}`, `${other}${text}`, `${text}\n`, text.slice(1)]) {
        const isSame = candidate === text;
        assert.equal(compileRegex(source).matches(candidate), isSame);
        assert.equal(re2.test(candidate), isSame);
      }
    }),
  );
});

test("what is compared as text is what RE2 finds", () => {
  fc.assert(
    fc.property(wildText, wildText, fc.boolean(), (inner, text, isInner) => {
      const source = `^${inner}$`;
      let re2: RE2JS;
      try {
        re2 = RE2JS.compile(source);
      } catch {
        assert.throws(() => compileRegex(source), TerminalError);
        return;
      }
      const seen = isInner ? inner : text;
      assert.equal(compileRegex(source).matches(seen), re2.test(seen));
    }),
    { numRuns: 1_000 },
  );
});

test("a search goes on from an offset and knows what stands before it", () => {
  const find = compileRegex("\\b(o)(x)?").searchIn("one ox");
  assert.deepEqual(find(0), [0, 1, 0, 1, -1, -1]);
  assert.deepEqual(find(1), [4, 6, 4, 5, 5, 6]);
  assert.equal(find(5), undefined);
});

test("an expression that is compared as text can be searched too", () => {
  const exact = compileRegex("^a\\.b$");
  assert.deepEqual(exact.searchIn("a.b")(0), [0, 3]);
  assert.equal(exact.searchIn("a.bc")(0), undefined);
});

test("groups are found by their names, and larger expressions say so", () => {
  const regex = compileRegex("(?P<first>a)(?P<last>b)");
  assert.equal(regex.groupNamed("last"), 2);
  assert.equal(regex.groupNamed("constructor"), undefined);
  assert.ok(compileRegex("x{500}").size() > regex.size());
});
