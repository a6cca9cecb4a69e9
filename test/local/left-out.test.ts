import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane, widgetDefinition } from "../harness/control-plane.ts";

const registration = "/apis/admissionregistration.k8s.io/v1";
const hook = {
  name: "a.example.com",
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
  clientConfig: { url: "https://localhost:1/" },
};
const service = {
  group: "metrics.k8s.io",
  version: "v1beta1",
  groupPriorityMinimum: 100,
  versionPriority: 100,
  service: { name: "metrics", namespace: "kube-system" },
};
const conversion = {
  strategy: "Webhook",
  webhook: { conversionReviewVersions: ["v1"], clientConfig: { url: "https://localhost:1/" } },
};

/** What can be stored and does nothing: whoever stores it is told. */
const stored: readonly (readonly [path: string, object: object, warning: RegExp])[] = [
  [
    `${registration}/mutatingwebhookconfigurations`,
    { metadata: { name: "m" }, webhooks: [hook] },
    /mutating webhooks are stored and not called/,
  ],
  [
    `${registration}/validatingadmissionpolicies`,
    { metadata: { name: "p" }, spec: { validations: [{ expression: "true" }] } },
    /admission policies are stored and not evaluated/,
  ],
  [
    "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    { metadata: { name: "f" }, spec: { priorityLevelConfiguration: { name: "exempt" } } },
    /priority and fairness are stored and have no effect/,
  ],
  [
    "/apis/apiregistration.k8s.io/v1/apiservices",
    { metadata: { name: "v1beta1.metrics.k8s.io" }, spec: service },
    /aggregated API servers are not served by this API: APIService v1beta1.metrics.k8s.io names one/,
  ],
  [
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    { ...widgetDefinition, spec: { ...widgetDefinition.spec, conversion } },
    /conversion webhooks are not called/,
  ],
  [
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    { metadata: { name: "r" }, aggregationRule: { clusterRoleSelectors: [] }, rules: [] },
    /aggregationRule has no effect/,
  ],
  [
    "/api/v1/namespaces",
    { metadata: { name: "n", labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
    /pod-security.kubernetes.io\/\* labels are kept and not enforced/,
  ],
];

for (const [path, object, warning] of stored) {
  test(`what has no effect is told: ${path}`, async () => {
    await using plane = await openTestPlane();
    const { status, headers, body } = await plane.call("POST", path, object);
    assert.equal(status, 201, JSON.stringify(body));
    assert.match(headers.get("warning") ?? "", warning);
    const { name } = body.metadata;
    const merge = { "content-type": "application/merge-patch+json" };
    const again = await plane.call("PATCH", `${path}/${name}`, { metadata: { annotations: { a: "b" } } }, merge);
    assert.match(again.headers.get("warning") ?? "", warning);
  });
}

test("what an aggregated API server would answer is refused with a reason, anything else is not there", async () => {
  await using plane = await openTestPlane();
  const nodes = "/apis/metrics.k8s.io/v1beta1/nodes";
  assert.equal((await plane.call("GET", nodes)).status, 404);
  const name = "v1beta1.metrics.k8s.io";
  await plane.call("POST", "/apis/apiregistration.k8s.io/v1/apiservices", { metadata: { name }, spec: service });
  const { status, body } = await plane.call("GET", nodes);
  assert.deepEqual([status, body.reason], [501, "NotImplemented"]);
  assert.match(body.message, /aggregated API servers are not served by this API: APIService v1beta1.metrics.k8s.io/);
  assert.equal((await plane.call("GET", "/apis/metrics.k8s.io/v1/nodes")).status, 404);
});
