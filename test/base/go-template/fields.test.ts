import { testTemplates } from "../../harness/go-template.ts";

/** Fields: what is missing has fields that are missing, null has none. */
testTemplates([
  ["{{ .b.c }}", "x"],
  ["{{ .missing.x.y }}", "<no value>"],
  ["{{ .m.missing.x }}", "<no value>"],
  ["{{ .nul.x }}", { error: "nil pointer evaluating interface {}.x" }],
  ["{{ .b.d.x }}", { error: "nil pointer evaluating interface {}.x" }],
  ["{{ (.b.d).x }}", "<no value>"],
  ["{{ (.b).c }}", "x"],
  ["{{ (index .l 3) }}", "[3]"],
  ["{{ .a.x }}", { error: "can't evaluate field x in type float64" }],
  ["{{ .ref.x }}", { error: "can't evaluate field x in type string" }],
  ["{{ .l.x }}", { error: "can't evaluate field x in type []interface {}" }],
  ["{{ nil.x }}", { error: "at 3: unexpected . after nil" }],
  ["{{ (1).x }}", { error: "can't evaluate field x in type int" }],
  ["{{ $x := .b.d }}{{ $x.y }}", "<no value>"],
  ["{{ range .l }}{{ .c }}{{ end }}", { error: "can't evaluate field c in type float64" }],
  ['{{ .ref "x" }}', { error: "can't give argument to non-function .ref" }],
  ["{{ .b.c 1 }}", { error: "can't give argument to non-function .b.c" }],
  ['{{ "abc" | .ref }}', { error: "can't give argument to non-function .ref" }],
  ["{{ 1 2 }}", { error: "can't give argument to non-function 1" }],
  ["{{ nil }}", { error: "nil is not a command" }],
]);
