import assert from "node:assert/strict";
import { test } from "node:test";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

interface Entry {
  readonly manager: string;
  readonly fields: object;
  readonly time?: string;
  readonly subresource?: string;
}

function deployment(fields: object, entries: readonly Entry[] = []): KubeObject {
  const managedFields = entries.map(({ manager, fields: owned, time, subresource }) => ({
    ...{ manager, operation: "Update", fieldsV1: { "f:spec": owned } },
    ...(time ? { time } : {}),
    ...(subresource ? { subresource } : {}),
  }));
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "x", managedFields },
    spec: fields,
  } as KubeObject;
}

const containers = (...images: string[]) => ({
  template: { spec: { containers: images.map((image, index) => ({ name: `c${index}`, image })) } },
});
const image = (name: string) => ({
  "f:template": { "f:spec": { "f:containers": { [`k:{"name":"${name}"}`]: { "f:image": {} } } } },
});
const replicas = { "f:replicas": {} };

for (const [name, target, live, entries, writers] of [
  ["nobody that is known", { replicas: 1 }, { replicas: 3 }, [], ["spec.replicas -"]],
  [
    "its only owner, through a subresource",
    { replicas: 1 },
    { replicas: 3 },
    [{ manager: "hpa", fields: replicas, subresource: "scale" }],
    ["spec.replicas hpa scale"],
  ],
  [
    "of two the one that wrote later, wherever it stands",
    { replicas: 1 },
    { replicas: 3 },
    [
      { manager: "late", fields: replicas, time: "2026-01-02T00:00:00Z" },
      { manager: "early", fields: replicas, time: "2026-01-01T00:00:00Z" },
    ],
    ["spec.replicas late"],
  ],
  [
    "who owns what is around it as one",
    { selector: { matchLabels: { a: "1" } } },
    { selector: { matchLabels: { a: "2" } } },
    [{ manager: "whole", fields: { "f:selector": {} } }],
    ["spec.selector.matchLabels.a whole"],
  ],
  [
    "who owns the field itself before who owns what is around it",
    { selector: { matchLabels: { a: "1" } } },
    { selector: { matchLabels: { a: "2" } } },
    [
      { manager: "whole", fields: { "f:selector": {} }, time: "2026-01-02T00:00:00Z" },
      { manager: "part", fields: { "f:selector": { "f:matchLabels": { "f:a": {} } } }, time: "2026-01-01T00:00:00Z" },
    ],
    ["spec.selector.matchLabels.a part"],
  ],
  [
    "of an item of a list who owns it by its key",
    containers("a:2", "b:2"),
    containers("a:1", "b:1"),
    [
      { manager: "updater", fields: image("c1") },
      { manager: "other", fields: image("gone") },
    ],
    ["spec.template.spec.containers[0].image -", "spec.template.spec.containers[1].image updater"],
  ],
] as const satisfies readonly (readonly [string, object, object, readonly Entry[], readonly string[]])[]) {
  test(`a field was last written by ${name}`, () => {
    const { differences } = diffObject(deployment(target), deployment(live, entries));
    assert.deepEqual(
      differences.map(
        ({ path, lastWriter: { manager = "-", subresource } = {} as { manager?: string; subresource?: string } }) =>
          [path, manager, ...(subresource ? [subresource] : [])].join(" "),
      ),
      writers,
    );
  });
}
