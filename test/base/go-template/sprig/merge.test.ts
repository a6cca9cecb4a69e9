import { testTemplates } from "../../../harness/go-template.ts";

testTemplates([
  [
    '{{ merge (dict "a" 1 "m" (dict "x" 1)) (dict "a" 2 "b" 3 "m" (dict "x" 2 "y" 3)) }}',
    "map[a:1 b:3 m:map[x:1 y:3]]",
  ],
  [
    '{{ mergeOverwrite (dict "a" 1 "m" (dict "x" 1)) (dict "a" 2 "b" 3 "m" (dict "x" 2 "y" 3)) }}',
    "map[a:2 b:3 m:map[x:2 y:3]]",
  ],
  [
    '{{ merge (dict "a" "" "b" 0 "c" nil "l" (list)) (dict "a" "x" "b" 5 "c" 6 "l" (list 1)) }}',
    "map[a:x b:5 c:6 l:[1]]",
  ],
  [
    '{{ mergeOverwrite (dict "a" "x" "l" (list 1) "m" (dict "q" 1)) (dict "a" "" "l" (list) "m" 5 "n" nil) }}',
    "map[a: l:[] m:5 n:<nil>]",
  ],
  ['{{ merge (dict "a" (dict)) (dict "a" "x") }}', "map[a:x]"],
  ['{{ merge (dict "a" "x") (dict "a" (dict "y" 1)) }}', "map[a:x]"],
  ['{{ mergeOverwrite (dict "a" "x") (dict "a" (dict "y" 1)) }}', "map[a:map[y:1]]"],
  ['{{ merge .missing (dict "a" 1) }}', "map[a:1]"],
  ['{{ mergeOverwrite (dict "a" 1) (dict "a" nil) }}', "map[a:<nil>]"],
  ['{{ merge (dict) (dict "a" nil) }}', "map[]"],
  ['{{ mergeOverwrite (dict "a" (dict "b" 1)) (dict "a" (dict)) }}', "map[a:map[b:1]]"],
  ['{{ merge (dict "a" (list 1)) (dict "a" (list 2)) }}', "map[a:[1]]"],
  ['{{ merge (dict "a" 1) (dict "b" 2) (dict "b" 3 "c" 4) }}', "map[a:1 b:2 c:4]"],
  ['{{ mustMerge (dict "a" 1) (dict "a" 2) }}', "map[a:1]"],
  ['{{ mustMergeOverwrite (dict "a" 1) (dict "a" 2) }}', "map[a:2]"],
  ['{{ merge (dict "a" false) (dict "a" true) }}', "map[a:true]"],
  ['{{ mergeOverwrite (dict "a" true) (dict "a" false) }}', "map[a:false]"],
  ['{{ merge (dict "a" 1) }}', "map[a:1]"],
  ['{{ merge (dict "a" 1) .missing }}', "map[a:1]"],
  ['{{ merge (dict "a" (dict "b" "x")) (dict "a" (dict "b" (dict "c" 1))) }}', "map[a:map[b:x]]"],
]);
