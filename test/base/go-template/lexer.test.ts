import { testTemplates } from "../../harness/go-template.ts";

/** Actions, comments and the space around them. */
testTemplates([
  ["a {{/* nothing */}} b", "a  b"],
  ["a {{- /* nothing */ -}} b", "ab"],
  ['{{- "a" -}}  b  {{- "c" -}}  ', "abc"],
  ['x  {{ "y" -}}   z', "x  yz"],
  ["{{-1}}", "-1"],
  ["{{\t.a\t}}", "1"],
  ["{{ .a\n}}", "1"],
]);
