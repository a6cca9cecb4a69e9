import assert from "node:assert/strict";
import { test } from "node:test";
import { instant, isoTime } from "../../../src/base/clock.ts";
import { podStatus } from "../../../src/local/simulation/pod.ts";

const created = "2026-01-01T00:00:00Z";

interface Case {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly restartPolicy?: string;
  readonly afterMs: number;
  readonly phase: string;
  readonly ready: boolean;
  readonly againAfterMs?: number;
  readonly message?: RegExp;
}

const cases: readonly Case[] = [
  { afterMs: 0, phase: "Pending", ready: false, againAfterMs: 1000 },
  { afterMs: 1000, phase: "Running", ready: true },
  { annotations: { after: "5s" }, afterMs: 1000, phase: "Pending", ready: false, againAfterMs: 4000 },
  { annotations: { after: "5s" }, afterMs: 5000, phase: "Running", ready: true },
  {
    annotations: { outcome: "fail", message: "boom" },
    afterMs: 1000,
    phase: "Running",
    ready: false,
    message: /^boom$/,
  },
  { annotations: { outcome: "hang" }, afterMs: 9999, phase: "Pending", ready: false },
  {
    annotations: { outcome: "explode" },
    afterMs: 1000,
    phase: "Running",
    ready: true,
    message: /must be succeed, fail or hang/,
  },
  { annotations: { after: "soon" }, afterMs: 1000, phase: "Running", ready: true, message: /"soon" is not a duration/ },
  { restartPolicy: "Never", afterMs: 0, phase: "Running", ready: true, againAfterMs: 1000 },
  { restartPolicy: "Never", afterMs: 1000, phase: "Succeeded", ready: false },
  { restartPolicy: "OnFailure", annotations: { outcome: "fail" }, afterMs: 1000, phase: "Failed", ready: false },
  { restartPolicy: "Never", annotations: { outcome: "hang" }, afterMs: 9999, phase: "Running", ready: true },
];

for (const { annotations = {}, restartPolicy = "Always", afterMs, phase, ready, againAfterMs, message } of cases) {
  test(`a Pod ${restartPolicy} ${JSON.stringify(annotations)} is ${phase} after ${afterMs} ms`, () => {
    const named = Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [`tiphys.io/simulate-${key}`, value]),
    );
    const pod = {
      metadata: { uid: "u", creationTimestamp: created, annotations: named },
      spec: { restartPolicy, containers: [{ name: "c", image: "i" }] },
    };
    const now = instant(Date.parse(created) + afterMs);
    const { status, againAfterMs: again } = podStatus(pod, now, isoTime(now));
    assert.equal(status.phase, phase);
    const conditions = status.conditions as readonly { type: string; status: string }[];
    assert.equal(conditions.find(({ type }) => type === "Ready")?.status, ready ? "True" : "False");
    assert.equal(again, againAfterMs);
    if (message) assert.match(String(status.message), message);
    assert.deepEqual(podStatus({ ...pod, status }, now, isoTime(now)).status, status);
  });
}
