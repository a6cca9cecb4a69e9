import { testTemplates } from "../../harness/go-template.ts";

/** Pipelines and calls. */
testTemplates([
  ['{{ .ref | trimPrefix "refs/heads/" | upper }}', "MAIN"],
  ['{{ printf "%d" 1 | printf "%s!" }}', "1!"],
  ["{{ print(1)(2) }}", { error: 'at 8: unexpected "(" in operand' }],
  ["{{ (print 1) | len }}", "1"],
  ["{{ .a | }}", "1"],
  ['{{ "a" | printf "%s%s" "b" }}', "ba"],
  ["{{ not }}", { error: "wrong number of args for not: want 1 got 0" }],
  ["{{ not 1 2 }}", { error: "wrong number of args for not: want 1 got 2" }],
  ["{{ upper }}", { error: "wrong number of args for upper: want 1 got 0" }],
  ['{{ upper "a" "b" }}', { error: "wrong number of args for upper: want 1 got 2" }],
  ["{{ repeat 1 }}", { error: "wrong number of args for repeat: want 2 got 1" }],
  ["{{ printf }}", { error: "wrong number of args for printf: want at least 1 got 0" }],
  ["{{ call .a }}", { error: "error calling call: float64 is no function, and data has none" }],
]);

testTemplates([
  ["{{ and 1 0 2 }}", "0"],
  ["{{ and 1 2 }}", "2"],
  ['{{ or 0 "" 3 }}', "3"],
  ['{{ or 0 "" }}', ""],
  ['{{ and .missing.x (fail "no") }}', "<no value>"],
  ['{{ or 1 (fail "no") }}', "1"],
  ["{{ 1 | and 2 }}", "1"],
  ["{{ 0 | or 0 }}", "0"],
  ["{{ and }}", { error: "wrong number of args for and: want at least 1 got 0" }],
  ["{{ or nil 0 }}", "0"],
  ["{{ and nil 1 }}", "<no value>"],
  ["{{ and .missing 1 }}", "<no value>"],
  ['{{ or .missing "x" }}', "x"],
  ["{{ not 0 }}", "true"],
  ['{{ not "a" }}', "false"],
  ["{{ not nil }}", "true"],
]);
