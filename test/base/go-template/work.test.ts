import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGoTemplate } from "../../../src/base/go-template/template.ts";
import type { FloatJson } from "../../../src/base/json.ts";

function nested(depth: number, wrap: (inner: FloatJson) => FloatJson): FloatJson {
  let value: FloatJson = 1;
  for (let level = 0; level < depth; level++) value = wrap(value);
  return value;
}

const data = {
  text: "a".repeat(1_000_000),
  list: Array.from({ length: 100_000 }, (_, index) => index),
  lists: nested(20_000, (inner) => [inner]),
  maps: nested(20_000, (inner) => ({ a: inner })),
};

const steps = "it takes more than 1000000 steps";
const long = /a text of \d+ characters is longer than 1048576$/;
const deep = /lists and maps stand in each other deeper than 1000$/;
const doubled = "{{ $x := list 1 }}{{ range until 60 }}{{ $x = list $x $x }}{{ end }}";

/** Small templates that would write, compute or nest without end. */
for (const [template, message] of [
  ["{{ range 1000000000 }}{{ end }}", steps],
  ["{{ range until 1000000000 }}{{ end }}", steps],
  ["{{ range .list }}{{ range $.list }}{{ end }}{{ end }}", steps],
  ["{{ range .list }}{{ $.text }}{{ end }}", "its output is longer than 1048576 bytes"],
  ["{{ .text }}{{ .text }}", "its output is longer than 1048576 bytes"],
  ["{{ seq 1 100000000 }}", steps],
  ['{{ repeat 1000000000 "x" }}', long],
  ["{{ indent 100000000 .text }}", long],
  ["{{ indent 1000000 .text | indent 1000000 }}", long],
  ['{{ replace "" "xx" .text }}', long],
  ['{{ replace "a" .text .text }}', long],
  ["{{ join .text .list }}", long],
  ["{{ wrapWith 1 .text .text }}", long],
  ["{{ cat .text .text }}", long],
  ["{{ print .text .text }}", long],
  ["{{ toJson (list .text .text) }}", long],
  ["{{ html (list .text .text) }}", long],
  ['{{ js (repeat 900000 "<") }}', long],
  ["{{ printf (repeat 100000 `%[1]*[1]d`) 900000 }}", long],
  ["{{ range .list }}{{ $y := printf `%1000000d` 1 }}{{ end }}", steps],
  ['{{ $x := "aaaa" }}{{ range until 1000 }}{{ $x = print $x $x }}{{ end }}', long],
  ["{{ $x := .list }}{{ range until 1000 }}{{ $x = concat $x $x }}{{ end }}", steps],
  [`${doubled}{{ $x }}`, /more than 1000000 steps$|longer than 1048576$/],
  [`${doubled}{{ toJson $x }}`, /more than 1000000 steps$|longer than 1048576$/],
  [`${doubled}{{ $y := deepCopy $x }}`, steps],
  [`${doubled}{{ deepEqual $x $x }}`, steps],
  ["{{ uniq .list }}", steps],
  ["{{ without .list (until 1000) 1 2 3 4 5 6 7 8 9 10 11 }}", steps],
  ["{{ range .list }}{{ $x := upper $.text }}{{ end }}", steps],
  ["{{ range .list }}{{ $x := len $.text }}{{ end }}", steps],
  ["{{ range .list }}{{ $x := index $.text 1 }}{{ end }}", steps],
  ["{{ range .list }}{{ $x := rest $.list }}{{ end }}", steps],
  ['{{ regexFindAll "a.*b|a" .text -1 }}', steps],
  ['{{ regexReplaceAll "a" .text .text }}', /longer than 1048576$|steps$/],
  ['{{ regexReplaceAll ".*" .text "$0$0" }}', long],
  ['{{ regexFind "(x{1000}y){900}" .text }}', /invalid repeat count|steps$/],
  ["{{ regexMatch .text .text }}", /a pattern is longer than 2000 characters$/],
  ["{{ semver .text }}", /Invalid Semantic Version$/],
  ["{{ .lists }}", deep],
  ["{{ .maps }}", deep],
  ["{{ toJson .lists }}", deep],
  ["{{ deepCopy .maps }}", deep],
  ["{{ deepEqual .maps .maps }}", deep],
  ['{{ set .maps "a" 1 | len }}', "its data nest too deep"],
  ['{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}', /deeper than 500$/],
  [
    '{{ define "a" }}{{ if . }}{{ template "a" (rest .) }}{{ template "a" (rest .) }}{{ end }}{{ end }}{{ template "a" (until 60) }}',
    steps,
  ],
] as const) {
  test(`the Go template ${template.slice(0, 90)} reaches a limit`, { timeout: 20_000 }, () => {
    const run = (): string => compileGoTemplate(template).execute(data);
    assert.throws(run, (error: Error & { code?: string }) => {
      assert.equal(error.code, "TEMPLATE_FAILED", error.stack);
      return typeof message === "string" ? error.message.endsWith(message) : message.test(error.message);
    });
  });
}

for (const use of [
  "$d",
  "toJson $d",
  "deepCopy $d",
  "deepEqual $d $d",
  "merge $d $d",
  'mergeOverwrite $d (dict "a" $d)',
]) {
  test(`a map that is put into itself ends {{ ${use} }}`, () => {
    const template = compileGoTemplate(`{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ ${use} }}`);
    assert.throws(() => template.execute({}), { code: "TEMPLATE_FAILED", message: deep });
  });
}

test("limits of a Go template can be set", () => {
  const limits = { maxBytes: 10, maxSteps: 20, maxDepth: 3 };
  const run = (template: string): string => compileGoTemplate(template, { limits }).execute({});
  assert.equal(run("0123456789"), "0123456789");
  assert.throws(() => run("01234567890"), /its output is longer than 10 bytes/);
  assert.throws(() => run("012345678é"), /its output is longer than 10 bytes/);
  assert.throws(() => run("{{ range 30 }}{{ end }}"), /it takes more than 20 steps/);
  assert.throws(() => run("{{ if 1 }}{{ if 1 }}{{ if 1 }}{{ end }}{{ end }}{{ end }}"), /deeper than 3/);
});

test("what one execution used does not count for the next", () => {
  const template = compileGoTemplate("{{ range 30 }}{{ end }}", { limits: { maxSteps: 50 } });
  for (let time = 0; time < 10; time++) assert.equal(template.execute({}), "");
});
