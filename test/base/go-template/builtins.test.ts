import { testTemplates } from "../../harness/go-template.ts";

testTemplates([
  ["{{ len .s }}", "13"],
  ["{{ len .l }}", "4"],
  ["{{ len .m }}", "2"],
  ["{{ len .a }}", { error: "error calling len: len of type float64" }],
  ["{{ len .nul }}", { error: "error calling len: len of nil pointer" }],
  ["{{ len .missing }}", { error: "error calling len: len of nil pointer" }],
  ["{{ index .l 1 }}", "two"],
  ["{{ index .l 3 0 }}", "3"],
  ['{{ index .m "z" }}', "1"],
  ['{{ index .m "nope" }}', "<no value>"],
  ['{{ index .b "d" "x" }}', { error: "error calling index: index of nil pointer" }],
  ["{{ index .ref 1 }}", "101"],
  ["{{ index .l 9 }}", { error: "error calling index: index out of range: 9" }],
  ["{{ index .l -1 }}", { error: "error calling index: index out of range: -1" }],
  ["{{ index .l 1.0 }}", { error: "error calling index: cannot index slice/array with type float64" }],
  ['{{ index .l "a" }}', { error: "error calling index: cannot index slice/array with type string" }],
  ["{{ index .m 1 }}", { error: "error calling index: value has type int; should be string" }],
  ["{{ index .nul 1 }}", { error: "error calling index: index of untyped nil" }],
  ["{{ index .missing }}", { error: "error calling index: index of untyped nil" }],
  ["{{ index 1 1 }}", { error: "error calling index: can't index item of type int" }],
  ["{{ index .l }}", "[1 two <nil> [3]]"],
  ['{{ index (dict "a" (dict "b" 1)) "a" "b" }}', "1"],
]);

testTemplates([
  ['{{ print 1 2 "a" "b" 3 .nul }}', "1 2ab3 <nil>"],
  ["{{ print }}", ""],
  ["{{ print 1 2 }}", "1 2"],
  ['{{ print "a" 1 }}', "a1"],
  ['{{ println "x" 1 }}', "x 1\n"],
  ["{{ print nil }}", "<nil>"],
  ["{{ print .missing }}", "<nil>"],
  ['{{ html "<a href=\'x\'>\\"&" }}', "&lt;a href=&#39;x&#39;&gt;&#34;&amp;"],
  ['{{ print "\\xc3" "\\xa9" }}', "é"],
  ['{{ eq (print "\\xc3" "\\xa9") "é" }}', "true"],
]);
