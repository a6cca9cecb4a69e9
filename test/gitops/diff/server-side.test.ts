import assert from "node:assert/strict";
import { test } from "node:test";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import { servedPart } from "../../../src/gitops/diff/server-side.ts";

const config = (data: object, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "c", ...metadata },
  data,
});

/** What a server answered: the data, and by manager the names of those that it owns. */
function answer(data: object, owners: Readonly<Record<string, readonly string[]>>) {
  const fieldsOf = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [`f:${name}`, {}]));
  const managedFields = Object.entries(owners).map(([manager, names]) => {
    return { manager, operation: "Apply", fieldsType: "FieldsV1", fieldsV1: { "f:data": fieldsOf(names) } };
  });
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}" };
  return config(data, { managedFields, resourceVersion: "9", annotations });
}
const ours = "argocd-controller";

for (const [name, target, live, served, includeWebhooks, paths] of [
  ["as it is", { a: "1" }, answer({ a: "1" }, { [ours]: ["a"] }), answer({ a: "1" }, { [ours]: ["a"] }), false, []],
  [
    "in a form of its own",
    { a: "0x1" },
    answer({ a: "1" }, { [ours]: ["a"] }),
    answer({ a: "1" }, { [ours]: ["a"] }),
    false,
    [],
  ],
  [
    "with another value",
    { a: "2" },
    answer({ a: "1" }, { [ours]: ["a"] }),
    answer({ a: "2" }, { [ours]: ["a"] }),
    false,
    ["data.a"],
  ],
  [
    "with what a webhook adds, which does not count",
    { a: "1" },
    answer({ a: "1" }, { [ours]: ["a"] }),
    answer({ a: "1", b: "2" }, { [ours]: ["a"], webhook: ["b"] }),
    false,
    [],
  ],
  [
    "with what a webhook adds, where it counts",
    { a: "1" },
    answer({ a: "1" }, { [ours]: ["a"] }),
    answer({ a: "1", b: "2" }, { [ours]: ["a"], webhook: ["b"] }),
    true,
    ["data.b"],
  ],
  [
    "without what we wrote and the target lacks",
    { a: "1" },
    answer({ a: "1", b: "2" }, { [ours]: ["a", "b"] }),
    answer({ a: "1" }, { [ours]: ["a"] }),
    false,
    ["data.b"],
  ],
  [
    "with what others wrote, which stays",
    { a: "1" },
    answer({ a: "1", b: "2" }, { [ours]: ["a"], hpa: ["b"] }),
    answer({ a: "1", b: "2" }, { [ours]: ["a"], hpa: ["b"] }),
    false,
    [],
  ],
] as const) {
  test(`a server would leave an object ${name}`, () => {
    const diff = diffObject(config(target), live, { served: servedPart(served, { includeWebhooks }) });
    assert.deepEqual([diff.strategy, diff.differences.map(({ path }) => path)], ["server-side", paths]);
  });
}

test("labels that others put on an object on its way do not count, ours do", () => {
  const labelled = (labels: object): ReturnType<typeof config> => {
    const own = { "f:data": { "f:a": {} }, "f:metadata": { "f:labels": { "f:ours": {} } } };
    const managedFields = [
      { manager: ours, operation: "Apply", fieldsV1: own },
      { manager: "webhook", operation: "Update", fieldsV1: { "f:metadata": { "f:labels": { "f:theirs": {} } } } },
    ];
    return config({ a: "1" }, { managedFields, labels });
  };
  const live = labelled({ ours: "1" });
  for (const [labels, paths] of [
    [{ ours: "1", theirs: "1" }, []],
    [{ ours: "2", theirs: "1" }, ["metadata.labels.ours"]],
  ] as const) {
    const served = servedPart(labelled(labels), { includeWebhooks: false });
    const { differences } = diffObject(config({ a: "1" }, { labels: { ours: labels.ours } }), live, { served });
    assert.deepEqual(
      differences.map(({ path }) => path),
      paths,
    );
  }
});

test("an answer that does not say what would be ours is refused, but for a whole one", () => {
  for (const [served, message] of [
    [config({ a: "1" }), /: ConfigMap c: a dry run of apply gave no managedFields/],
    [answer({ a: "1" }, { other: ["a"] }), /: ConfigMap c: after a dry run of apply "argocd-controller" owns none/],
  ] as const) {
    assert.throws(() => servedPart(served, { includeWebhooks: false }), message);
    assert.equal(servedPart(served, { includeWebhooks: true }).object, served);
  }
});
