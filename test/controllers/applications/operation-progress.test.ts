import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplication } from "../../../src/api/application.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { withoutRepeatedWish } from "../../../src/controllers/applications/application-write.ts";
import {
  decisionOf,
  orderOf,
  requestsOf,
  resultsIn,
  wantedRevisions,
  withDecision,
  withOperationSources,
} from "../../../src/controllers/applications/operation-progress.ts";
import { mergeRequests, requestOf } from "../../../src/gitops/reconcile/request.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const source = { repoURL: "https://git.example/shop.git", path: "web", targetRevision: "main" };

function objectOf(operation: JsonObject, more: JsonObject = {}): KubeObject {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "web", namespace: "argocd" },
    spec: { source, destination: { name: "in-cluster" } },
    operation,
    ...more,
  } as unknown as KubeObject;
}

test("an operation names its decision and its requests, beside what others wrote", () => {
  const given = { info: [{ name: "Reason", value: "because" }] };
  const operation = withDecision(given, "d-1.0", ["a", "b"]);
  assert.equal(decisionOf(operation), "d-1.0");
  assert.deepEqual(requestsOf(operation), ["a", "b"]);
  assert.deepEqual((operation.info as unknown[])[0], given.info[0]);
  assert.equal(decisionOf(given), undefined);
});

for (const [name, state, wanted] of [
  ["what was resolved before", { syncResult: { revision: "abc" }, operation: { sync: { revision: "main" } } }, ["abc"]],
  ["several", { syncResult: { revisions: ["a", "b"] } }, ["a", "b"]],
  ["what a retry pinned", { operation: { sync: { revision: "abc" } } }, ["abc"]],
  ["nothing: the source's own", { operation: { sync: {} } }, [undefined]],
] as const) {
  test(`the revisions of an operation are ${name}`, () =>
    assert.deepEqual(wantedRevisions(state as JsonObject), wanted));
}

test("results of no known form are left out", () => {
  assert.deepEqual(resultsIn({ syncResult: { resources: [null, "text", { kind: "Job" }] } }), [{ kind: "Job" }]);
  assert.deepEqual(resultsIn({}), []);
});

test("a rollback's source counts in place of the spec's", () => {
  const former = { ...source, path: "former" };
  const object = objectOf({ sync: { source: former, revision: "abc" } });
  const { resource } = parseApplication(object);
  assert.deepEqual(withOperationSources(object, resource).sources, [former]);
  const several = objectOf({ sync: { sources: [former, source] } });
  const { sources, isMultiSource } = withOperationSources(several, parseApplication(several).resource);
  assert.deepEqual([sources, isMultiSource], [[former, source], true]);
});

test("an operation that names the spec's own source, or none, changes nothing", () => {
  for (const sync of [{ source }, {}]) {
    const object = objectOf({ sync });
    const { resource } = parseApplication(object);
    assert.equal(withOperationSources(object, resource), resource);
  }
});

const sync = { prune: false, dryRun: false, syncOptions: [], by: "Sensor default/deploy" };
const wish = (id: string) => requestOf({ reason: "event", id, text: "" }, 2, { sync });

for (const [name, request, isLeft] of [
  ["granted by the last operation", wish("last"), false],
  ["granted by the one in progress", wish("now"), false],
  ["both, merged", mergeRequests(wish("last"), wish("now")), false],
  ["new", wish("new"), true],
  ["a granted one, merged with a new one", mergeRequests(wish("last"), wish("new")), true],
] as const) {
  test(`a wish that is ${name} ${isLeft ? "stays" : "is not granted again"}`, () => {
    const operation = withDecision({ sync: {} }, "d-2.0", ["now"]);
    const status = { operationState: { operation: withDecision({ sync: {} }, "d-1.0", ["last"]) } };
    const { resource } = parseApplication(objectOf(operation, { status }));
    assert.equal(withoutRepeatedWish(request, resource).sync !== undefined, isLeft);
  });
}

const orders: readonly (readonly [name: string, operation: JsonObject, order: object])[] = [
  ["an automated sync", { sync: { revision: "c1" }, initiatedBy: { automated: true, username: "x" } }, {}],
  ["one of nobody known", { sync: {} }, {}],
  ["one of a person", { sync: {}, initiatedBy: { username: "anna" } }, { by: "anna" }],
  [
    "how it was asked for",
    {
      sync: {
        ...{ dryRun: true, prune: true, syncStrategy: { hook: { force: true } } },
        ...{ resources: [{ kind: "Pod", name: "a" }], syncOptions: ["Replace=true"] },
      },
    },
    { options: ["dry run", "prune", "force", "1 object alone", "Replace=true"] },
  ],
  ["no more than twenty options", { sync: { syncOptions: Array(30).fill("a=b") } }, { options: Array(20).fill("a=b") }],
];

for (const [name, operation, order] of orders) {
  test(`the record tells of ${name}`, () => assert.deepEqual(orderOf(operation), order));
}
