import assert from "node:assert/strict";
import { test } from "node:test";
import { standsAlone, templateWarnings } from "../../src/controllers/template-warnings.ts";

const paths = (spec: object, annotations: Record<string, string> = {}): string[] =>
  templateWarnings(
    { apiVersion: "argoproj.io/v1alpha1", kind: "Sensor", metadata: { annotations }, spec },
    standsAlone,
  ).map(({ path, message }) => {
    assert.equal(message, "has no effect: standing alone there are no Pods");
    return path;
  });

const cases: readonly (readonly [string, object, readonly string[]])[] = [
  ["nothing", {}, []],
  ["an account, which counts", { template: { serviceAccountName: "s" } }, []],
  ["an empty list", { template: { volumes: [], container: {} } }, []],
  ["told of elsewhere", { template: { container: { imagePullPolicy: "Always" }, hostNetwork: true } }, []],
  [
    "each field",
    { template: { volumes: [{ name: "v" }], priority: 0, metadata: { labels: { a: "b" } } } },
    ["spec.template.volumes", "spec.template.priority", "spec.template.metadata"],
  ],
  [
    "each of the container",
    { template: { container: { env: [{ name: "A" }], resources: { limits: { cpu: 1 } } } } },
    ["spec.template.container.env", "spec.template.container.resources"],
  ],
  ["one replica", { replicas: 1 }, []],
  ["several", { replicas: 2 }, ["spec.replicas"]],
];

for (const [name, spec, wanted] of cases) test(name, () => assert.deepEqual(paths(spec), wanted));

test("the annotation that asks for a Pod", () => {
  assert.deepEqual(paths({}, { "tiphys.io/isolate": "true" }), ["metadata.annotations[tiphys.io/isolate]"]);
  assert.deepEqual(paths({}, { "tiphys.io/isolate": "false" }), []);
});
