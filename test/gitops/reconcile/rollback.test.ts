import assert from "node:assert/strict";
import { test } from "node:test";
import { previousDeployment, withQuarantine } from "../../../src/gitops/reconcile/rollback.ts";
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

const [good, bad] = [{ revision: "a" }, { revision: "b" }];
const valued = (tag: string) => ({ revision: "a", source: { helm: { values: tag } } });

const places: readonly [name: string, history: readonly object[], tried: object | undefined, id: number | undefined][] =
  [
    ["nothing", [], undefined, undefined],
    ["one, which runs", [good], good, undefined],
    ["two", [good, bad], bad, 0],
    ["one, and a sync that failed", [good], bad, 0],
    ["two, and a sync that failed", [{ revision: "z" }, good], bad, 1],
    ["what a rollback went away from", [{ revision: "z" }, good, { revision: "x" }, good], good, 0],
    ["other values at one commit", [valued("1"), valued("2")], valued("2"), 0],
    ["a self-heal after the last", [good, bad, bad], bad, 0],
    ["no last sync", [good, bad], undefined, 0],
    ["several sources", [{ revisions: ["a", "b"] }, { revisions: ["a", "c"] }], { revisions: ["a", "c"] }, 0],
  ];

for (const [name, history, tried, id] of places) {
  test(`a rollback by itself, where the history has ${name}, goes to ${id ?? "nothing"}`, () => {
    const state = tried === undefined ? {} : { operationState: { syncResult: { ...tried, resources: [] } } };
    const status = { ...state, history: history.map((entry, at) => ({ id: at, ...entry })) };
    assert.equal(previousDeployment({ ...application({}, {}, "x"), status } as KubeObject)?.id, id);
  });
}

test("a dry run is nothing to go back from", () => {
  const operationState = { operation: { sync: { dryRun: true } }, syncResult: { revision: "c" } };
  const status = {
    operationState,
    history: [
      { id: 0, ...good },
      { id: 1, ...bad },
    ],
  };
  assert.equal(previousDeployment({ ...application({}), status } as KubeObject)?.id, 0);
});
