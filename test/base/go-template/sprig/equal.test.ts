import { testTemplates } from "../../../harness/go-template.ts";

testTemplates([
  ["{{ deepEqual (list 1 2) (list 1 2) }}", "true"],
  ["{{ deepEqual (list 1 2) (list 2 1) }}", "false"],
  ["{{ deepEqual 1 (add 0 1) }}", "false"],
  ["{{ deepEqual 1 1.0 }}", "false"],
  ["{{ deepEqual .l .l }}", "true"],
  ['{{ deepEqual (dict "a" 1) (dict "a" 1) }}', "true"],
  ['{{ deepEqual (dict "a" 1) (dict "b" 1) }}', "false"],
  ['{{ deepEqual (dict "a" 1) (dict "a" 1 "b" 2) }}', "false"],
  ['{{ deepEqual (list "a") (splitList "," "a") }}', "false"],
  ["{{ deepEqual nil nil }}", "true"],
  ["{{ deepEqual nil 0 }}", "false"],
  ["{{ deepEqual (rest .empty) .empty }}", "false"],
  ['{{ deepEqual (semver "1") (semver "1") }}', "true"],
  ['{{ deepEqual "a" "a" }}', "true"],
]);
