import assert from "node:assert/strict";
import { test } from "node:test";
import { hookDeletePoliciesOf } from "../../../src/api/resource-annotations.ts";
import { EngineError } from "../../../src/base/errors.ts";
import { health } from "../../../src/gitops/health/health.ts";
import { onExisting, runAnnotation } from "../../../src/gitops/sync/hooks.ts";
import type { SyncProgress } from "../../../src/gitops/sync/sync.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { config, finish, hook, job, ref, run, show, wave } from "./rig.ts";

const finishing =
  (plane: TestPlane, name: string, type: "Complete" | "Failed" = "Complete") =>
  async ({ message }: SyncProgress): Promise<void> => {
    if (message.startsWith("waiting")) await finish(plane, name, type);
  };

for (const [name, annotations, policies, health_, expected] of [
  ["this run's own", { [runAnnotation]: "r1" }, "BeforeHookCreation", undefined, "adopt"],
  ["an earlier run's, by the default policy", { [runAnnotation]: "r0" }, "", undefined, "replace"],
  ["one that is over, whatever the policy", {}, "HookSucceeded", health("Degraded"), "replace"],
  ["one that runs, without that policy", {}, "HookSucceeded", health("Progressing"), "keep"],
  ["one without health, without that policy", {}, "HookFailed", undefined, "keep"],
] as const) {
  test(`a live hook of the same name: ${name}: ${expected}`, () => {
    const live = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "j", annotations } };
    const wanted = hookDeletePoliciesOf({ "argocd.argoproj.io/hook-delete-policy": policies });
    assert.equal(onExisting(live, wanted, "r1", health_), expected);
    // What goes already can be neither kept nor applied over.
    const going = { ...live, metadata: { ...live.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    assert.equal(onExisting(going, wanted, "r1", health_), expected === "keep" ? "replace" : expected);
  });
}

/** The client until the request that `isLast` names; its answer is lost, as when the process ends in between. */
function cutAfter(
  kube: KubeClient,
  stop: AbortController,
  isLast: (verb: string, name: string) => boolean,
): KubeClient {
  return {
    ...kube,
    async patch(to, ...rest) {
      const answer = await kube.patch(to, ...rest);
      if (isLast("patch", to.name)) stop.abort(new Error("the process ends"));
      stop.signal.throwIfAborted();
      return answer;
    },
  };
}

test("a hook that was made but not recorded is taken up after a restart, not run again", async () => {
  await using plane = await openTestPlane();
  const targets = [job("pre", hook("PreSync")), config("a")];
  const stop = new AbortController();
  let isDry = true;
  const kube = cutAfter(plane.client, stop, (_verb, name) => {
    if (name !== "pre") return false;
    const wasDry = isDry;
    isDry = false;
    return !wasDry;
  });
  let stored: SyncProgress | undefined;
  const first = run(plane, {
    targets,
    kube,
    signal: stop.signal,
    options: { runId: "r1" },
    onReport: async (progress) => {
      if (!stop.signal.aborted) stored = progress;
    },
  });
  await assert.rejects(first, /the process ends/);
  assert.equal(stored, undefined, "nothing was recorded");
  const made = await plane.client.get(ref("Job", "pre"));
  assert.ok(made);
  const result = await run(plane, { targets, options: { runId: "r1" }, onReport: finishing(plane, "pre") });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.equal((await plane.client.get(ref("Job", "pre")))?.metadata.uid, made.metadata.uid);
  const next = await run(plane, { targets, options: { runId: "r2" }, onReport: finishing(plane, "pre") });
  assert.equal(next.phase, "Succeeded", next.message);
  assert.notEqual((await plane.client.get(ref("Job", "pre")))?.metadata.uid, made.metadata.uid, "each sync runs it");
});

test("a finished hook that somebody deletes is still seen, and its end is stored before it may vanish", async () => {
  await using plane = await openTestPlane();
  let wasStored = false;
  const result = await run(plane, {
    targets: [job("pre", hook("PreSync")), config("a")],
    onReport: async ({ message, resources }) => {
      const [pre] = resources;
      if (pre?.hookPhase === "Succeeded" && !wasStored) {
        wasStored = true;
        assert.ok(await plane.client.get(ref("Job", "pre")), "it is there until this report is stored");
        assert.ok(pre.uid);
      }
      if (!message.startsWith("waiting")) return;
      await finish(plane, "pre", "Complete");
      await plane.client.delete(ref("Job", "pre"), { propagationPolicy: "Background" });
    },
  });
  assert.deepEqual([result.phase, result.message], ["Succeeded", "successfully synced (all tasks run)"]);
  assert.ok(wasStored);
  assert.equal(await plane.client.get(ref("Job", "pre")), undefined, "then it is gone");
});

test("after a restart a hook that is over and gone is still over", async () => {
  await using plane = await openTestPlane();
  const targets = [job("pre", hook("PreSync")), config("a", wave(1))];
  const stop = new AbortController();
  let stored: SyncProgress | undefined;
  const first = run(plane, {
    targets,
    signal: stop.signal,
    onReport: async (progress) => {
      await finishing(plane, "pre")(progress);
      if (stop.signal.aborted) return;
      stored = progress;
      if (progress.resources[0]?.hookPhase === "Succeeded") stop.abort(new Error("the process ends"));
    },
  });
  await assert.rejects(first, /the process ends/);
  await plane.client.patch(ref("Job", "pre"), "application/merge-patch+json", { metadata: { finalizers: null } });
  await plane.client.delete(ref("Job", "pre"), { propagationPolicy: "Background" });
  assert.ok(stored);
  const result = await run(plane, { targets, options: { previous: stored.resources } });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.equal(await plane.client.get(ref("Job", "pre")), undefined);
});

test("a hook that vanishes before its end was read fails, also when another takes its name", async () => {
  await using plane = await openTestPlane();
  let cut = false;
  const result = await run(plane, {
    targets: [job("pre", hook("PreSync")), config("a")],
    onReport: async ({ message }) => {
      if (!message.startsWith("waiting") || cut) return;
      cut = true;
      await plane.client.patch(ref("Job", "pre"), "application/merge-patch+json", { metadata: { finalizers: null } });
      await plane.client.delete(ref("Job", "pre"), { propagationPolicy: "Background" });
      await plane.client.create({ ...job("pre", {}), metadata: { name: "pre", namespace: "default" } });
    },
  });
  assert.equal(result.phase, "Failed");
  assert.match(result.message, /Resource batch\/Job\/pre is missing, it might have been deleted$/);
});

for (const [type, policy, end, isThere] of [
  ["PreSync", "HookSucceeded", "Complete", false],
  ["PreSync", "HookFailed", "Complete", true],
  ["PreSync", "HookSucceeded", "Failed", true],
  ["PreSync", "HookFailed", "Failed", false],
  ["PreSync", "HookSucceeded,HookFailed", "Failed", false],
  ["PreSync", "BeforeHookCreation", "Complete", true],
  ["PostSync", "HookSucceeded", "Complete", false],
  ["Sync", "HookSucceeded", "Complete", false],
] as const) {
  test(`a ${type} hook with ${policy} that ends ${end} ${isThere ? "stays" : "goes"}`, async () => {
    await using plane = await openTestPlane();
    const result = await run(plane, {
      targets: [job("it", hook(type, policy)), config("a")],
      onReport: finishing(plane, "it", end),
    });
    assert.equal(result.phase, end === "Complete" ? "Succeeded" : "Failed", result.message);
    const live = await plane.client.get(ref("Job", "it"));
    assert.equal(live !== undefined, isThere);
    assert.deepEqual(live?.metadata.finalizers ?? [], [], "nothing keeps it from going");
  });
}

test("what takes a finished hook's name is neither let go nor deleted in its place", async () => {
  await using plane = await openTestPlane();
  const finalizers = ["argocd.argoproj.io/hook-finalizer"];
  let other: KubeObject | undefined;
  const result = await run(plane, {
    targets: [job("pre", hook("PreSync", "HookSucceeded")), config("a")],
    onReport: async (progress) => {
      await finishing(plane, "pre")(progress);
      if (other !== undefined || progress.resources[0]?.hookPhase !== "Succeeded") return;
      await plane.client.patch(ref("Job", "pre"), "application/merge-patch+json", { metadata: { finalizers: null } });
      await plane.client.delete(ref("Job", "pre"), { propagationPolicy: "Background" });
      other = await plane.client.create({
        ...job("pre", {}),
        metadata: { name: "pre", namespace: "default", finalizers },
      });
    },
  });
  assert.equal(result.phase, "Succeeded", result.message);
  const live = await plane.client.get(ref("Job", "pre"));
  assert.ok(other);
  assert.deepEqual([live?.metadata.uid, live?.metadata.finalizers], [other.metadata.uid, finalizers]);
  assert.equal(live?.metadata.deletionTimestamp, undefined);
});

test("a finalizer that somebody adds while a hook is let go stays", async () => {
  await using plane = await openTestPlane();
  let isAdded = false;
  const kube: KubeClient = {
    ...plane.client,
    async patch(to, type, patch, ...rest) {
      if (type === "application/merge-patch+json" && !isAdded) {
        isAdded = true;
        const live = await plane.client.get(to);
        const metadata = { finalizers: [...(live?.metadata.finalizers ?? []), "example.com/keep"] };
        await plane.client.patch(to, type, { metadata });
      }
      return plane.client.patch(to, type, patch, ...rest);
    },
  };
  const targets = [job("pre", hook("PreSync")), config("a")];
  const result = await run(plane, { kube, targets, onReport: finishing(plane, "pre") });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.deepEqual((await plane.client.get(ref("Job", "pre")))?.metadata.finalizers, ["example.com/keep"]);
});

test("Helm's hooks run in their phases, and others of Helm's not at all", async () => {
  await using plane = await openTestPlane();
  const helm = (type: string) => ({ "helm.sh/hook": type });
  const result = await run(plane, {
    targets: [
      config("test", helm("test")),
      config("after", helm("post-install,post-upgrade")),
      config("a"),
      config("before", helm("pre-upgrade")),
    ],
  });
  assert.deepEqual(
    result.resources.map(({ name, syncPhase, hookType }) => `${syncPhase} ${name} ${hookType ?? ""}`),
    ["PreSync before PreSync", "Sync a ", "PostSync after PostSync"],
  );
});

test("hooks that still run when an apply fails are seen to their end, beside what is meant for failures", async () => {
  await using plane = await openTestPlane();
  const kube: KubeClient = {
    ...plane.client,
    async patch(to, ...rest) {
      const [, , options] = rest;
      const isRefused = to.name === "bad" && !options?.dryRun;
      return isRefused
        ? (plane.client.get({ apiVersion: "v9", kind: "No", name: "x" }) as never)
        : plane.client.patch(to, ...rest);
    },
  };
  const order: string[] = [];
  const result = await run(plane, {
    kube,
    targets: [job("beside", hook("Sync")), config("bad"), config("sorry", hook("SyncFail"))],
    onReport: async ({ resources, message }) => {
      if (resources.some(({ name }) => name === "sorry") && !order.includes("sorry")) order.push("sorry");
      if (message.startsWith("waiting for completion of hook") && order.includes("sorry")) {
        await finish(plane, "beside", "Complete");
      }
    },
  });
  assert.equal(result.phase, "Failed");
  assert.match(result.message, /^one or more synchronization tasks completed unsuccessfully, reason: /);
  assert.deepEqual(order, ["sorry"]);
  assert.match(show(result).join("\n"), /beside Synced Succeeded: Complete it is/);
  assert.deepEqual((await plane.client.get(ref("Job", "beside")))?.metadata.finalizers ?? [], []);
});

test("what is meant for failures and fails itself is told, too", async () => {
  await using plane = await openTestPlane();
  const result = await run(plane, {
    targets: [job("pre", hook("PreSync")), job("sorry", hook("SyncFail"))],
    onReport: async ({ message }) => {
      if (!message.startsWith("waiting")) return;
      await finish(plane, "pre", "Failed");
      await finish(plane, "sorry", "Failed");
    },
  });
  assert.equal(
    result.message,
    "one or more synchronization tasks completed unsuccessfully, reason: Failed it is\n" +
      "one or more SyncFail hooks failed, reason: Failed it is",
  );
});

test("in a plan of one wave hooks are waited for, the health of others is not", async () => {
  await using plane = await openTestPlane();
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "disk" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  };
  const result = await run(plane, {
    targets: [job("beside", hook("Sync")), claim],
    onReport: finishing(plane, "beside"),
  });
  assert.equal(result.phase, "Succeeded", result.message);
});

test("a hook for failures makes it a plan of several steps: the health of others is waited for, too", async () => {
  await using plane = await openTestPlane();
  const at = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: "default", name: "disk" };
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "disk" }, spec };
  const finish = finishing(plane, "beside");
  const waits = new Set<string>();
  const result = await run(plane, {
    targets: [job("beside", hook("Sync")), claim, job("sorry", hook("SyncFail"))],
    async onReport(progress) {
      await finish(progress);
      waits.add(progress.message);
      if (!/healthy state of \/PersistentVolumeClaim\/disk/.test(progress.message)) return;
      const bound = { status: { phase: "Bound" } };
      await plane.client.patch(at, "application/merge-patch+json", bound, { subresource: "status" });
    },
  });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.ok(waits.has("waiting for healthy state of /PersistentVolumeClaim/disk"), [...waits].join());
});

test("a hook whose health cannot be found out ends in error, with the reason", async () => {
  await using plane = await openTestPlane();
  const result = await run(plane, {
    targets: [job("pre", hook("PreSync")), config("a")],
    assess: () => ({ health: health("Unknown", "no field x"), problem: "no field x" }),
  });
  assert.equal(result.phase, "Failed");
  assert.deepEqual(show(result), ["pre Synced Error: failed to get resource health: no field x"]);
});

test("a hook whose health is unknown has failed", async () => {
  await using plane = await openTestPlane();
  const assess = () => ({ health: health("Unknown", "who knows") });
  const result = await run(plane, { targets: [job("pre", hook("PreSync")), config("a")], assess });
  assert.equal(result.phase, "Failed");
  assert.deepEqual(show(result), ["pre Synced Failed: who knows"]);
});

test("after a hook the end of a sync is that no more is left", async () => {
  await using plane = await openTestPlane();
  const targets = [config("a"), job("post", hook("PostSync"))];
  const result = await run(plane, { targets, onReport: finishing(plane, "post") });
  assert.deepEqual([result.phase, result.message], ["Succeeded", "successfully synced (no more tasks)"]);
});

test("beside a hook what was pruned is waited for, also in a plan of one wave", async () => {
  await using plane = await openTestPlane();
  const old = await plane.client.create({
    ...config("old"),
    metadata: { name: "old", namespace: "default", finalizers: ["example.com/hold"] },
  });
  const messages = new Set<string>();
  const result = await run(plane, {
    targets: [config("beside", hook("Sync")), config("a")],
    live: [old],
    onReport: async ({ message }) => {
      messages.add(message);
      if (message !== "waiting for deletion of /ConfigMap/old") return;
      await plane.client.patch(ref("ConfigMap", "old"), "application/merge-patch+json", {
        metadata: { finalizers: null },
      });
    },
  });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.ok(messages.has("waiting for deletion of /ConfigMap/old"), [...messages].join("; "));
  assert.equal(await plane.client.get(ref("ConfigMap", "old")), undefined);
});

/** The client, without an answer while `isAway` says so. */
function leaving(kube: KubeClient, isAway: () => boolean): KubeClient {
  const away = (): void => {
    if (isAway()) throw new EngineError("API_UNAVAILABLE", "no answer", new Error("connection refused"));
  };
  return {
    ...kube,
    get: async (...args) => {
      away();
      return kube.get(...args);
    },
    patch: async (...args) => {
      away();
      return kube.patch(...args);
    },
    create: async (...args) => {
      away();
      return kube.create(...args);
    },
    delete: async (...args) => {
      away();
      return kube.delete(...args);
    },
  };
}

for (const [name, begins] of [
  ["before the first write", ""],
  ["while the hook before runs", "waiting for completion of hook batch/Job/pre"],
  ["while the hook after runs", "waiting for completion of hook batch/Job/post"],
] as const) {
  test(`an API that is away for a minute ${name} only makes the sync later, and each hook runs once`, async () => {
    await using plane = await openTestPlane();
    const clock = createVirtualClock("2026-11-29T10:00:00Z");
    const minute = 60_000;
    let sinceMs = begins === "" ? clock.monotonicMs() : Number.POSITIVE_INFINITY;
    const isAway = () => clock.monotonicMs() >= sinceMs && clock.monotonicMs() < sinceMs + minute;
    const uids: Record<string, Set<string | undefined>> = { pre: new Set(), post: new Set() };
    let isOver = false;
    const syncing = run(plane, {
      targets: [job("pre", hook("PreSync")), config("a"), job("post", hook("PostSync"))],
      clock,
      kube: leaving(plane.client, isAway),
      onReport: async ({ message }) => {
        if (message === begins && sinceMs === Number.POSITIVE_INFINITY) sinceMs = clock.monotonicMs();
        for (const hookName of ["pre", "post"]) {
          const live = await plane.client.get(ref("Job", hookName));
          if (live !== undefined) uids[hookName]?.add(live.metadata.uid);
          if (message.endsWith(hookName)) await finish(plane, hookName, "Complete");
        }
      },
    }).finally(() => {
      isOver = true;
    });
    while (!isOver) await clock.advance(1_000);
    const { phase, message } = await syncing;
    assert.deepEqual([phase, message], ["Succeeded", "successfully synced (no more tasks)"]);
    assert.deepEqual([uids.pre?.size, uids.post?.size], [1, 1]);
    assert.ok(clock.monotonicMs() >= sinceMs + minute, "it was away");
  });
}
