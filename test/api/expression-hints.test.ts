import assert from "node:assert/strict";
import { test } from "node:test";
import { checkMeaning, foreignWords } from "../../src/api/expression-hints.ts";

for (const [expression, hint] of [
  ["a = 'x'", "equality is `==`"],
  ["a === 'x'", "equality is `==`, its opposite `!=`"],
  ["a == 'x' and b", "`and` is `&&`"],
  ["a == 'x' OR b", "`or` is `||`"],
  ["not a", "`not` is `!`"],
  ["a contains 'x'", "texts are searched with `=~ 'regular expression'`"],
  ["len(a) > 1", "the value may be prepared by the path, such as `list.#` for a length"],
  ["a == 'this and = that'", undefined],
  ["[a and b] >= 1 && c <= 2 && d != 3 && e =~ 'x'", undefined],
] as const) {
  test(`in ${expression} ${hint ?? "there is no word of another language"}`, () => {
    assert.equal(foreignWords(expression), hint);
  });
}

for (const [expression, message] of [
  ["d == '2022-01-01'", '"2022-01-01" is read as a date, which is the number 1640995200: no text equals it'],
  ["d + 1", "gives neither true nor false: no event passes"],
  ["'main'", "gives neither true nor false: no event passes"],
  ["-d", "gives neither true nor false: no event passes"],
  ["d == 'a' || 'b'", /^beside \|\| stands what is neither true nor false: /],
  ["(d && 5) == true", /^beside && stands/],
  ["d == 'a'", undefined],
  ["d", undefined],
  ["!d && true", undefined],
  ["d > 1 ? d < 5 : false", undefined],
  ["d =~ '2022-01-01x'", undefined],
  ["d in ('a', 'b')", undefined],
] as const) {
  test(`of the expression ${expression} ${message === undefined ? "nothing" : "something"} is told`, () => {
    const [problem, ...more] = checkMeaning(expression, "p");
    assert.deepEqual(more, []);
    if (message instanceof RegExp) assert.match(problem?.message ?? "", message);
    else assert.equal(problem?.message, message);
  });
}
