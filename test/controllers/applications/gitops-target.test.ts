import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { requestFor } from "../../../src/controllers/applications/application-requests.ts";
import { createGitOpsTarget } from "../../../src/controllers/applications/gitops-target.ts";
import type { ReceivedEvent } from "../../../src/events/sensor/state.ts";
import type { GitOpsRequest } from "../../../src/events/triggers/gitops-request.ts";
import { enforceRoles } from "../../harness/control-plane.ts";
import { busAway } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { createApplication, openShop } from "./application-rig.ts";

const signal = new AbortController().signal;
const request: GitOpsRequest = {
  application: { namespace: "argocd", name: "web" },
  operation: "sync",
  key: "uid/deploy/event",
  by: { namespace: "default", name: "deploy" },
  hop: 1,
  sync: { revision: "v2", prune: true, dryRun: false, syncOptions: ["ServerSideApply=true"] },
};

function open(store?: () => Promise<void>) {
  const stored: { readonly application: string; readonly received: ReceivedEvent }[] = [];
  const requests = {
    async store(application: string, received: ReceivedEvent) {
      await store?.();
      stored.push({ application, received });
    },
  };
  return { stored, target: createGitOpsTarget({ requests, clock: createVirtualClock() }) };
}

test("what is asked for is stored under the firing's key, and reads back as the same wish", async () => {
  await using world = await openShop();
  await createApplication(world);
  const { stored, target } = open();
  const outcome = await target.request(request, world.kube, signal);
  assert.equal(outcome.message, "asked Application argocd/web to sync");
  const [only] = stored;
  assert.equal(only?.application, "argocd/web");
  assert.ok(only !== undefined);
  const read = requestFor(JSON.parse(JSON.stringify(only.received)));
  assert.deepEqual(read?.sync, { ...request.sync, by: "Sensor default/deploy" });
  assert.deepEqual(
    read?.causes.map(({ reason, id }) => [reason, id]),
    [["event", "uid/deploy/event"]],
  );
});

for (const [operation, level, hard] of [
  ["refresh", 3, false],
  ["hardRefresh", 3, true],
] as const) {
  test(`${operation} asks for no sync`, async () => {
    await using world = await openShop();
    await createApplication(world);
    const { stored, target } = open();
    const { sync: _, ...rest } = request;
    await target.request({ ...rest, operation }, world.kube, signal);
    const read = stored[0] && requestFor(stored[0].received);
    assert.deepEqual([read?.level, read?.hard, read?.sync], [level, hard, undefined]);
  });
}

test("nothing is stored for an Application that is not there, or that the user may not patch", async () => {
  await using world = await openShop();
  const { stored, target } = open();
  await assert.rejects(target.request(request, world.kube, signal), { code: "NOT_FOUND" });
  await assert.rejects(target.find(request.application, world.kube, signal), { code: "NOT_FOUND" });
  await createApplication(world);
  const forbidding = {
    ...world.kube,
    patch: () => Promise.reject(Object.assign(new Error("no"), { code: "API_FORBIDDEN" })),
  };
  await assert.rejects(target.request(request, forbidding, signal), { code: "API_FORBIDDEN" });
  assert.equal(stored.length, 0);
});

test("a Sensor's service account needs to read and patch the Application in its namespace, and nothing else", async () => {
  await using world = await openShop();
  await createApplication(world);
  await enforceRoles(world.plane);
  const { stored, target } = open();
  const name = "system:serviceaccount:default:deploy";
  const kube = world.kube.as(name);
  const group = "rbac.authorization.k8s.io";
  const metadata = { name: "deploys", namespace: "argocd" };
  const roleRef = { apiGroup: group, kind: "Role", name: "deploys" };
  const subjects = [{ kind: "ServiceAccount", name: "deploy", namespace: "default" }];
  const rules = (verbs: readonly string[]) => [{ apiGroups: ["argoproj.io"], resources: ["applications"], verbs }];
  const role = { apiVersion: `${group}/v1`, kind: "Role", metadata };
  await world.kube.create({ apiVersion: `${group}/v1`, kind: "RoleBinding", metadata, roleRef, subjects });
  await world.kube.create({ ...role, rules: [] });
  for (const verbs of [[], ["get"], ["patch"]]) {
    await world.kube.patch({ ...role, ...metadata }, "application/merge-patch+json", { rules: rules(verbs) });
    const refused = { code: "API_FORBIDDEN", message: new RegExp(`${name}.*applications`) };
    await assert.rejects(target.request(request, kube, signal), refused, verbs.join());
  }
  assert.equal(stored.length, 0);
  await world.kube.patch({ ...role, ...metadata }, "application/merge-patch+json", { rules: rules(["get", "patch"]) });
  await target.request(request, kube, signal);
  assert.equal(stored.length, 1);
});

test("a bus that is away fails the trigger, which tries again", async () => {
  await using world = await openShop();
  await createApplication(world);
  const { target } = open(() => Promise.reject(busAway()));
  await assert.rejects(target.request(request, world.kube, signal), { code: "BUS_UNAVAILABLE" });
});

test("a plan says what the Application is now, and changes nothing", async () => {
  await using world = await openShop();
  const status = {
    sync: { status: "OutOfSync", revision: "abc" },
    health: { status: "Degraded" },
    history: [{ revision: "x" }, { id: 1, revision: "y" }],
    resources: [
      { kind: "ConfigMap", version: "v1", namespace: "shop", name: "settings", status: "OutOfSync" },
      { kind: "Service", version: "v1", namespace: "shop", name: "web", status: "Synced" },
    ],
  };
  const { metadata } = await createApplication(world, {}, { labels: { team: "shop" } }, { status });
  const { stored, target } = open();
  const found = {
    application: request.application,
    syncStatus: "OutOfSync",
    healthStatus: "Degraded",
    revision: "abc",
    outOfSync: ["/ConfigMap/shop/settings"],
    history: [0, 1],
    previous: 0,
    begun: "",
  };
  assert.deepEqual(await target.find(request.application, world.kube, signal), [found]);
  const labelled = (selector: string) => target.find({ namespace: "argocd", selector }, world.kube, signal);
  assert.deepEqual(await labelled("team=shop"), [found]);
  assert.deepEqual(await labelled("team=other"), []);
  assert.equal(stored.length, 0);
  assert.equal((await world.application()).metadata.resourceVersion, metadata.resourceVersion);
});

test("what is none of ours is no request", () => {
  const event = { id: "1", source: "x", subject: "other", type: "x", time: "", data: {} };
  const head = {
    id: "1",
    namespace: "",
    eventSource: "x",
    event: "other",
    type: "x",
    time: "",
    bus: "",
    sequence: 0,
    storedAt: instant(0),
  };
  assert.equal(requestFor({ event, head } as unknown as ReceivedEvent), undefined);
});
