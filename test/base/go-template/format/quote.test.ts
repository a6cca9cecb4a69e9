import { testTemplates } from "../../../harness/go-template.ts";

testTemplates([
  ['{{ quote "a\\"b\\\\c" }}', '"a\\"b\\\\c"'],
  ['{{ quote "\\a\\b\\f\\n\\r\\t\\v" }}', '"\\a\\b\\f\\n\\r\\t\\v"'],
  ['{{ quote "\\x00\\x1f\\x7f" }}', '"\\x00\\x1f\\x7f"'],
  ['{{ quote "é\\u200b\\u2028😀" }}', '"é\\u200b\\u2028😀"'],
  ['{{ quote "\\xff" }}', '"\\xff"'],
  ['{{ printf "%+q" "é😀" }}', '"\\u00e9\\U0001f600"'],
  ['{{ printf "%#q" "a\\tb" }}', "`a\tb`"],
  ['{{ printf "%#q" "a\\nb" }}', '"a\\nb"'],
  ['{{ printf "%q" 39 }}', "'\\''"],
  ['{{ printf "%q" 10 }}', "'\\n'"],
  ['{{ printf "%+q" 233 }}', "'\\u00e9'"],
  ['{{ printf "%q" -1 }}', "'�'"],
]);
