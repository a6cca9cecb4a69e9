import assert from "node:assert/strict";
import { test } from "node:test";
import { tableFormat } from "../../src/objects/table.ts";

const now = Date.parse("2026-01-01T00:10:00Z");
const creationTimestamp = "2026-01-01T00:00:00Z";

function shown(kind: string, object: object): Readonly<Record<string, unknown>> {
  const { columnDefinitions, cells } = tableFormat(kind, undefined);
  const values = cells({ apiVersion: "v1", kind, metadata: { name: "x", creationTimestamp }, ...object }, now);
  return Object.fromEntries(columnDefinitions.map(({ name }, index) => [name, values[index]]));
}

const waiting = { ready: false, restartCount: 3, state: { waiting: { reason: "CrashLoopBackOff" } } };
const running = { ready: true, restartCount: 1, state: { running: {} } };
const two = { containers: [{ name: "a" }, { name: "b" }] };

const rows: readonly [what: string, kind: string, object: object, expected: object][] = [
  [
    "a Pod that runs",
    "Pod",
    { spec: two, status: { phase: "Running", containerStatuses: [running, running] } },
    { Ready: "2/2", Status: "Running", Restarts: 2 },
  ],
  [
    "a Pod that crashes",
    "Pod",
    { spec: two, status: { phase: "Running", containerStatuses: [running, waiting] } },
    { Ready: "1/2", Status: "CrashLoopBackOff", Restarts: 4 },
  ],
  ["a Pod without a status", "Pod", {}, { Ready: "0/0", Status: "", Restarts: 0 }],
  [
    "a Pod that goes",
    "Pod",
    { metadata: { name: "x", creationTimestamp, deletionTimestamp: creationTimestamp }, status: { phase: "Running" } },
    { Status: "Terminating" },
  ],
  ["an evicted Pod", "Pod", { status: { phase: "Failed", reason: "Evicted" } }, { Status: "Evicted" }],
  [
    "a Deployment",
    "Deployment",
    { spec: { replicas: 3 }, status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 } },
    { Ready: "1/3", "Up-to-date": 2, Available: 1, Age: "10m" },
  ],
  ["a Deployment that is new", "Deployment", { spec: {} }, { Ready: "0/1", "Up-to-date": 0 }],
  ["a Deployment scaled to none", "Deployment", { spec: { replicas: 0 } }, { Ready: "0/0" }],
  [
    "a ReplicaSet",
    "ReplicaSet",
    { spec: { replicas: 2 }, status: { replicas: 1 } },
    { Desired: 2, Current: 1, Ready: 0 },
  ],
  [
    "a Job that is done",
    "Job",
    {
      spec: { completions: 2 },
      status: {
        succeeded: 2,
        startTime: "2026-01-01T00:00:00Z",
        completionTime: "2026-01-01T00:00:07Z",
        conditions: [{ type: "Complete", status: "True" }],
      },
    },
    { Status: "Complete", Completions: "2/2", Duration: "7s" },
  ],
  ["a Job that runs", "Job", { status: { startTime: "2026-01-01T00:09:00Z" } }, { Status: "Running", Duration: "60s" }],
  [
    "a Job that failed",
    "Job",
    { status: { conditions: [{ type: "Failed", status: "True" }] } },
    { Status: "Failed", Completions: "0/1", Duration: "" },
  ],
  [
    "a Service",
    "Service",
    {
      spec: {
        type: "NodePort",
        clusterIP: "10.0.0.1",
        ports: [
          { port: 80, nodePort: 30080 },
          { port: 53, protocol: "UDP" },
        ],
      },
    },
    { Type: "NodePort", "Cluster-IP": "10.0.0.1", "External-IP": "<none>", "Port(s)": "80:30080/TCP,53/UDP" },
  ],
  ["a load balancer without an address", "Service", { spec: { type: "LoadBalancer" } }, { "External-IP": "<pending>" }],
  [
    "a claim",
    "PersistentVolumeClaim",
    {
      spec: { storageClassName: "fast" },
      status: { phase: "Bound", capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"] },
    },
    { Status: "Bound", Capacity: "1Gi", "Access Modes": "RWO", StorageClass: "fast" },
  ],
  [
    "a CronJob",
    "CronJob",
    { spec: { schedule: "* * * * *" }, status: { lastScheduleTime: "2026-01-01T00:09:30Z" } },
    { Schedule: "* * * * *", Suspend: "False", Active: 0, "Last Schedule": "30s" },
  ],
  ["a time that is none", "CronJob", { status: { lastScheduleTime: "soon" } }, { "Last Schedule": "<unknown>" }],
];

for (const [what, kind, object, expected] of rows) {
  test(`kubectl get shows ${what}`, () => {
    const all = shown(kind, object);
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, all[name]])), expected);
    assert.deepEqual([Object.keys(all)[0], Object.keys(all).at(-1)], ["Name", "Age"]);
  });
}
