import assert from "node:assert/strict";
import { test } from "node:test";
import { applicationPartition } from "../../src/controllers/applications/application-partition.ts";
import { bodyOf } from "../../src/controllers/lease-record.ts";
import { partitionOf } from "../../src/events/sensor/partition.ts";
import { encodeRecords } from "../../src/ledger/stored-form.ts";
import type { AuditEvent } from "../../src/local/audit.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { hooksNotOnce, writesOfOthers } from "./fleet-witness.ts";
import { createLeaseOrder } from "./lease-order.ts";
import { createOwnership } from "./owners.ts";
import { createTruth } from "./truth.ts";

// What looks on must see what it is there for, or a run that shows nothing would look clean.

const session = (owner: string, token: string) => [`engine/${owner}`, token] as const;
const leaseRows: [name: string, changes: (readonly [key: string, token: string])[], problems: RegExp[]][] = [
  ["given up, then taken", [session("a", "1"), session("b", "2"), ["s/0", "1"], ["s/0", ""], ["s/0", "2"]], []],
  ["taken after the session was ended", [session("a", "1"), ["s/0", "1"], session("a", ""), ["s/0", "2"]], []],
  ["taken after a restart of its owner", [session("a", "1"), ["s/0", "1"], session("a", "3"), ["s/0", "2"]], []],
  [
    "taken from an owner that lives",
    [session("a", "1"), ["s/0", "1"], ["s/0", "2"]],
    [/s\/0 was taken from a session/],
  ],
  ["renewed after the end", [session("a", "1"), session("a", ""), session("a", "1")], [/an ended session was renewed/]],
];
for (const [name, changes, problems] of leaseRows) {
  test(`a lease ${name}: ${problems.length} problems`, () => {
    const order = createLeaseOrder();
    for (const [index, [key, token]] of changes.entries()) {
      const data = token === "" ? new Uint8Array() : bodyOf({ owner: "", token, renewedAt: 0 });
      order.take({ subject: rawSubject(`$KV.tiphys_leases.${key}`), sequence: index + 1, storedAt: 0, data });
    }
    assert.equal(order.problems.length, problems.length, order.problems.join());
    for (const [index, problem] of problems.entries()) assert.match(order.problems[index] ?? "", problem);
  });
}

const partition = partitionOf("default", "s");
type Step = { readonly owner: string; readonly at: number } | { readonly writer: string; readonly startedAt: number };
const ownerRows: [name: string, steps: Step[], problems: RegExp[]][] = [
  [
    "one after the other",
    [
      { owner: "a", at: 10 },
      { writer: "x", startedAt: 11 },
      { owner: "b", at: 20 },
      { writer: "y", startedAt: 21 },
    ],
    [],
  ],
  [
    "an effect that was recorded late",
    [
      { owner: "a", at: 10 },
      { owner: "b", at: 20 },
      { writer: "y", startedAt: 21 },
      { writer: "x", startedAt: 15 },
    ],
    [],
  ],
  [
    "an effect started beside the successor",
    [
      { owner: "a", at: 10 },
      { owner: "b", at: 20 },
      { writer: "y", startedAt: 21 },
      { writer: "x", startedAt: 22 },
    ],
    [/effects of y .* and x .* under the claim of 20/],
  ],
  [
    "an append after the successor's",
    [
      { owner: "a", at: 10 },
      { owner: "b", at: 20 },
      { owner: "a", at: 30 },
    ],
    [/a wrote after its successor/],
  ],
];
for (const [name, steps, problems] of ownerRows) {
  test(`owners, ${name}: ${problems.length} problems`, () => {
    const ownership = createOwnership();
    for (const step of steps) {
      if ("owner" in step) {
        const data = Buffer.from(`\u0001\u0003[["owner","${step.owner}"],["a",1]]`);
        ownership.state({ subject: rawSubject(`state.${partition}`), sequence: 1, storedAt: step.at, data });
      } else {
        const sensor = { namespace: "default", name: "s" };
        const record = { id: "r", kind: "effect", at: 99, causes: [], sensor, startedAt: step.startedAt };
        const data = encodeRecords([JSON.stringify(record)]);
        ownership.ledger({ subject: rawSubject(`ledger.${step.writer}`), sequence: 1, storedAt: 99, data });
      }
    }
    const found = ownership.problems();
    assert.equal(found.length, problems.length, found.join());
    for (const [index, problem] of problems.entries()) assert.match(found[index] ?? "", problem);
  });
}

test("an event that one of the Sensors missed is lost; one that came under two keys, or none, is told", () => {
  const truth = createTruth(["a", "b"]);
  const ask = (sensor: string, event: string, key?: string) => truth.asked({ sensor, event, key, sentAt: 0 });
  const act = (sensor: string, event: string, key?: string): void => {
    ask(sensor, event, key);
    truth.acted({ sensor, event, key, sentAt: 0 });
  };
  for (const n of ["1", "2", "3"]) truth.kept(n);
  act("a", "1", "k");
  act("b", "1", "l");
  act("b", "1", "l");
  act("a", "2", "k");
  ask("b", "2", "k");
  act("a", "3", "k");
  act("b", "3", "k");
  act("b", "3", "other");
  act("pairs", "4");
  const { kept, actedOn, lost, lostBy, underTwoKeys, repeated } = truth.count();
  assert.deepEqual({ kept, actedOn, lost, repeated }, { kept: 3, actedOn: 2, lost: ["2"], repeated: 1 });
  assert.deepEqual(lostBy, { a: 0, b: 1 });
  assert.deepEqual(underTwoKeys, ["b 3", "pairs 4"]);
});

const lease = `applications/${applicationPartition("argocd/app-1")}`;
const held = new Map([
  [
    lease,
    [
      { at: 1_000, owner: "a" },
      { at: 2_000, owner: undefined },
      { at: 3_000, owner: "b" },
    ],
  ],
]);
const asked = [{ engineId: "b", name: "app-1", from: 1_400, to: 1_600 }];
const cleanup = { objectRef: { resource: "jobs", name: "app-1-cleanup", apiVersion: "v1" } };
const auditRows: [name: string, engine: string, atMs: number, more: object, problems: number][] = [
  ["by who has it", "a", 1_500, {}, 0],
  ["by who was asked to", "b", 1_500, {}, 0],
  ["by who was asked to, before", "b", 1_300, {}, 1],
  ["by who was asked to, of another kind", "b", 1_500, cleanup, 1],
  ["by who had it before", "a", 3_500, {}, 1],
  ["by who had it before, to its hook", "a", 3_500, cleanup, 1],
  ["while nobody has it", "a", 2_500, {}, 1],
  ["before the lease is taken", "b", 2_900, {}, 1],
  ["by who had it before, refused", "a", 3_500, { responseStatus: { code: 409 } }, 0],
  ["to another object", "a", 3_500, { objectRef: { resource: "secrets", name: "app-1", apiVersion: "v1" } }, 0],
];
for (const [name, engine, atMs, more, problems] of auditRows) {
  test(`a write to an Application ${name}: ${problems} problems`, () => {
    const event = {
      verb: "patch",
      userAgent: `tiphys/1 (engine ${engine})`,
      requestURI: "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/app-1",
      objectRef: { resource: "applications", name: "app-1", apiVersion: "v1alpha1" },
      responseStatus: { code: 200 },
      requestReceivedTimestamp: new Date(atMs).toISOString(),
      ...more,
    } as unknown as AuditEvent;
    assert.equal(writesOfOthers([event], held, asked).length, problems);
  });
}

test("a hook that ran twice, or not at all, is told of; its dry runs and changes are not", () => {
  const write = (name: string, code = 201, query = "") => {
    const objectRef = { resource: "jobs", name, apiVersion: "v1" };
    return { objectRef, responseStatus: { code }, requestURI: `/jobs/${name}${query}` } as unknown as AuditEvent;
  };
  const log = [write("a"), write("a", 201, "?dryRun=All"), write("a", 200), write("b"), write("b")];
  const found = hooksNotOnce(log, ["a", "b", "c"], "round 1");
  assert.deepEqual(
    found.map((text) => text.split(" times")[0]),
    ["round 1: the hook b ran 2", "round 1: the hook c ran 0"],
  );
});
