import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifests } from "../../../src/api/manifest.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { withExpectations } from "../../../src/cli/sensor/test-update.ts";

const head = "kind: SensorTest\ncases:\n";
const fired: readonly JsonObject[] = [{ trigger: "deploy", events: { push: "1" } }];

const rows: readonly (readonly [string, string, readonly JsonObject[], string])[] = [
  [
    "a list in a block, comments around it stay",
    "- name: a # one\n  # what is given\n  given: []\n  # what fires\n  expect:\n  - trigger: old\n    at: 5s\n\n# the next\n- name: b\n",
    fired,
    "- name: a # one\n  # what is given\n  given: []\n  # what fires\n  expect:\n  - trigger: deploy\n    events:\n      push: '1'\n\n# the next\n- name: b\n",
  ],
  [
    "a list in brackets",
    "- name: a\n  expect: [{trigger: x}]\n  decisions: []\n",
    [],
    "- name: a\n  expect: []\n  decisions: []\n",
  ],
  [
    "brackets over several lines",
    "  - expect: [\n      {trigger: x},\n      ]\n    name: a\n",
    [],
    "  - expect: []\n    name: a\n",
  ],
  [
    "a list that is not there",
    "- name: a\n  given: []\n\n- name: b\n",
    [],
    "- name: a\n  given: []\n  expect: []\n\n- name: b\n",
  ],
  [
    "the last case of a file without an end of line",
    "- name: a\n  given: []",
    [],
    "- name: a\n  given: []\n  expect: []",
  ],
];

for (const [name, cases, expect, wanted] of rows) {
  test(`expect is written: ${name}`, () => {
    assert.equal(withExpectations(head + cases, [{ document: 0, caseIndex: 0, expect }]), head + wanted);
  });
}

test("several cases of several documents are written at once", () => {
  const text = `${head}- name: a\n  expect: []\n- name: b\n  expect: []\n---\n${head}- name: c\n`;
  const updates = [0, 1].map((caseIndex) => ({ document: 0, caseIndex, expect: fired }));
  const result = withExpectations(text, [...updates, { document: 1, caseIndex: 0, expect: fired }]) ?? "";
  const seen = parseManifests(result, "").map(({ object }) => object.cases);
  assert.deepEqual(seen, [
    [
      { name: "a", expect: fired },
      { name: "b", expect: fired },
    ],
    [{ name: "c", expect: fired }],
  ]);
});

for (const [name, text] of [
  ["a case in brackets", `${head}- {name: a, expect: [{trigger: x}]}\n`],
  ["JSON", '{"kind": "SensorTest", "cases": [{"name": "a", "expect": []}]}'],
  [
    "an expectation that another case shares",
    `${head}- name: a\n  expect: &e\n  - trigger: x\n- name: b\n  expect: *e\n`,
  ],
] as const) {
  test(`nothing is written: ${name}`, () => {
    assert.equal(withExpectations(text, [{ document: 0, caseIndex: 0, expect: fired }]), undefined);
  });
}
