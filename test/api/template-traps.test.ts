import assert from "node:assert/strict";
import { test } from "node:test";
import { checkContextKey, checkSensorTemplate } from "../../src/api/template-traps.ts";
import { checkEventPath } from "../../src/api/trap-rules.ts";

const names = "the context has id, source, specversion, type, datacontenttype, subject, time";

for (const [template, input, message, hint] of [
  [
    "{{ .body.ref }}",
    "data",
    ".body.ref is not there: what a template reads is .Input",
    "did you mean `.Input.body.ref`?",
  ],
  ["{{ $.body }}", "data", ".body is not there: what a template reads is .Input", "did you mean `.Input.body`?"],
  ["{{ .value }}", "value", ".value is not there: what a template reads is .Input", "did you mean `.Input`?"],
  [
    "{{ .Input.a | upper }}",
    "value",
    ".Input.a fails with each event: .Input is the value as text, which has no fields",
    "of JSON: `(fromJson .Input).a`",
  ],
  ["{{ .Input.Subject }}", "context", `.Input.Subject is not there: ${names}`, "did you mean `.Input.subject`?"],
  ["{{ .Input", "data", 'is no Go template: the "{{" at 0 is not closed; it fails with each event', undefined],
] as const) {
  test(`a template of the ${input}: ${template} is told of`, () => {
    const [problem, ...more] = checkSensorTemplate(template, "p", input);
    assert.deepEqual([problem?.message, problem?.suggestion, more], [message, hint, []]);
  });
}

for (const [template, input] of [
  ["{{ .Input.body.ref }}", "data"],
  ["{{ range .Input.list }}{{ .k }}{{ else }}{{ .Input.n }}{{ end }}", "data"],
  ["{{ with .Input.body }}{{ .ref }}{{ end }}", "data"],
  ['{{ define "T" }}{{ .x }}{{ end }}{{ template "T" .Input }}', "data"],
  ["{{ (fromJson .Input).a }}", "value"],
  ["{{ .Input | upper }}", "value"],
  ["{{ .Input.subject }} {{ now.Year }}", "context"],
  ["no template", "data"],
  ["", "data"],
] as const) {
  test(`a template of the ${input}: of ${JSON.stringify(template)} there is nothing to say`, () => {
    assert.deepEqual(checkSensorTemplate(template, "p", input), []);
  });
}

for (const [key, message, hint] of [
  ["subjekt", `subjekt is not there: ${names}`, "did you mean `subject`?"],
  ["context.id", `context.id is not there: ${names}`, undefined],
  ["id", undefined, undefined],
  ["@this", undefined, undefined],
  ["{id,type}", undefined, undefined],
] as const) {
  test(`the key ${key} of the context: ${message ?? "nothing to say"}`, () => {
    const [problem] = checkContextKey(key, "p");
    assert.deepEqual([problem?.message, problem?.suggestion], [message, hint]);
  });
}

for (const [path, message, hint] of [
  ["{{ .Input.a }}", '"{{ .Input.a }}" is read as a path', "a template belongs into a field of its own"],
  [" a.b", '" a.b" has spaces around it, which are part of the key', "did you mean `a.b`?"],
  ["{a,b}", undefined, undefined],
  ['a.#(b=="{{ x }}")', undefined, undefined],
] as const) {
  test(`the path ${JSON.stringify(path)}: ${message ?? "nothing to say"}`, () => {
    const [problem] = checkEventPath(path, "p");
    assert.deepEqual([problem?.message, problem?.suggestion], [message, hint]);
  });
}
