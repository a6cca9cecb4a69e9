import assert from "node:assert/strict";
import { test } from "node:test";
import { withQuarantine } from "../../../src/gitops/reconcile/rollback.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const annotation = "tiphys.io/quarantine";

function application(sync: object, automated: object | null = {}, quarantine?: string): KubeObject {
  const annotations = quarantine === undefined ? {} : { [annotation]: quarantine };
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "web", namespace: "argocd", annotations },
    spec: { syncPolicy: automated === null ? {} : { automated } },
    status: { sync },
  };
}

const cases: readonly [name: string, application: KubeObject, sync: object, expected: string | undefined][] = [
  ["to an older revision", application({ revision: "b" }), { revision: "a" }, "b"],
  ["to an older revision, after another one", application({ revision: "b" }, {}, "x"), { revision: "a" }, "x,b"],
  ["to the revision that is wanted anyway", application({ revision: "a" }), { revision: "a" }, undefined],
  ["of several sources", application({ revisions: ["a", "c"] }), { revisions: ["a", "b"] }, "c"],
  ["in a dry run", application({ revision: "b" }), { revision: "a", dryRun: true }, undefined],
  ["without automated sync", application({ revision: "b" }, null), { revision: "a" }, undefined],
  ["with automated sync turned off", application({ revision: "b" }, { enabled: false }), { revision: "a" }, undefined],
  ["of one that was never compared", application({}), { revision: "a" }, undefined],
];

for (const [name, given, sync, expected] of cases) {
  test(`a rollback ${name} keeps back ${expected ?? "nothing"}`, () => {
    assert.equal(withQuarantine(given, { sync: sync as never }).metadata.annotations?.[annotation], expected);
  });
}
