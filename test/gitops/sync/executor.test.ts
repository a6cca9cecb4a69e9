import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import type { SyncProgress } from "../../../src/gitops/sync/sync.ts";
import { openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { config, finish, hook, job, ref, run, show, wave } from "./rig.ts";

test("objects are applied as our manager, and pruned", async () => {
  await using plane = await openTestPlane();
  const first = await run(plane, { targets: [config("a"), config("b")] });
  assert.deepEqual([first.phase, first.message], ["Succeeded", "successfully synced (all tasks run)"]);
  assert.deepEqual(show(first), [
    "a Synced Succeeded: configmap/a serverside-applied",
    "b Synced Succeeded: configmap/b serverside-applied",
  ]);
  const b = await plane.client.get(ref("ConfigMap", "b"));
  assert.ok(b);
  assert.match(JSON.stringify(b.metadata.managedFields), /"manager":"argocd-controller","operation":"Apply"/);
  const kept = await run(plane, { targets: [config("a")], live: [b], prune: false });
  assert.match(show(kept).join(), /b PruneSkipped Succeeded: ignored \(requires pruning\)/);
  const pruned = await run(plane, { targets: [config("a")], live: [b] });
  assert.match(show(pruned).join(), /b Pruned Succeeded: pruned/);
  assert.equal(await plane.client.get(ref("ConfigMap", "b")), undefined);
});

test("a hook is waited for before the next phase, and goes when it succeeded", async () => {
  await using plane = await openTestPlane();
  const messages: string[] = [];
  const result = await run(plane, {
    targets: [job("pre", hook("PreSync", "HookSucceeded")), config("a")],
    onReport: async ({ message }) => {
      messages.push(message);
      if (!message.startsWith("waiting")) return;
      assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined, "the next phase waits");
      await finish(plane, "pre", "Complete");
    },
  });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.ok(messages.includes("waiting for completion of hook batch/Job/pre"), messages.join("; "));
  assert.deepEqual(show(result), [
    "pre Synced Succeeded: Complete it is",
    "a Synced Succeeded: configmap/a serverside-applied",
  ]);
  assert.equal(await plane.client.get(ref("Job", "pre")), undefined);
});

test("a hook of an earlier sync is replaced, not taken for this one's", async () => {
  await using plane = await openTestPlane();
  const finishing = async ({ message }: SyncProgress) => {
    if (message.startsWith("waiting")) await finish(plane, "pre", "Complete");
  };
  await run(plane, { targets: [job("pre", hook("PreSync"))], onReport: finishing });
  const before = await plane.client.get(ref("Job", "pre"));
  await run(plane, { targets: [job("pre", hook("PreSync"))], onReport: finishing });
  const after = await plane.client.get(ref("Job", "pre"));
  assert.ok(before?.metadata.uid && after?.metadata.uid);
  assert.notEqual(before.metadata.uid, after.metadata.uid);
  assert.deepEqual(after.metadata.finalizers ?? [], []);
});

test("a hook that fails stops the sync, and what is meant for failures runs", async () => {
  await using plane = await openTestPlane();
  const result = await run(plane, {
    targets: [job("pre", hook("PreSync", "HookFailed")), config("a"), config("sorry", hook("SyncFail"))],
    onReport: async ({ message }) => {
      if (message.startsWith("waiting")) await finish(plane, "pre", "Failed");
    },
  });
  assert.deepEqual(
    [result.phase, result.message],
    ["Failed", "one or more synchronization tasks completed unsuccessfully, reason: Failed it is"],
  );
  assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
  assert.equal(await plane.client.get(ref("Job", "pre")), undefined, "HookFailed deletes it");
  assert.ok(await plane.client.get(ref("ConfigMap", "sorry")));
});

test("nothing is applied when one object is not valid", async () => {
  await using plane = await openTestPlane();
  const odd = { apiVersion: "example.com/v1", kind: "Odd", metadata: { name: "o" } };
  const result = await run(plane, { targets: [config("a"), odd] });
  assert.deepEqual(
    [result.phase, result.message],
    [
      "Failed",
      "one or more synchronization tasks are not valid: The Kubernetes API could not find example.com/Odd for requested " +
        'resource default/o. Make sure the "Odd" CRD is installed on the destination cluster.',
    ],
  );
  const old = { ...job("j", {}), apiVersion: "batch/v1beta1" };
  const other = await run(plane, { targets: [config("a"), old] });
  assert.equal(
    other.message,
    'one or more synchronization tasks are not valid: The Kubernetes API could not find version "v1beta1" of batch/Job ' +
      'for requested resource default/j. Version "v1" of batch/Job is installed on the destination cluster.',
  );
  const core = { ...config("c"), apiVersion: "v2" };
  assert.match(
    (await run(plane, { targets: [core] })).message,
    /version "v2" of \/ConfigMap .* Version "v1" of \/ConfigMap/,
  );
  const bad = await run(plane, { targets: [config("a"), config("Not_A_Name")] });
  assert.match(bad.message, /^one or more objects failed to apply \(dry run\), reason: .*Not_A_Name/);
  const refused = await run(plane, {
    targets: [config("a")],
    options: { refusal: ({ key }) => `resource :${key.kind} is not permitted in project p` },
  });
  assert.match(refused.message, /are not valid: resource :ConfigMap is not permitted in project p$/);
  assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
});

test("a dry run changes nothing", async () => {
  await using plane = await openTestPlane();
  const result = await run(plane, { targets: [config("a")], options: { dryRun: true } });
  assert.deepEqual(show(result), ["a Synced Succeeded: configmap/a serverside-applied (server dry run)"]);
  assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
});

test("after a restart the sync goes on where it was, and repeats nothing", async () => {
  await using plane = await openTestPlane();
  const targets = [job("pre", hook("PreSync")), config("a", wave(1))];
  const stop = new AbortController();
  let stored: SyncProgress | undefined;
  const first = run(plane, {
    targets,
    signal: stop.signal,
    onReport: async (progress) => {
      stored = progress;
      if (progress.message.startsWith("waiting")) stop.abort(new Error("the process ends"));
    },
  });
  await assert.rejects(first, /the process ends/);
  const before = await plane.client.get(ref("Job", "pre"));
  assert.ok(stored && before);
  assert.deepEqual(
    stored.resources.map(({ name, hookPhase }) => `${name} ${hookPhase}`),
    ["pre Running"],
  );
  await finish(plane, "pre", "Complete");
  const result = await run(plane, { targets, options: { previous: stored.resources } });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.equal((await plane.client.get(ref("Job", "pre")))?.metadata.uid, before.metadata.uid, "the hook ran once");
  assert.ok(await plane.client.get(ref("ConfigMap", "a")));
});

for (const [when, isRestarted] of [
  ["while a sync waits", false],
  ["before a restart", true],
] as const) {
  test(`a project that changes ${when} holds for what is still to do`, async () => {
    await using plane = await openTestPlane();
    const targets = [job("pre", hook("PreSync")), config("a", wave(1)), job("told", hook("SyncFail"))];
    const stop = new AbortController();
    let refused = "";
    let stored: SyncProgress | undefined;
    const rules = {
      rules: () => refused,
      refusal: ({ key }: { readonly key: { readonly kind: string } }) =>
        key.kind === refused ? `resource :${key.kind} is not permitted in project p` : undefined,
    };
    const first = run(plane, {
      targets,
      options: rules,
      signal: stop.signal,
      onReport: async (progress) => {
        stored = progress;
        if (!progress.message.startsWith("waiting")) return;
        refused = "ConfigMap";
        if (isRestarted) stop.abort(new Error("the process ends"));
        await finish(plane, "pre", "Complete");
        await finish(plane, "told", "Complete");
      },
    });
    if (isRestarted) await assert.rejects(first, /the process ends/);
    const again = () =>
      run(plane, {
        targets,
        options: { ...rules, previous: stored?.resources ?? [] },
        onReport: () =>
          Promise.all(["pre", "told"].map((name) => finish(plane, name, "Complete"))).then(() => undefined),
      });
    const result = isRestarted ? await again() : await first;
    assert.equal(result.phase, "Failed");
    assert.match(
      result.message,
      /^one or more synchronization tasks are not valid.*:ConfigMap is not permitted in project p/,
    );
    assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
    assert.ok(await plane.client.get(ref("Job", "told")), "what is meant for failures ran");
  });
}

test("what is going already counts as pruned, and nobody deletes it", async () => {
  await using plane = await openTestPlane();
  await run(plane, { targets: [config("old")] });
  const old = await plane.client.get(ref("ConfigMap", "old"));
  assert.ok(old);
  const going = { ...old, metadata: { ...old.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  const dry = await run(plane, { targets: [], live: [old], options: { dryRun: true } });
  assert.deepEqual(show(dry), ["old Pruned Succeeded: pruned (dry run)"]);
  const done = await run(plane, { targets: [config("a")], live: [going] });
  assert.deepEqual(show(done), ["a Synced Succeeded: configmap/a serverside-applied", "old Pruned Succeeded: pruned"]);
  assert.ok(await plane.client.get(ref("ConfigMap", "old")));
});

test("a prune that needs a word keeps the whole wave back until it is given", async () => {
  await using plane = await openTestPlane();
  await run(plane, { targets: [config("old", { "argocd.argoproj.io/sync-options": "Prune=confirm" })] });
  const old = await plane.client.get(ref("ConfigMap", "old"));
  assert.ok(old);
  const messages: string[] = [];
  const done = await run(plane, {
    targets: [config("a")],
    live: [old],
    options: { isApproved: () => messages.length >= 3 },
    onReport: async ({ message }) => {
      messages.push(message);
      if (messages.length > 3) return;
      assert.equal(message, "waiting for pruning confirmation of /ConfigMap/old");
      assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
    },
  });
  assert.equal(done.phase, "Succeeded");
  assert.equal(await plane.client.get(ref("ConfigMap", "old")), undefined);
});

for (const [name, before, message] of [
  ["the namespace was made", { kind: "Namespace", syncPhase: "PreSync" }, /\(dry run\), reason: .*Not_A_Name/],
  [
    "the wave before was written",
    { kind: "ConfigMap", syncPhase: "Sync" },
    /^one or more objects failed to apply, reason/,
  ],
] as const) {
  test(`a prune that needs a word waits for it after a restart, too, where ${name}`, async () => {
    await using plane = await openTestPlane();
    await run(plane, { targets: [config("old", { "argocd.argoproj.io/sync-options": "Prune=confirm" })] });
    const old = await plane.client.get(ref("ConfigMap", "old"));
    assert.ok(old);
    const made = { group: "", version: "v1", namespace: "", name: "x", status: "Synced", message: "" } as const;
    let waits = 0;
    const done = await run(plane, {
      targets: [config("Not_A_Name")],
      live: [old],
      options: { previous: [{ ...made, ...before, hookPhase: "Running" }], isApproved: () => waits >= 2 },
      onReport: async (progress) => {
        if (progress.message === "waiting for pruning confirmation of /ConfigMap/old") waits += 1;
        if (waits < 2) assert.ok(await plane.client.get(ref("ConfigMap", "old")));
      },
    });
    assert.deepEqual([done.phase, waits], ["Failed", 2], done.message);
    assert.match(done.message, message);
    const isChecked = before.kind === "Namespace";
    assert.equal((await plane.client.get(ref("ConfigMap", "old"))) !== undefined, isChecked, "pruned after the checks");
  });
}

const trackingId = "argocd.argoproj.io/tracking-id";
const change = (metadata: object) => (plane: TestPlane) =>
  plane.client.patch(ref("ConfigMap", "old"), "application/merge-patch+json", { metadata } as JsonObject);
const annotated = (annotations: object) => change({ annotations });

for (const [name, meanwhile, isThere, status, message, options] of [
  ["is pruned", change({ labels: { more: "1" } }), false, "Pruned", "pruned"],
  ["but another took its name: that one stays", madeAnew, true, "Pruned", "pruned"],
  [
    "and belongs to another Application stays",
    annotated({ [trackingId]: "b:/ConfigMap:default/old" }),
    true,
    "PruneSkipped",
    "ignored (tracked as b:/ConfigMap:default/old by now)",
  ],
  ["and is nobody's stays", annotated({ [trackingId]: null }), true, "PruneSkipped", "ignored (no longer tracked)"],
  [
    "and is another's by its label stays",
    change({ labels: { owner: "b" } }),
    true,
    "PruneSkipped",
    "ignored (tracked as b by now)",
    { trackingLabel: "owner" },
  ],
  [
    "and must not be pruned any more stays",
    annotated({ "argocd.argoproj.io/sync-options": "Prune=false" }),
    true,
    "PruneSkipped",
    "ignored (no prune)",
  ],
] as const) {
  test(`an object to prune that changed since it was compared ${name}`, async () => {
    await using plane = await openTestPlane();
    await run(plane, { targets: [config("old")] });
    const old = await plane.client.get(ref("ConfigMap", "old"));
    assert.ok(old);
    await meanwhile(plane);
    const done = await run(plane, { targets: [config("a")], live: [old], ...(options ? { options } : {}) });
    assert.equal(done.phase, "Succeeded", done.message);
    const result = done.resources.find((one) => one.name === "old");
    assert.deepEqual([result?.status, result?.message], [status, message]);
    assert.equal((await plane.client.get(ref("ConfigMap", "old"))) !== undefined, isThere);
  });
}

async function madeAnew({ client }: TestPlane): Promise<void> {
  await client.delete(ref("ConfigMap", "old"));
  await client.create({ ...config("old"), metadata: { name: "old", namespace: "default" } });
}

test("where a prune fails, nothing of its wave is applied", async () => {
  await using plane = await openTestPlane();
  await run(plane, { targets: [config("old")] });
  const old = await plane.client.get(ref("ConfigMap", "old"));
  assert.ok(old);
  const kube: typeof plane.client = {
    ...plane.client,
    delete: () => Promise.reject(new EngineError("API_FORBIDDEN", "may not delete")),
  };
  const done = await run(plane, { targets: [config("a")], live: [old], kube });
  assert.deepEqual(show(done), ["old SyncFailed Failed: may not delete"]);
  assert.deepEqual(
    [done.phase, done.message],
    ["Failed", "one or more objects failed to apply, reason: may not delete"],
  );
  assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
});

test("an object that others write without end is not pruned blindly", async () => {
  await using plane = await openTestPlane();
  await run(plane, { targets: [config("old")] });
  const old = await plane.client.get(ref("ConfigMap", "old"));
  assert.ok(old);
  let writes = 0;
  const get: typeof plane.client.get = async (which, signal) => {
    const found = await plane.client.get(which, signal);
    if (which.name === "old" && writes < 20) await change({ labels: { n: String(++writes) } })(plane);
    return found;
  };
  const done = await run(plane, { targets: [], live: [old], kube: { ...plane.client, get } });
  assert.equal(done.phase, "Failed");
  assert.match(done.message, /Precondition failed: ResourceVersion/);
  assert.equal(writes, 5);
});

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
};
const healthy = { replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
const late = { conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }] };

for (const [name, status, phase, message] of [
  ["healthy", healthy, "Succeeded", "successfully synced (all tasks run)"],
  [
    "degraded",
    late,
    "Failed",
    'one or more synchronization tasks completed unsuccessfully, reason: Deployment "web" exceeded its progress deadline',
  ],
] as const) {
  test(`a wave waits for the one before to be over: ${name}`, async () => {
    await using plane = await openTestPlane();
    const web = { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "web" };
    const result = await run(plane, {
      targets: [deployment, config("a", wave(1))],
      onReport: async (progress) => {
        if (progress.message !== "waiting for healthy state of apps/Deployment/web") return;
        assert.equal(await plane.client.get(ref("ConfigMap", "a")), undefined);
        const patch = { status: { ...status, observedGeneration: 1 } };
        await plane.client.patch(web, "application/merge-patch+json", patch, { subresource: "status" });
      },
    });
    assert.deepEqual([result.phase, result.message], [phase, message]);
    assert.equal((await plane.client.get(ref("ConfigMap", "a"))) !== undefined, phase === "Succeeded");
  });
}

test("Replace=true puts the target in the place of the live object", async () => {
  await using plane = await openTestPlane();
  await plane.client.create({ ...config("a", {}, { old: "1" }), metadata: { name: "a", namespace: "default" } });
  const replace = { "argocd.argoproj.io/sync-options": "Replace=true" };
  const result = await run(plane, { targets: [config("a", replace, { fresh: "1" }), config("b", replace)] });
  assert.deepEqual(show(result), [
    "a Synced Succeeded: configmap/a replaced",
    "b Synced Succeeded: configmap/b created",
  ]);
  assert.deepEqual((await plane.client.get(ref("ConfigMap", "a")))?.data, { fresh: "1" });
});
