import { testTemplates } from "../../harness/go-template.ts";

/** Variables. */
testTemplates([
  ["{{ $x := 1 }}{{ $x }}", "1"],
  ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"],
  ["{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"],
  ["{{ $x = 1 }}", { error: "the variable $x is not set" }],
  ["{{ $x := 0 }}{{ range .l }}{{ $x = add $x 1 }}{{ end }}{{ $x }}", "4"],
  ["{{ with $y := .b.c }}{{ $y }}{{ . }}{{ end }}", "xx"],
  ["{{ $x := .b }}{{ $x.c }}", "x"],
  ["{{ and false ($x := 1) }}{{ $x }}", { error: "the variable $x is not set" }],
]);
