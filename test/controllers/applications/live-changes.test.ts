import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultResourceSettings } from "../../../src/api/resource-settings.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { LocalReason } from "../../../src/controllers/applications/application-requests.ts";
import {
  followLiveChanges,
  groupOf,
  type LiveChangesDeps,
} from "../../../src/controllers/applications/live-changes.ts";
import { createSettings } from "../../../src/gitops/reconcile/settings.ts";
import { createLiveState } from "../../../src/kube/live-state.ts";
import type { LedgerRecord } from "../../../src/record/records.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";

const merge = "application/merge-patch+json";
const pods = { apiVersion: "v1", kind: "Pod" };
const head = { namespace: "argocd", name: "web", uid: "uid-of-web" };

async function open(
  { lastSync }: { readonly lastSync: string | undefined } = { lastSync: "sync/d-1.0" },
  more: Partial<LiveChangesDeps> = {},
) {
  const stack = new AsyncDisposableStack();
  const clock = createVirtualClock();
  const plane = stack.use(await openTestPlane({ clock }));
  const { client } = plane;
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  const live = createLiveState({ client, clock, log: silentLogger, groupOf, trim: (object) => object });
  const stop = new AbortController();
  const running = live.run(stop.signal);
  stack.defer(async () => {
    stop.abort();
    await running;
  });
  await live.ensure([pods], stop.signal);
  const drifts: LocalReason[] = [];
  const records: LedgerRecord[] = [];
  stack.defer(
    followLiveChanges({
      live,
      applicationOf: (instance) => (instance === "web" ? { key: "argocd/web", head, lastSync } : undefined),
      onDrift: (reason) => void drifts.push(reason),
      ledger: {
        write(draft) {
          records.push({ ...draft, id: "x" } as LedgerRecord);
          return { id: "x", kept: Promise.resolve() };
        },
        readEffects: () => {
          throw new Error("unused");
        },
        hasRoom: () => true,
        room: async () => undefined,
        mark: () => ({ epoch: "", after: 0 }),
      },
      clock,
      log: silentLogger,
      ...more,
    }),
  );
  return { client, clock, drifts, records, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const pod = (name: string) => ({
  ...pods,
  metadata: {
    name,
    namespace: "shop",
    annotations: { "argocd.argoproj.io/tracking-id": `web:/Pod:shop/${name}` },
  },
  spec: { containers: [{ name: "main", image: "busybox" }] },
});
const ref = (name: string) => ({ ...pods, namespace: "shop", name });
const phase = (text: string) => ({ status: { phase: text } });

test("what comes, changes its health, and goes is observed, each with the sync as its cause", async () => {
  await using rig = await open();
  await rig.client.create(pod("a"));
  await rig.client.patch(ref("a"), merge, phase("Failed"), { subresource: "status" });
  await rig.client.patch(ref("a"), merge, { metadata: { labels: { some: "label" } } });
  await rig.client.delete(ref("a"));
  await waitFor("the deletion", () => rig.records.length === 3);
  const seen = rig.records.map((record) => {
    assert.ok(record.kind === "observation");
    assert.deepEqual(record.causes, ["sync/d-1.0"]);
    assert.equal(record.object, "v1/Pod/shop/a");
    return [record.change, record.health];
  });
  assert.deepEqual(seen, [
    ["created", "Progressing"],
    ["health", "Degraded"],
    ["deleted", undefined],
  ]);
  assert.equal(rig.drifts.length, 4);
  assert.deepEqual(rig.drifts[0]?.objects, ["/Pod/shop/a"]);
});

test("before the first sync there is no cause, and so no observation", async () => {
  await using rig = await open({ lastSync: undefined });
  await rig.client.create(pod("a"));
  await waitFor("the drift", () => rig.drifts.length === 1);
  assert.equal(rig.records.length, 0);
});

test("objects of nobody are passed over", async () => {
  await using rig = await open();
  const { annotations: _, ...metadata } = pod("b").metadata;
  await rig.client.create({ ...pod("b"), metadata });
  await rig.client.create(pod("a"));
  await waitFor("the other", () => rig.records.length === 1);
  assert.equal(rig.drifts.length, 1);
});

test("an object whose health flaps leaves few records, and none is lost without a word", async () => {
  await using rig = await open();
  await rig.client.create(pod("a"));
  await rig.client.create(pod("b"));
  for (let round = 0; round < 100; round++) {
    await rig.client.patch(ref("a"), merge, phase(round % 2 === 0 ? "Failed" : "Running"), { subresource: "status" });
  }
  await rig.client.patch(ref("b"), merge, phase("Failed"), { subresource: "status" });
  await waitFor("all changes", () => rig.drifts.length >= 103);
  const of = (name: string) =>
    rig.records.flatMap((record) =>
      record.kind === "observation" && record.object.endsWith(`/${name}`) ? [record] : [],
    );
  assert.equal(of("b").length, 2, "another object is not concerned");
  const count = of("a").length;
  assert.ok(count >= 10 && count <= 25, `${count} records`);
  await rig.clock.advance(600_000);
  await rig.client.patch(ref("a"), merge, phase("Succeeded"), { subresource: "status" });
  await waitFor("the next record", () => of("a").length > count);
  assert.match(of("a").at(-1)?.message ?? "", new RegExp(`${101 - count} changes`));
  await rig.client.delete(ref("a"));
  await waitFor("the deletion", () => of("a").at(-1)?.change === "deleted");
});

test("a change in ignored fields alone is no reason to look, unless health changes", async () => {
  const { ignoresUpdate } = createSettings(defaultResourceSettings, () => 0);
  await using rig = await open(undefined, { ignoresUpdate });
  const message = (text: string) => ({ status: { phase: "Running", message: text } });
  await rig.client.create(pod("a"));
  for (const text of ["one", "two"]) await rig.client.patch(ref("a"), merge, message(text), { subresource: "status" });
  await rig.client.patch(ref("a"), merge, phase("Failed"), { subresource: "status" });
  await rig.client.patch(ref("a"), merge, { metadata: { labels: { some: "label" } } });
  await rig.client.delete(ref("a"));
  await waitFor("the deletion", () => rig.records.some((record) => "change" in record && record.change === "deleted"));
  const versions = rig.drifts.map(({ what }) => what);
  assert.equal(versions.length, 4, "created, failed, labelled, deleted");
});

test("who looks for orphans is told of objects of nobody that come and go, and of no others", async () => {
  await using rig = await open(undefined, {
    monitorsOf: (namespace) => (namespace === "shop" ? ["argocd/other"] : []),
  });
  const { annotations: _, ...metadata } = pod("stray").metadata;
  await rig.client.create({ ...pod("stray"), metadata });
  await rig.client.patch(ref("stray"), merge, phase("Running"), { subresource: "status" });
  await rig.client.delete(ref("stray"));
  await rig.client.create(pod("a"));
  await waitFor("the other", () => rig.records.length === 1);
  const told = rig.drifts.flatMap(({ application, what }) => (application === "argocd/other" ? [what] : []));
  assert.deepEqual(told, ["Pod/shop/stray changed", "Pod/shop/stray was deleted"]);
});
