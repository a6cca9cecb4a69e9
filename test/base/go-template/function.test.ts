import { testTemplates } from "../../harness/go-template.ts";

/** Types of arguments: no number of JSON is an int, no sum is one. */
testTemplates([
  ['{{ repeat 2 "x" }}', "xx"],
  ['{{ repeat 2.0 "x" }}', "xx"],
  ['{{ repeat 2.5 "x" }}', { error: "expected integer; found 2.5" }],
  ['{{ repeat .a "x" }}', { error: "wrong type for value; expected int; got float64" }],
  ['{{ repeat (add 1 1) "x" }}', { error: "wrong type for value; expected int; got int64" }],
  ['{{ repeat (int .a) "x" }}', "x"],
  ['{{ repeat "2" "x" }}', { error: 'expected integer; found "2"' }],
  ['{{ repeat nil "x" }}', { error: "cannot assign nil to int" }],
  ["{{ upper 1 }}", { error: "expected string; found 1" }],
  ["{{ upper nil }}", { error: "cannot assign nil to string" }],
  ["{{ upper true }}", { error: "expected string; found true" }],
  ["{{ upper .missing }}", { error: "invalid value; expected string" }],
  ["{{ upper .nul }}", { error: "wrong type for value; expected string; got interface {}" }],
  ["{{ .nul | upper }}", { error: "invalid value; expected string" }],
  ["{{ ternary 1 2 1 }}", { error: "expected bool; found 1" }],
  ['{{ get 1 "a" }}', { error: "can't handle 1 for arg of type map[string]interface {}" }],
  ['{{ get nil "a" }}', ""],
  ['{{ get .missing "a" }}', ""],
  ['{{ get .nul "a" }}', { error: "wrong type for value; expected map[string]interface {}; got interface {}" }],
  ["{{ round 1.55 1 }}", "1.6"],
  ["{{ round 1.55 1 0.9 }}", "1.5"],
  ['{{ round 1.55 1 "x" }}', { error: 'expected float; found "x"' }],
]);
