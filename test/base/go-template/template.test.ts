import { testTemplates } from "../../harness/go-template.ts";

/** Values of the data and how they print. */
testTemplates([
  ["{{ .a }}", "1"],
  ["{{ .n }}", "1.234567e+06"],
  ["{{ .f }}", "1.5"],
  ["{{ .b }}", "map[c:x d:<nil>]"],
  ["{{ .l }}", "[1 two <nil> [3]]"],
  ["{{ .m }}", "map[a:b z:1]"],
  ["{{ .t }}", "true"],
  ["{{ .nul }}", "<no value>"],
  ["{{ .missing }}", "<no value>"],
  ["{{ .e }}", ""],
  ["{{ .empty }}", "[]"],
  ["{{ .em }}", "map[]"],
  [
    "{{ . }}",
    "map[a:1 b:map[c:x d:<nil>] e: em:map[] empty:[] f:1.5 l:[1 two <nil> [3]] m:map[a:b z:1] n:1.234567e+06 nul:<nil> ref:refs/heads/main s:héllo wörld t:true z:0]",
  ],
  [
    "{{.}}",
    "map[a:1 b:map[c:x d:<nil>] e: em:map[] empty:[] f:1.5 l:[1 two <nil> [3]] m:map[a:b z:1] n:1.234567e+06 nul:<nil> ref:refs/heads/main s:héllo wörld t:true z:0]",
  ],
  [
    "{{ $ }}",
    "map[a:1 b:map[c:x d:<nil>] e: em:map[] empty:[] f:1.5 l:[1 two <nil> [3]] m:map[a:b z:1] n:1.234567e+06 nul:<nil> ref:refs/heads/main s:héllo wörld t:true z:0]",
  ],
  ["{{ $.b.c }}", "x"],
  ["{{ 999999.0 }}", "999999"],
  ["{{ 1000000.0 }}", "1e+06"],
  ["{{ 123456789.0 }}", "1.23456789e+08"],
  ["{{ 0.0001 }}", "0.0001"],
  ["{{ 0.00001 }}", "1e-05"],
  ["{{ 1e20 }}", "1e+20"],
  ["{{ 1e21 }}", "1e+21"],
  ["{{ -0.0 }}", "-0"],
]);
