import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResourceSettings } from "../../../src/api/resource-settings.ts";
import { createUpdateFilter } from "../../../src/gitops/diff/resource-updates.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

interface Change {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly before?: object;
  readonly after: object;
}
const all = "resource.customizations.ignoreResourceUpdates.all";
const certificate = "resource.customizations.ignoreResourceUpdates.example.com_Cert";
const differences = "resource.customizations.ignoreDifferences.example.com_Cert";
const cert = { apiVersion: "example.com/v1", kind: "Cert" };
const data = (value: number) => ({ spec: { renewed: value } });

const cases: readonly (readonly [name: string, settings: Record<string, string>, change: Change, ignored: boolean])[] =
  [
    ["a status is ignored as shipped", {}, { after: { status: { ready: 1 } } }, true],
    ["a spec counts", {}, { after: { spec: { replicas: 2 } } }, false],
    ["a label counts", {}, { after: { metadata: { labels: { a: "b" } } } }, false],
    [
      "what each write changes is ignored",
      {},
      { after: { metadata: { name: "a", resourceVersion: "2", generation: 4 } } },
      true,
    ],
    [
      "nothing is ignored where that is off",
      { "resource.ignoreResourceUpdatesEnabled": "false" },
      { after: { status: {} } },
      false,
    ],
    [
      "nothing is ignored where that is off, as Go writes it",
      { "resource.ignoreResourceUpdatesEnabled": "F" },
      { after: { status: {} } },
      false,
    ],
    [
      "what is no boolean turns nothing off",
      { "resource.ignoreResourceUpdatesEnabled": "no" },
      { after: { status: {} } },
      true,
    ],
    [
      "a leader that comes, with its annotations, counts",
      {},
      {
        kind: "ConfigMap",
        apiVersion: "v1",
        after: { metadata: { annotations: { "control-plane.alpha.kubernetes.io/leader": "x" } } },
      },
      false,
    ],
    [
      "a leader's annotation that changes is ignored",
      {},
      {
        kind: "ConfigMap",
        apiVersion: "v1",
        before: { metadata: { annotations: { "control-plane.alpha.kubernetes.io/leader": "x" } } },
        after: { metadata: { annotations: { "control-plane.alpha.kubernetes.io/leader": "y" } } },
      },
      true,
    ],
    [
      "users' pointers",
      { [certificate]: "jsonPointers: [/spec/renewed]" },
      { ...cert, before: data(1), after: data(2) },
      true,
    ],
    [
      "users' pointers are for their kind",
      { [certificate]: "jsonPointers: [/spec/renewed]" },
      { before: data(1), after: data(2) },
      false,
    ],
    [
      "users' jq paths",
      { [certificate]: "jqPathExpressions: ['.spec.renewed']" },
      { ...cert, before: data(1), after: data(2) },
      true,
    ],
    [
      "users' rules for all take the place of those shipped",
      { [all]: "jsonPointers: [/spec]" },
      { after: { status: { ready: 1 } } },
      false,
    ],
    [
      "ignored differences count as well",
      { [differences]: "jsonPointers: [/spec/renewed]" },
      { ...cert, before: data(1), after: data(2) },
      true,
    ],
    [
      "ignored differences do not where that is off",
      {
        [differences]: "jsonPointers: [/spec/renewed]",
        "resource.compareoptions": "ignoreDifferencesOnResourceUpdates: false",
      },
      { ...cert, before: data(1), after: data(2) },
      false,
    ],
  ];

for (const [name, settings, { kind = "Deployment", apiVersion = "apps/v1", before = {}, after }, ignored] of cases) {
  test(`updates: ${name}`, () => {
    const parsed = parseResourceSettings(settings);
    assert.deepEqual(parsed.problems, []);
    const object = (more: object): KubeObject => ({ apiVersion, kind, metadata: { name: "a" }, ...more });
    assert.equal(createUpdateFilter(parsed)(object(before), object(after)), ignored);
  });
}
