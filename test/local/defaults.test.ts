import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { kindDefaults } from "../../src/local/defaults.ts";

const template = { spec: { containers: [{ name: "w", image: "w" }] } };

interface Case {
  readonly kind: string;
  readonly given: JsonObject;
  /** Paths and what is there. */
  readonly filled: Readonly<Record<string, unknown>>;
}

const cases: readonly Case[] = [
  {
    kind: "apps/Deployment",
    given: { spec: { template } },
    filled: {
      "spec.replicas": 1,
      "spec.revisionHistoryLimit": 10,
      "spec.progressDeadlineSeconds": 600,
      "spec.strategy": { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
      "spec.template.spec.restartPolicy": "Always",
      "spec.template.spec.containers.0.imagePullPolicy": "Always",
    },
  },
  {
    kind: "apps/Deployment",
    given: { spec: { replicas: 0, strategy: { type: "Recreate" } } },
    filled: { "spec.replicas": 0, "spec.strategy": { type: "Recreate" } },
  },
  {
    kind: "apps/Deployment",
    given: { spec: { strategy: { rollingUpdate: { maxSurge: 1 } } } },
    filled: { "spec.strategy": { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: "25%" } } },
  },
  {
    kind: "/Service",
    given: { metadata: { uid: "u" }, spec: { ports: [{ port: 80 }] } },
    filled: {
      "spec.type": "ClusterIP",
      "spec.ports.0": { port: 80, protocol: "TCP", targetPort: 80 },
      "spec.ipFamilies": ["IPv4"],
    },
  },
  {
    kind: "/Service",
    given: { spec: { clusterIP: "None" } },
    filled: { "spec.clusterIP": "None", "spec.clusterIPs": ["None"] },
  },
  {
    kind: "/Service",
    given: { spec: { type: "ExternalName" } },
    filled: { "spec.clusterIP": undefined, "spec.sessionAffinity": "None" },
  },
  {
    kind: "batch/Job",
    given: { metadata: { name: "j", uid: "u" }, spec: { template } },
    filled: {
      "spec.completions": 1,
      "spec.backoffLimit": 6,
      "spec.selector": { matchLabels: { "batch.kubernetes.io/controller-uid": "u" } },
      "spec.template.metadata.labels.job-name": "j",
    },
  },
  { kind: "batch/Job", given: { spec: { parallelism: 2, template } }, filled: { "spec.completions": undefined } },
  { kind: "/Pod", given: template, filled: { "status.phase": "Pending", "spec.dnsPolicy": "ClusterFirst" } },
  { kind: "/PersistentVolumeClaim", given: {}, filled: { "spec.volumeMode": "Filesystem", "status.phase": "Pending" } },
];

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce((found, step) => (found as Record<string, unknown> | undefined)?.[step], value);
}

for (const { kind, given, filled } of cases) {
  test(`${kind} ${JSON.stringify(given)} is filled in, twice the same`, () => {
    const result = kindDefaults[kind]?.(given);
    for (const [path, value] of Object.entries(filled)) assert.deepEqual(at(result, path), value, path);
    assert.deepEqual(result && kindDefaults[kind]?.(result), result);
  });
}

test("a Service gets one address that stays", () => {
  const address = (uid: string) => at(kindDefaults["/Service"]?.({ metadata: { uid } }), "spec.clusterIP");
  assert.match(String(address("a")), /^10\.\d+\.\d+\.\d+$/);
  assert.equal(address("a"), address("a"));
  assert.notEqual(address("a"), address("b"));
});

const images: readonly (readonly [image: string, policy: string])[] = [
  ["web", "Always"],
  ["web:latest", "Always"],
  ["reg:5000/web", "Always"],
  ["web:1", "IfNotPresent"],
  ["web@sha256:00", "IfNotPresent"],
];

for (const [image, policy] of images) {
  test(`the pull policy of ${image} is ${policy}`, () => {
    const pod = kindDefaults["/Pod"]?.({ spec: { containers: [{ name: "c", image }] } });
    assert.equal(at(pod, "spec.containers.0.imagePullPolicy"), policy);
  });
}
