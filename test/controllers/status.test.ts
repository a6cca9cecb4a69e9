import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/base/json.ts";
import { createStatusWriter, type StatusDraft } from "../../src/controllers/status.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import { applyMergePatch } from "../../src/objects/merge-patch.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

/** Writes drafts one after the other to one object, as a server would merge them; counts the writes. */
function open() {
  const clock = createVirtualClock();
  let object: KubeObject = { apiVersion: "v1", kind: "Thing", metadata: { name: "one", namespace: "shop" } };
  let writes = 0;
  const patch = async (_ref: object, _type: string, body: JsonObject) => {
    writes += 1;
    object = applyMergePatch(object as unknown as JsonObject, body) as unknown as KubeObject;
    return object;
  };
  const write = createStatusWriter({ patch } as unknown as KubeClient, clock);
  return {
    clock,
    write: (draft: StatusDraft) => write(object, draft, new AbortController().signal),
    status: () => object.status as JsonObject,
    writes: () => writes,
  };
}

const ready = (status: "True" | "False", message?: string) => [
  { type: "Ready", status, ...(message ? { message } : {}) },
];

test("a status is written when it says something new, and only then", async () => {
  const { write, writes } = open();
  const draft = { conditions: ready("True"), fields: { webhooks: { a: "url", b: "url" }, warnings: null } };
  await write(draft);
  await write({ ...draft, fields: { warnings: null, webhooks: { b: "url", a: "url" } } });
  assert.equal(writes(), 1);
});

test("an entry of a map that is gone is removed, and then nothing is left to write", async () => {
  const { write, writes, status } = open();
  await write({ conditions: [], fields: { webhooks: { a: "url", b: "url" } } });
  for (let n = 0; n < 3; n++) await write({ conditions: [], fields: { webhooks: { a: "url" } } });
  assert.deepEqual([status().webhooks, writes()], [{ a: "url" }, 2]);
});

test("the time of a condition moves with its status, not with its message", async () => {
  const { clock, write, status } = open();
  const times: unknown[] = [];
  for (const conditions of [ready("False", "one"), ready("False", "two"), ready("True")]) {
    await write({ conditions });
    times.push((status().conditions as JsonObject[])[0]?.lastTransitionTime);
    await clock.advance(1_000);
  }
  assert.deepEqual(times, ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:02.000Z"]);
});
