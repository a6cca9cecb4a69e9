import { testTemplates } from "../../harness/go-template.ts";

testTemplates([
  ["{{ if .z }}1{{ else if .e }}2{{ else if .t }}3{{ else }}4{{ end }}", "3"],
  ["{{ if .missing }}1{{ else }}2{{ end }}", "2"],
  ["{{ if .empty }}1{{ else if .em }}2{{ else if .nul }}3{{ else }}4{{ end }}", "4"],
  ["{{if(true)}}1{{end}}", "1"],
  ["{{ with .b }}{{ .c }}{{ $.a }}{{ end }}", "x1"],
  ["{{ with .missing }}1{{ else }}{{ .a }}{{ end }}", "1"],
  ["{{ with .missing }}1{{ else with .b }}{{ .c }}{{ else }}2{{ end }}", "x"],
]);

testTemplates([
  ["{{ range .l }}[{{ . }}]{{ end }}", "[1][two][<no value>][[3]]"],
  ["{{ range $e := .l }}[{{ $e }}]{{ end }}", "[1][two][<no value>][[3]]"],
  ["{{ range $i, $e := .l }}{{ $i }}={{ $e }};{{ end }}", "0=1;1=two;2=<no value>;3=[3];"],
  ["{{ range $k, $v := .m }}{{ $k }}={{ $v }};{{ end }}", "a=b;z=1;"],
  ["{{ range .m }}{{ . }};{{ end }}", "b;1;"],
  ["{{ range 3 }}{{ . }}{{ end }}", "012"],
  ["{{ range $i := 3 }}{{ $i }}{{ end }}", "012"],
  ["{{ range 0 }}1{{ else }}none{{ end }}", "none"],
  ["{{ range $i, $e := 3 }}{{ $i }}{{ end }}", { error: "can't use 3 to iterate over more than one variable" }],
  ["{{ range .empty }}1{{ else }}none{{ end }}", "none"],
  ["{{ range .missing }}1{{ else }}none{{ end }}", "none"],
  ["{{ range .nul }}1{{ else }}none{{ end }}", "none"],
  ["{{ range .ref }}1{{ end }}", { error: "range can't iterate over a value of type string" }],
  ["{{ range .a }}1{{ end }}", { error: "range can't iterate over a value of type float64" }],
  ["{{ range .l }}{{ if eq . nil }}{{ break }}{{ end }}{{ . }};{{ end }}", "1;two;"],
  ["{{ range .l }}{{ if not . }}{{ continue }}{{ end }}{{ . }};{{ end }}", "1;two;[3];"],
  ["{{ range .l }}{{ range $.l }}{{ if . }}{{ break }}{{ end }}{{ end }};{{ end }}", ";;;;"],
  ["{{ $k := 0 }}{{ $v := 0 }}{{ range $k, $v = .m }}{{ end }}{{ $k }}{{ $v }}", "z1"],
  ["{{ $v := 0 }}{{ range $v = .l }}{{ end }}{{ $v }}", "[3]"],
]);

/** Templates within the template. */
testTemplates([
  ['{{ define "T" }}<{{ . }}>{{ end }}{{ template "T" .a }}{{ template "T" }}', "<1><<no value>>"],
  ['{{ template "T" 1 }}{{ define "T" }}<{{ . }}{{ $ }}>{{ end }}', "<11>"],
  ['{{ block "B" .b }}{{ .c }}{{ end }}', "x"],
  ['{{ define "r" }}{{ if . }}{{ len . }}{{ template "r" (rest .) }}{{ end }}{{ end }}{{ template "r" .l }}', "4321"],
  ['{{ define "a" }} {{ end }}{{ define "a" }}2{{ end }}{{ template "a" }}', "2"],
  ['{{ template "nope" }}', { error: 'template "nope" not defined' }],
  ['{{ $x := 1 }}{{ define "a" }}{{ $ }}{{ end }}{{ template "a" $x }}', "1"],
]);
