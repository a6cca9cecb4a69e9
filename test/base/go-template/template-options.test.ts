import assert from "node:assert/strict";
import { test } from "node:test";
import { fn, text } from "../../../src/base/go-template/function.ts";
import { compileGoTemplate, type GoTemplateOptions } from "../../../src/base/go-template/template.ts";
import { testTemplates } from "../../harness/go-template.ts";

testTemplates(
  [
    ["{{ .missing }} {{ .m.missing }}", "<no value> <no value>"],
    ["{{ .missing.x }}", { error: "nil pointer evaluating interface {}.x" }],
    ['{{ (split "," "a,b").nope }}|', "|"],
    ["{{ index .m `nope` }}", "<no value>"],
  ],
  { missingKey: "zero" },
);

testTemplates(
  [
    ["{{ .a }}", "1"],
    ["{{ .missing }}", { error: 'map has no entry for key "missing"' }],
    ["{{ .m.missing.x }}", { error: 'map has no entry for key "missing"' }],
    ["{{ if .missing }}{{ end }}", { error: 'map has no entry for key "missing"' }],
    ["{{ (index .m `nope`).x }}", { error: 'nil data; no entry for key "x"' }],
    ["{{ with .nul }}{{ else }}none{{ end }}", "none"],
  ],
  { missingKey: "error" },
);

testTemplates(
  [
    ["<< .a >>{{ .a }}", "1{{ .a }}"],
    ["x <<- .a ->> y", "x1y"],
    ["<</* nothing */>>", ""],
    ["<< .a", { error: 'the "<<" at 0 is not closed' }],
    ["<< << >>", { error: 'there is "<<" within an action at 3' }],
  ],
  { leftDelimiter: "<<", rightDelimiter: ">>" },
);

testTemplates(
  [
    ["{{ shout .ref }}", "REFS/HEADS/MAIN!"],
    ["{{ printf `%d` 1 }}", "1"],
    ["{{ slice .ref 0 4 }} {{ slice .l 0 2 }} {{ slice .ref }}", "refs [1 two] refs/heads/main"],
    ["{{ slice .ref 4 2 }}", { error: "error calling slice: invalid slice index: 4 > 2" }],
    ["{{ slice .ref 99 }}", { error: "error calling slice: index out of range: 99" }],
    ["{{ slice .a }}", { error: "error calling slice: can't slice item of type float64" }],
    ["{{ slice .nul }}", { error: "error calling slice: slice of untyped nil" }],
    ["{{ upper .ref }}", { error: 'at 3: function "upper" is not defined' }],
  ],
  { functions: { shout: fn([text], (whole) => `${whole.toUpperCase()}!`) } },
);

test("a template changes no data that it gets", () => {
  const data = { a: { b: [{ c: 1 }] }, __proto__: null };
  const template = compileGoTemplate(
    '{{ $_ := set .a "x" 1 }}{{ $_ := set (index .a.b 0) "c" 2 }}{{ $_ := merge . (dict "new" 1) }}{{ toJson . }}',
  );
  const expected = '{"a":{"b":[{"c":2}],"x":1},"new":1}';
  assert.equal(template.execute(data), expected);
  assert.equal(template.execute(data), expected);
  assert.deepEqual(data.a, { b: [{ c: 1 }] });
});

test("names of JavaScript are names like any other", () => {
  const data = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}');
  const run = (template: string): string => compileGoTemplate(template).execute(data);
  assert.equal(
    run("{{ .__proto__.x }} {{ .constructor }} {{ .toString }} {{ .l.length }}"),
    "1 2 <no value> <no value>",
  );
  assert.equal(
    run('{{ set (dict) "__proto__" 1 }}{{ dict "__proto__" 2 | toJson }}'),
    'map[__proto__:1]{"__proto__":2}',
  );
  assert.equal(run('{{ $_ := set . "__proto__" 3 }}{{ .__proto__ }}'), "3");
});

test("half a pair of surrogates in the data is written as U+FFFD", () => {
  assert.equal(compileGoTemplate("{{ .a }}").execute({ a: "x\ud800y" }), "x\ufffdy");
});

test("a failure says where, in templates of several lines by line and column", () => {
  const options: GoTemplateOptions = {};
  const run = (template: string): string => compileGoTemplate(template, options).execute({ a: 1 });
  assert.throws(() => run("x {{ .a.b }}"), {
    name: "TerminalError",
    code: "TEMPLATE_FAILED",
    message: "the template fails at 5, <.a.b>: can't evaluate field b in type float64",
  });
  assert.throws(() => run('x\n y {{ fail "no" }}'), {
    message: 'the template fails at 2:7, <fail "no">: error calling fail: no',
  });
});
