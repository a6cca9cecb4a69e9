import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LogLine, logFilter, logLineOf, mergeLogs } from "../../src/server/log-lines.ts";

const filters: readonly (readonly [filter: string, matchCase: boolean, content: string, passes: boolean])[] = [
  ["", false, "anything", true],
  ["!", false, "anything", true],
  ["error", false, "An ERROR came", true],
  ["error", true, "An ERROR came", false],
  ["ERROR", true, "An ERROR came", true],
  ["!error", false, "An ERROR came", false],
  ["!error", true, "An ERROR came", true],
  [".*", false, "no pattern", false],
];
for (const [filter, matchCase, content, passes] of filters) {
  test(`"${filter}" ${matchCase ? "with its capitals " : ""}${passes ? "lets" : "keeps back"} "${content}"`, () =>
    assert.equal(logFilter(filter, matchCase)(content), passes));
}

const texts: readonly (readonly [text: string, time: string, content: string])[] = [
  ["2026-11-29T10:00:00.123456789Z hello world", "2026-11-29T10:00:00.123456789Z", "hello world"],
  ["2026-11-29T10:00:00Z ", "2026-11-29T10:00:00Z", ""],
  ["no time", "", "no time"],
  ["", "", ""],
];
for (const [text, time, content] of texts) {
  test(`${JSON.stringify(text)} is a line of "${content}"`, () =>
    assert.deepEqual(logLineOf(text, "p"), { time, content, pod: "p" }));
}

async function* from(lines: readonly LogLine[]): AsyncGenerator<LogLine> {
  yield* lines;
}

test("logs of several Pods come in the order of their times, none is lost", async () => {
  const second = fc.integer({ min: 0, max: 59 }).map((n) => `2026-11-29T10:00:${String(n).padStart(2, "0")}`);
  const time = fc.tuple(second, fc.constantFrom("", ".5", ".123456789")).map(([text, rest]) => `${text}${rest}Z`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(time, { maxLength: 20 }), { maxLength: 5 }), async (pods) => {
      const sources = pods.map((times, pod) =>
        [...times]
          .sort((a, b) => Date.parse(a) - Date.parse(b) || a.length - b.length)
          .map((one, n) => ({ time: one, content: `${n}`, pod: `${pod}` })),
      );
      const merged: LogLine[] = [];
      for await (const line of mergeLogs(sources.map(from))) merged.push(line);
      assert.equal(merged.length, sources.flat().length);
      for (const [at, line] of merged.entries()) {
        const next = merged[at + 1];
        assert.ok(next === undefined || Date.parse(line.time) <= Date.parse(next.time));
      }
      for (const source of sources)
        assert.deepEqual(
          merged.filter(({ pod }) => pod === source[0]?.pod),
          source,
        );
    }),
  );
});
