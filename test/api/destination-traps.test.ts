import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDestTraps, type DestOwner } from "../../src/api/destination-traps.ts";

const k8s: DestOwner = { kind: "k8s", makesObject: true };
const http: DestOwner = { kind: "http", makesObject: false };

for (const [dest, owner, message, instead] of [
  ["/spec/a.b/0", k8s, "is one key", "spec.a\\.b.0"],
  [".spec.a", k8s, "begins with an empty key", "spec.a"],
  ["spec.args[0].value", k8s, "has brackets", "spec.args.0.value"],
  ["items[-1]", "payload", "has brackets", "items.-1"],
  ["/a/b", "payload", "is one key", "a.b"],
  ["metadata.labels.a.b/c", k8s, "makes a map within the label", "metadata.labels.a\\.b/c"],
  [
    "k8s.source.resource.metadata.annotations.x.y",
    "template",
    "makes a map within the label",
    "k8s.source.resource.metadata.annotations.x\\.y",
  ],
  ["k8s.source.resource.spec.a", k8s, "makes a field of that name", "spec.a"],
  ["source.resource.spec.a", k8s, "makes a field of that name", "spec.a"],
  ["resource.spec.a", k8s, "makes a field of that name", "spec.a"],
  ["http.url", http, "makes a field of that name", "url"],
  ["k8s.spec.a", "template", "is not in the object", "k8s.source.resource.spec.a"],
  ["argoWorkflow.metadata.name", "template", "is not in the object", "argoWorkflow.source.resource.metadata.name"],
] as const) {
  test(`the destination ${dest} leads elsewhere: ${instead} was meant`, () => {
    const [problem, ...more] = checkDestTraps(dest, owner, "p");
    assert.deepEqual(more, []);
    assert.ok(problem?.message.startsWith(`${JSON.stringify(dest)} ${message}`), problem?.message);
    assert.equal(problem?.suggestion, `did you mean \`${instead}\`?`);
  });
}

for (const [dest, owner] of [
  ["spec.arguments.parameters.0.value", k8s],
  ["spec.arguments.parameters.-1", k8s],
  ["metadata.labels.a\\.b/c", k8s],
  ["metadata.labels.app", k8s],
  ["metadata.labels.*", k8s],
  ["spec.a.#(k==3).v", k8s],
  ['spec.a.#(k=="x[0]").v', k8s],
  ["k8s.source.resource.spec.a", "template"],
  ["k8s.operation", "template"],
  ["url", http],
  ["labels.a.b", "payload"],
  ["[0]", "payload"],
  ["", "template"],
] as const) {
  test(`there is nothing to say of the destination ${JSON.stringify(dest)}`, () => {
    assert.deepEqual(checkDestTraps(dest, owner, "p"), []);
  });
}
