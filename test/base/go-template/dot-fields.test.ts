import assert from "node:assert/strict";
import { test } from "node:test";
import { dotFieldsOf } from "../../../src/base/go-template/template.ts";

for (const [template, fields] of [
  ["{{ .a.b }} {{ $.c }}", ["a.b", "c"]],
  ["{{ . }} {{ $ }} {{ $x := .a }}{{ $x.b }}", ["a"]],
  ["{{ if .a }}{{ .b }}{{ else if .c }}{{ .d }}{{ end }}", ["a", "b", "c", "d"]],
  ["{{ range .a }}{{ .b }}{{ else }}{{ .c }}{{ end }}", ["a", "c"]],
  ["{{ with .a }}{{ .b }}{{ end }}", ["a"]],
  ["{{ upper (printf .a .b) | trimPrefix .c }}", ["a", "b", "c"]],
  ["{{ (index .a 0).b }}", ["a"]],
  ['{{ define "T" }}{{ .x }}{{ end }}{{ template "T" .a }}', ["a"]],
  ["text", []],
] as const) {
  test(`of its data ${template} reads ${fields.join(", ") || "nothing"}`, () => {
    assert.deepEqual(
      dotFieldsOf(template).map((names) => names.join(".")),
      fields,
    );
  });
}
