import assert from "node:assert/strict";
import { test } from "node:test";
import { diffObject } from "../../../src/gitops/diff/object-diff.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** `applied`: what kubectl wrote last. */
function object(type: string, spec: object, applied?: object): KubeObject {
  const at = type.lastIndexOf("/");
  const annotations =
    applied === undefined ? {} : { annotations: { [lastApplied]: JSON.stringify({ spec: applied }) } };
  const [apiVersion, kind] = [type.slice(0, at), type.slice(at + 1)];
  return { apiVersion, kind, metadata: { name: "x", ...annotations }, spec } as KubeObject;
}

const deployment = "apps/v1/Deployment";
const service = "v1/Service";
const claim = "v1/PersistentVolumeClaim";
const widget = "example.com/v1/Widget";
const rolling = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } };
const pod = (spec: object, container: object = {}) => ({
  template: { spec: { ...spec, containers: [{ name: "c", image: "a", ...container }] } },
});
const first = "spec.template.spec.containers[0]";

type Row = readonly [
  name: string,
  type: string,
  target: object,
  live: object,
  /** `path=value after the sync`, or the path alone of what goes. */
  differences: readonly string[],
  applied?: object,
];

const rows: readonly Row[] = [
  [
    "null where the server's default is",
    deployment,
    { replicas: null, strategy: null },
    { replicas: 1, strategy: rolling },
    [],
  ],
  [
    "a member of a set that was written and is not any more goes, another's stays",
    deployment,
    { template: { metadata: { finalizers: ["a"] } } },
    { template: { metadata: { finalizers: ["a", "b", "c"] } } },
    ['spec.template.metadata.finalizers[1]="c"', "spec.template.metadata.finalizers[2]"],
    { template: { metadata: { finalizers: ["a", "b"] } } },
  ],
  ["null where another value is", deployment, { replicas: null }, { replicas: 5 }, ["spec.replicas=1"]],
  [
    "null where another strategy is",
    deployment,
    { strategy: null },
    { strategy: { type: "Recreate" } },
    ['spec.strategy.rollingUpdate={"maxUnavailable":"25%","maxSurge":"25%"}', 'spec.strategy.type="RollingUpdate"'],
  ],
  [
    "null where a field without a default is",
    deployment,
    { minReadySeconds: null },
    { minReadySeconds: 5 },
    ["spec.minReadySeconds"],
  ],
  [
    "nulls of a Pod's spec and its containers",
    deployment,
    pod(
      { dnsPolicy: null, securityContext: null, nodeSelector: null },
      { resources: null, imagePullPolicy: null, env: null },
    ),
    pod({ dnsPolicy: "ClusterFirst", securityContext: {} }, { resources: {}, imagePullPolicy: "Always" }),
    [],
  ],
  [
    "a policy of pulling that is not said, by the image",
    deployment,
    pod({}, { image: "a:1", imagePullPolicy: "" }),
    pod({}, { image: "a:1", imagePullPolicy: "Always" }),
    [`${first}.imagePullPolicy="IfNotPresent"`],
  ],
  [
    "an empty text where the server puts its own",
    deployment,
    pod({ restartPolicy: "" }, { imagePullPolicy: "", terminationMessagePath: "" }),
    pod({ restartPolicy: "Always" }, { imagePullPolicy: "Always", terminationMessagePath: "/dev/termination-log" }),
    [],
  ],
  [
    "a zero that is none",
    deployment,
    pod({}, { readinessProbe: { periodSeconds: 0, timeoutSeconds: 0 } }),
    pod({}, { readinessProbe: { periodSeconds: 10, timeoutSeconds: 1 } }),
    [],
  ],
  ["a zero that is one", deployment, { replicas: 0 }, { replicas: 1 }, ["spec.replicas=0"]],
  [
    "a probe that is taken away goes whole",
    deployment,
    pod({}, { readinessProbe: null }),
    pod({}, { readinessProbe: { periodSeconds: 10 } }),
    [`${first}.readinessProbe`],
  ],
  [
    "what was written, is not any more, and is the server's default",
    deployment,
    pod({}),
    { ...pod({ dnsPolicy: "ClusterFirst" }), replicas: 1 },
    [],
    { ...pod({ dnsPolicy: "ClusterFirst" }), replicas: 1 },
  ],
  [
    "what was written and is not any more",
    deployment,
    pod({}),
    { ...pod({}), replicas: 3 },
    ["spec.replicas=1"],
    { replicas: 3 },
  ],
  [
    "a part that was written of what the server fills in",
    deployment,
    { paused: true },
    { paused: true, strategy: rolling },
    [],
    { strategy: { type: "RollingUpdate" } },
  ],
  [
    "what a Service was allotted stays, written as nothing in any way",
    service,
    { clusterIP: "", clusterIPs: [], ipFamilyPolicy: null, ports: [{ port: 80, nodePort: null, targetPort: null }] },
    {
      clusterIP: "10.0.0.1",
      clusterIPs: ["10.0.0.1"],
      ipFamilyPolicy: "SingleStack",
      ports: [{ port: 80, nodePort: 30_000, targetPort: 80 }],
    },
    [],
  ],
  [
    "an address that is asked for",
    service,
    { clusterIP: "None" },
    { clusterIP: "10.0.0.1" },
    ['spec.clusterIP="None"'],
  ],
  ["a class that is not said", claim, { storageClassName: null }, { storageClassName: "standard" }, []],
  [
    "the class of none",
    claim,
    { storageClassName: "" },
    { storageClassName: "standard" },
    ['spec.storageClassName=""'],
  ],
  ["null in a custom kind, never written", widget, { a: null }, { a: 1 }, []],
  ["null in a custom kind that was written before", widget, { a: null }, { a: 1 }, ["spec.a"], { a: 1 }],
  ["null in a custom kind, written as such before", widget, { a: null }, { a: 1 }, [], { a: null }],
];

for (const [name, type, target, live, differences, applied] of rows) {
  test(`differences of a ${type}: ${name}`, () => {
    const found = diffObject(object(type, target), object(type, live, applied)).differences;
    assert.deepEqual(
      found.map((one) => (one.target === undefined ? one.path : `${one.path}=${JSON.stringify(one.target)}`)),
      differences,
    );
  });
}

for (const [name, target, live, isModified] of [
  ["with line breaks", "eHh4\neHh4\r\n", "eHh4eHh4", false],
  ["of another value", "eHh4\neHh5\n", "eHh4eHh4", true],
] as const) {
  test(`base64 ${name} ${isModified ? "differs" : "is the same"}`, () => {
    const secret = (a: string) => ({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: { a } });
    assert.equal(diffObject(secret(target), secret(live)).isModified, isModified);
    const config = (a: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "s" }, binaryData: { a } });
    assert.equal(diffObject(config(target), config(live)).isModified, isModified);
    const text = (a: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "s" }, data: { a } });
    assert.equal(diffObject(text(target), text(live)).isModified, true, "text is text");
  });
}

test("amounts are the same by their types, wherever they stand", () => {
  const scaler = (value: unknown) =>
    object("autoscaling/v2/HorizontalPodAutoscaler", {
      metrics: [{ type: "External", external: { metric: { name: "m" }, target: { type: "Value", value } } }],
    });
  assert.equal(diffObject(scaler("1000m"), scaler("1")).isModified, false);
  assert.equal(diffObject(scaler(1), scaler("1")).isModified, false);
  assert.equal(diffObject(scaler("1001m"), scaler("1")).isModified, true);
  const env = (value: string) => object(deployment, pod({}, { env: [{ name: "A", value }] }));
  assert.equal(diffObject(env("1000m"), env("1")).isModified, true);
});
