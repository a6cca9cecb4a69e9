import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplication } from "../../../src/api/application.ts";
import { createApplicationIndex } from "../../../src/controllers/applications/application-index.ts";
import {
  applicationRepositories,
  compileApplicationSensor,
} from "../../../src/controllers/applications/application-sensor.ts";
import { createPushIntake, type PushIntakeDeps } from "../../../src/controllers/applications/push-intake.ts";
import type { ReceivedEvent } from "../../../src/events/sensor/state.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";
import { busAway, createMemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { createHandle } from "../fakes.ts";

const url = "https://git.example/shop.git";
const zero = "0".repeat(40);
const commit = (digit: string): string => digit.repeat(40);

function open(
  applications: readonly (readonly [name: string, targetRevision: string])[],
  concerned?: PushIntakeDeps["concerned"],
) {
  const bus = createMemoryBus();
  const index = createApplicationIndex();
  for (const [name, targetRevision] of applications) {
    const application = parseApplication({
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name, namespace: "argocd", uid: name },
      spec: { source: { repoURL: url, path: ".", targetRevision }, destination: { name: "in-cluster" } },
    }).resource;
    const compiled = compileApplicationSensor(application, triggerSchemas());
    index.set(`argocd/${name}`, compiled, applicationRepositories(application));
  }
  const stored: (readonly [application: string, received: ReceivedEvent])[] = [];
  const rig = { bus, stored, failure: undefined as Error | undefined };
  const requests = {
    async store(application: string, received: ReceivedEvent) {
      if (rig.failure) throw rig.failure;
      stored.push([application, received]);
    },
  };
  const system = createHandle("system", bus);
  const push = createPushIntake({
    system,
    controllerNamespace: "argocd",
    index,
    requests,
    ...(concerned === undefined ? {} : { concerned }),
    clock: createVirtualClock(),
  });
  return Object.assign(rig, { push });
}

test("each ref is an event, and a request for each Application that follows it", async () => {
  const { push, bus, stored } = open([
    ["main", "main"],
    ["head", ""],
    ["other", "other"],
    ["tag", "v1"],
  ]);
  await push({
    url,
    headRef: "refs/heads/main",
    refs: [
      { name: "refs/heads/main", old: commit("1"), new: commit("2") },
      { name: "refs/tags/v1", old: zero, new: commit("2") },
    ],
  });
  assert.equal(bus.stored("events").length, 2);
  const seen = stored.map(([application, { head }]) => `${application} ${head.sequence}`);
  assert.deepEqual(seen.sort(), ["argocd/head 1", "argocd/main 1", "argocd/tag 2"]);
  const [, received] = stored[0] ?? [];
  assert.deepEqual([received?.head.bus, received?.head.namespace, received?.head.event], ["system", "argocd", "push"]);
});

test("a push whose requests cannot be stored fails, so that the sender knows", async () => {
  const rig = open([["main", "main"]]);
  const push = { url, headRef: undefined, refs: [{ name: "refs/heads/main", old: commit("1"), new: commit("2") }] };
  rig.failure = busAway();
  await assert.rejects(rig.push(push), { code: "BUS_UNAVAILABLE" });
  rig.failure = undefined;
  rig.bus.failure = busAway();
  await assert.rejects(rig.push(push), { code: "BUS_UNAVAILABLE" });
  assert.equal(rig.stored.length, 0);
});

test("a ref that cannot be stored keeps no other from it", async () => {
  const rig = open([
    ["main", "main"],
    ["other", "other"],
  ]);
  let count = 0;
  rig.bus.fault = (operation) => {
    count += 1;
    if (operation === "publish" && count === 1) throw busAway();
  };
  const refs = ["main", "other"].map((name) => ({ name: `refs/heads/${name}`, old: commit("1"), new: commit("2") }));
  await assert.rejects(rig.push({ url, headRef: undefined, refs }), { code: "BUS_UNAVAILABLE" });
  assert.deepEqual(
    rig.stored.map(([application]) => application),
    ["argocd/other"],
  );
});

test("files that are known spare those whom they do not concern; without files all are asked", async () => {
  const asked: unknown[] = [];
  const rig = open(
    [
      ["web", "main"],
      ["api", "main"],
    ],
    (repository, files) => {
      asked.push([repository, files]);
      return (key) => key === "argocd/web";
    },
  );
  const refs = [{ name: "refs/heads/main", old: commit("1"), new: commit("2") }];
  await rig.push({ url, headRef: undefined, refs, files: ["apps/web/a.yaml"] });
  assert.deepEqual(
    rig.stored.splice(0).map(([application]) => application),
    ["argocd/web"],
  );
  assert.deepEqual(asked, [["https://git.example/shop", ["apps/web/a.yaml"]]]);
  await rig.push({ url, headRef: undefined, refs });
  assert.equal(rig.stored.length, 2);
});

test("where nobody knows which branch HEAD names, any may be it; a tag is none", async () => {
  const { push, stored } = open([["head", "HEAD"]]);
  const refs = ["refs/heads/dev", "refs/tags/v1"].map((name) => ({ name, old: commit("1"), new: commit("2") }));
  await push({ url, headRef: undefined, refs });
  assert.equal(stored.length, 0);
  await push({ url, headRef: undefined, mayBeHead: true, refs });
  assert.equal(stored.length, 1);
});
