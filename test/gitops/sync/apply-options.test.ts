import assert from "node:assert/strict";
import { test } from "node:test";
import { TerminalError } from "../../../src/base/errors.ts";
import { migratedFields } from "../../../src/gitops/sync/migrate.ts";
import { writeModeOf } from "../../../src/gitops/sync/write-mode.ts";
import type { KubeClient, WriteOptions } from "../../../src/kube/kube.ts";
import type { KubeObject } from "../../../src/objects/object.ts";
import { openTestPlane, type TestPlane, widgetDefinition } from "../../harness/control-plane.ts";
import { config, hook, job, ref, run, show, wave } from "./rig.ts";

const options = (text: string) => ({ "argocd.argoproj.io/sync-options": text });
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

for (const [own, live, syncOptions, force, expected] of [
  ["", "", [], false, "server"],
  ["ServerSideApply=false", "", [], false, "client"],
  ["ServerSideApply=false", "", ["ServerSideApply=true"], false, "client"],
  ["ServerSideApply=true", "", ["ServerSideApply=false"], false, "server named"],
  ["", "", ["ServerSideApply=true"], false, "server named"],
  ["", "", ["ServerSideApply=false"], false, "client"],
  ["Replace=true", "", ["ServerSideApply=true"], false, "replace named"],
  ["", "Replace=true", [], false, "replace"],
  ["", "", ["Replace=true"], false, "replace"],
  ["", "", ["Replace=false"], false, "server"],
  ["Force=true", "", [], false, "server force"],
  ["", "Force=true", [], false, "server force"],
  ["", "", ["Force=true"], false, "server"],
  ["", "", [], true, "server force"],
  ["Validate=false", "", [], false, "server loose"],
  ["", "", ["Validate=false"], false, "server loose"],
  ["", "Validate=false", [], false, "server"],
  ["serversideapply=false", "", [], false, "server"],
] as const) {
  test(`written with "${own}", live "${live}", sync ${syncOptions.join()}${force ? ", force" : ""}: ${expected}`, () => {
    const object = (text: string) => config("a", text === "" ? {} : options(text)) as KubeObject;
    const mode = writeModeOf(object(own), object(live), { syncOptions, force });
    const words = [
      mode.kind,
      ...(mode.isNamed ? ["named"] : []),
      ...(mode.isForced ? ["force"] : []),
      ...(mode.isValidated ? [] : ["loose"]),
    ];
    assert.equal(words.join(" "), expected);
  });
}

/** The client, with what was asked of it. */
function recording(kube: KubeClient): { readonly kube: KubeClient; readonly asked: WriteOptions[] } {
  const asked: WriteOptions[] = [];
  return {
    asked,
    kube: {
      ...kube,
      patch: (to, type, body, given, signal) => {
        asked.push(given ?? {});
        return kube.patch(to, type, body, given, signal);
      },
      delete: (to, given, signal) => {
        asked.push(given ?? {});
        return kube.delete(to, given, signal);
      },
    },
  };
}

for (const [own, expected] of [
  ["", "Strict"],
  ["Validate=false", "Ignore"],
] as const) {
  test(`fields are validated ${expected} with "${own}"`, async () => {
    await using plane = await openTestPlane();
    const { kube, asked } = recording(plane.client);
    await run(plane, { kube, targets: [config("a", options(own))] });
    assert.deepEqual([...new Set(asked.map(({ fieldValidation }) => fieldValidation))], [expected]);
  });
}

for (const [given, expected] of [
  [[], "Foreground"],
  [["PrunePropagationPolicy=foreground"], "Foreground"],
  [["PrunePropagationPolicy=background"], "Background"],
  [["PrunePropagationPolicy=orphan"], "Orphan"],
  [["PrunePropagationPolicy=orphan", "PrunePropagationPolicy=foreground"], "Foreground"],
  [["PrunePropagationPolicy=foreground", "PrunePropagationPolicy=background"], "Background"],
] as const) {
  test(`prunes with ${given.join() || "no policy"}: ${expected}`, async () => {
    await using plane = await openTestPlane();
    const old = await live(plane, config("old"));
    const { kube, asked } = recording(plane.client);
    await run(plane, { kube, targets: [], live: [old], options: { syncOptions: given } });
    assert.deepEqual(
      asked.flatMap(({ propagationPolicy }) => propagationPolicy ?? []),
      [expected],
    );
  });
}

test("client-side apply creates, changes and leaves alone, and takes away what it wrote before", async () => {
  await using plane = await openTestPlane();
  const client = options("ServerSideApply=false");
  const sync = async (data: object) => show(await run(plane, { targets: [config("a", client, data)] })).join();
  assert.equal(await sync({ one: "1", two: "2" }), "a Synced Succeeded: configmap/a created");
  assert.ok((await read(plane, "a"))?.metadata.annotations?.[lastApplied]);
  const others = { data: { theirs: "x" } };
  await plane.client.patch(ref("ConfigMap", "a"), "application/merge-patch+json", others, { fieldManager: "other" });
  assert.equal(await sync({ one: "1", two: "2" }), "a Synced Succeeded: configmap/a unchanged");
  assert.equal(await sync({ one: "1" }), "a Synced Succeeded: configmap/a configured");
  assert.deepEqual((await read(plane, "a"))?.data, { one: "1", theirs: "x" });
});

test("client-side apply merges lists by their keys, and is idempotent with a Secret's text", async () => {
  await using plane = await openTestPlane();
  const client = options("ServerSideApply=false");
  const deployment = (image: string) => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", annotations: client },
    spec: {
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }] } },
    },
  });
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", annotations: client },
    stringData: { k: "v" },
  };
  await run(plane, { targets: [deployment("web:1"), secret] });
  const web = { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "web" };
  const side = { spec: { template: { spec: { containers: [{ name: "side", image: "side:1" }] } } } };
  await plane.client.patch(web, "application/strategic-merge-patch+json", side, { fieldManager: "injector" });
  const result = await run(plane, { targets: [deployment("web:2"), secret] });
  assert.deepEqual(show(result), [
    "s Synced Succeeded: secret/s unchanged",
    "web Synced Succeeded: deployment.apps/web configured",
  ]);
  const made = (await plane.client.get(web)) as unknown as ReturnType<typeof deployment> | undefined;
  const containers = made?.spec.template.spec.containers ?? [];
  assert.deepEqual(containers.map(({ name, image }) => `${name}=${image}`).sort(), ["side=side:1", "web=web:2"]);
});

test("fields that were applied on the client become ours: what the source drops goes", async () => {
  await using plane = await openTestPlane();
  const before = { ...config("a", {}, { keep: "1", drop: "1" }), metadata: { name: "a", namespace: "default" } };
  await plane.client.create(before, { fieldManager: "kubectl-client-side-apply" });
  const old = await read(plane, "a");
  assert.ok(old);
  await run(plane, { targets: [config("a", {}, { keep: "1" })], live: [old] });
  const after = await read(plane, "a");
  assert.deepEqual(after?.data, { keep: "1" });
  assert.doesNotMatch(JSON.stringify(after?.metadata.managedFields), /kubectl-client-side-apply/);
});

test("fields become ours though somebody writes at the same time", async () => {
  await using plane = await openTestPlane();
  const before = { ...config("a", {}, { keep: "1", drop: "1" }), metadata: { name: "a", namespace: "default" } };
  const old = await plane.client.create(before, { fieldManager: "kubectl-client-side-apply" });
  let writes = 0;
  const kube: KubeClient = {
    ...plane.client,
    async patch(to, type, patch, ...rest) {
      const isMigration = type === "application/json-patch+json";
      const other = { metadata: { labels: { n: String(writes) } } };
      if (isMigration && writes++ < 2) {
        await plane.client.patch(to, "application/merge-patch+json", other, { fieldManager: "other" });
      }
      return plane.client.patch(to, type, patch, ...rest);
    },
  };
  const done = await run(plane, { kube, targets: [config("a", {}, { keep: "1" })], live: [old] });
  assert.deepEqual([done.phase, writes, (await read(plane, "a"))?.data], ["Succeeded", 3, { keep: "1" }], done.message);
});

test("a CRD is waited for until it is established", async () => {
  await using plane = await openTestPlane();
  let looks = 0;
  const kube: KubeClient = {
    ...plane.client,
    async get(to, ...rest) {
      const found = await plane.client.get(to, ...rest);
      if (found?.kind !== "CustomResourceDefinition" || ++looks > 2) return found;
      return { ...found, status: { conditions: [{ type: "Established", status: "False" }] } };
    },
  };
  const done = await run(plane, { kube, targets: [widgetDefinition] });
  assert.deepEqual([done.phase, looks], ["Succeeded", 3], done.message);
});

test("an object that is too large for what kubectl notes of it is told how to be synced", async () => {
  await using plane = await openTestPlane();
  const old = await live(plane, config("a"));
  const targets = [config("a", {}, { a: "x".repeat(300_000) })];
  const done = await run(plane, { targets, live: [old], options: { syncOptions: ["ServerSideApply=false"] } });
  assert.equal(done.phase, "Failed");
  assert.match(
    done.message,
    /Too long: .*\. the object is too large for client-side apply; sync it with ServerSideApply=true/,
  );
});

test("ClientSideApplyMigration=false leaves them where they are, and another manager may be named", async () => {
  await using plane = await openTestPlane();
  const before = { ...config("a", {}, { keep: "1", drop: "1" }), metadata: { name: "a", namespace: "default" } };
  await plane.client.create(before, { fieldManager: "flux" });
  const old = await read(plane, "a");
  assert.ok(old);
  const targets = [config("a", {}, { keep: "1" })];
  const migrationManager = "flux";
  const off = ["ClientSideApplyMigration=false"];
  await run(plane, { targets, live: [old], options: { syncOptions: off, migrationManager } });
  assert.deepEqual((await read(plane, "a"))?.data, { keep: "1", drop: "1" });
  const again = await read(plane, "a");
  assert.ok(again);
  await run(plane, { targets, live: [again], options: { migrationManager } });
  assert.deepEqual((await read(plane, "a"))?.data, { keep: "1" });
});

test("Force makes anew what cannot be changed", async () => {
  await using plane = await openTestPlane();
  const old = await live(plane, config("a", {}, { v: "1" }));
  const kube: KubeClient = {
    ...plane.client,
    async patch(to, ...rest) {
      const there = await plane.client.get(to);
      if (there?.metadata.uid === old.metadata.uid) throw new TerminalError("API_INVALID", "field is immutable");
      return plane.client.patch(to, ...rest);
    },
  };
  const target = (annotations = {}) => config("a", annotations, { v: "2" });
  const plain = await run(plane, { kube, targets: [target()], live: [old] });
  assert.match(plain.message, /^one or more objects failed to apply \(dry run\), reason: field is immutable$/);
  const forced = await run(plane, { kube, targets: [target(options("Force=true"))], live: [old] });
  assert.deepEqual(show(forced), ["a Synced Succeeded: configmap/a replaced"]);
  const made = await read(plane, "a");
  assert.ok(made);
  assert.notEqual(made.metadata.uid, old.metadata.uid);
});

for (const given of ["Force=true", "Force=true,Replace=true"]) {
  test(`${given} never deletes what takes more with it: it is changed in place, or the sync says why not`, async () => {
    await using plane = await openTestPlane();
    const at = { apiVersion: "v1", kind: "Namespace", name: "kept" };
    const space = (team: string) => {
      const metadata = { name: "kept", labels: { team }, annotations: options(given) };
      return { apiVersion: "v1", kind: "Namespace", metadata };
    };
    const old = await plane.client.create(space("a"));
    const changed = await run(plane, { targets: [space("b")], live: [old] });
    const words = given.includes("Replace") ? "Namespace/kept updated" : "namespace/kept serverside-applied";
    assert.deepEqual(show(changed), [`kept Synced Succeeded: ${words}`]);
    const kept = await plane.client.get(at);
    assert.deepEqual([kept?.metadata.uid, kept?.metadata.labels?.team], [old.metadata.uid, "b"]);
    const refuse = () => Promise.reject(new TerminalError("API_INVALID", "field is immutable"));
    const kube = { ...plane.client, patch: refuse, update: refuse };
    const refused = await run(plane, { kube, targets: [space("c")], live: [old] });
    assert.match(
      refused.message,
      /\(dry run\), reason: Namespace\/kept: field is immutable\. Force would delete it with all/,
    );
    assert.equal((await plane.client.get(at))?.metadata.uid, old.metadata.uid);
  });
}

for (const given of ["Force=true", "Force=true,Replace=true"]) {
  test(`with ${given}, what took the name of an object to be made anew meanwhile is not deleted`, async () => {
    await using plane = await openTestPlane();
    const old = await live(plane, config("a", {}, { v: "1" }));
    let taken: KubeObject | undefined;
    /** Right before the deletion, or the first write that would need one. */
    const take = async (): Promise<void> => {
      await plane.client.delete(ref("ConfigMap", "a"));
      taken = await plane.client.create({ ...config("a"), metadata: { name: "a", namespace: "default" } });
    };
    const kube: KubeClient = {
      ...plane.client,
      async patch(to, type, body, more, signal) {
        if (taken !== undefined || more?.dryRun) return plane.client.patch(to, type, body, more, signal);
        await take();
        throw new TerminalError("API_INVALID", "field is immutable");
      },
      async delete(to, ...rest) {
        if (taken === undefined) await take();
        return plane.client.delete(to, ...rest);
      },
    };
    const done = await run(plane, { kube, targets: [config("a", options(given), { v: "2" })], live: [old] });
    assert.equal(done.phase, "Succeeded", done.message);
    const after = await read(plane, "a");
    assert.deepEqual([after?.metadata.uid, after?.data], [taken?.metadata.uid, { v: "2" }]);
  });
}

test("an object that changed hands is not deleted to be made anew", async () => {
  await using plane = await openTestPlane();
  const old = await live(plane, config("a", {}, { v: "1" }));
  const tracked = { annotations: { "argocd.argoproj.io/tracking-id": "b:/ConfigMap:default/a" } };
  await plane.client.patch(ref("ConfigMap", "a"), "application/merge-patch+json", { metadata: tracked });
  const targets = [config("a", options("Force=true,Replace=true"), { v: "2" })];
  const done = await run(plane, { targets, live: [old] });
  assert.match(done.message, /configmap\/a is not made anew: ignored \(tracked as b:\/ConfigMap:default\/a by now\)$/);
  assert.equal((await read(plane, "a"))?.metadata.uid, old.metadata.uid);
});

test("a binding to another role is made anew, since roles of bindings are fixed", async () => {
  await using plane = await openTestPlane();
  const binding = (role: string) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "b" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role },
    subjects: [{ kind: "ServiceAccount", name: "s", namespace: "default" }],
  });
  const at = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", namespace: "default", name: "b" };
  await run(plane, { targets: [binding("one")] });
  const old = await plane.client.get(at);
  assert.ok(old);
  const result = await run(plane, { targets: [binding("two")], live: [old] });
  assert.equal(result.phase, "Succeeded", result.message);
  const made = await plane.client.get(at);
  assert.notEqual(made?.metadata.uid, old.metadata.uid);
  assert.match(JSON.stringify(made?.roleRef), /"two"/);
  // Whoever asks for server-side apply by name gets that, and the server's word.
  const named = { syncOptions: ["ServerSideApply=true"] };
  await run(plane, { targets: [binding("three")], live: made === undefined ? [] : [made], options: named });
  assert.equal((await plane.client.get(at))?.metadata.uid, made?.metadata.uid);
});

test("of managers only what they wrote of the object itself is taken over, not of its status", () => {
  const entry = (subresource: string) => ({
    manager: "kubectl-client-side-apply",
    operation: "Update",
    apiVersion: "v1",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:data": { "f:a": {} } },
    ...(subresource === "" ? {} : { subresource }),
  });
  const owned = (...managedFields: readonly object[]): KubeObject =>
    ({ ...config("a"), metadata: { name: "a", managedFields } }) as KubeObject;
  assert.equal(migratedFields(owned(entry("status")), undefined), undefined);
  const taken = migratedFields(owned(entry(""), entry("status")), undefined) ?? [];
  assert.deepEqual(
    taken.map(({ manager, operation, subresource = "" }) => `${manager} ${operation} ${subresource}`).sort(),
    ["argocd-controller Apply ", "kubectl-client-side-apply Update status"],
  );
});

test("Replace puts Namespaces and CRDs in place with their version, and says updated", async () => {
  await using plane = await openTestPlane();
  const space = { apiVersion: "v1", kind: "Namespace", metadata: { name: "n", annotations: options("Replace=true") } };
  const old = await plane.client.create({ ...space, metadata: { name: "n" } });
  const result = await run(plane, { targets: [space], live: [old] });
  assert.deepEqual(show(result), ["n Synced Succeeded: Namespace/n updated"]);
});

test("ApplyOutOfSyncOnly writes what differs, and still waits for what it wrote before a restart", async () => {
  await using plane = await openTestPlane();
  const [a, b] = [config("a", {}, { v: "1" }), config("b", wave(1), { v: "1" })];
  await run(plane, { targets: [a, b] });
  const known = [await read(plane, "a"), await read(plane, "b")].filter((object) => object !== undefined);
  const changed = config("b", wave(1), { v: "2" });
  const only = { syncOptions: ["ApplyOutOfSyncOnly=true"] };
  const result = await run(plane, { targets: [a, changed], live: known, options: only });
  assert.deepEqual(show(result), ["b Synced Succeeded: configmap/b serverside-applied"]);
  const nothing = await run(plane, { targets: [a, b], live: known, options: only });
  assert.deepEqual([nothing.phase, nothing.message], ["Succeeded", "successfully synced (no more tasks)"]);
});

test("SkipDryRunOnMissingResource lets a kind be missing until its wave", async () => {
  await using plane = await openTestPlane();
  const odd = { apiVersion: "example.com/v1", kind: "Odd", metadata: { name: "o", annotations: wave(1) } };
  const refused = await run(plane, { targets: [config("a"), odd] });
  assert.match(refused.message, /tasks are not valid/);
  assert.equal(await read(plane, "a"), undefined);
  const vouched = { syncOptions: ["SkipDryRunOnMissingResource=true"] };
  const late = await run(plane, { targets: [config("a"), odd], options: vouched });
  assert.equal(late.phase, "Failed");
  assert.ok(await read(plane, "a"), "the wave before was applied");
  assert.match(
    show(late).join(),
    /o SyncFailed Failed: The Kubernetes API could not find example\.com\/Odd for requested resource default\/o\. Make sure/,
  );
});

test("CreateNamespace makes it before the dry run, with its metadata, and without tracking", async () => {
  await using plane = await openTestPlane();
  const bad = config("Not_A_Name");
  const plan = {
    namespace: "made",
    namespaceExists: false,
    namespaceMetadata: { labels: { team: "shop" }, annotations: { note: "x" } },
  };
  const given = { syncOptions: ["CreateNamespace=true"] };
  const failed = await run(plane, { targets: [inMade(bad)], plan, options: given });
  assert.match(failed.message, /^one or more objects failed to apply \(dry run\)/);
  const made = await plane.client.get({ apiVersion: "v1", kind: "Namespace", name: "made" });
  assert.equal(made?.metadata.labels?.team, "shop");
  assert.equal(made?.metadata.annotations?.note, "x");
  assert.equal(made?.metadata.annotations?.["argocd.argoproj.io/tracking-id"], undefined);
  const next = { ...plan, namespaceExists: true, namespaceMetadata: { labels: { tier: "1" }, annotations: {} } };
  const done = await run(plane, { targets: [inMade(config("a"))], plan: next, options: given });
  assert.equal(done.phase, "Succeeded", done.message);
  const after = await plane.client.get({ apiVersion: "v1", kind: "Namespace", name: "made" });
  assert.deepEqual([after?.metadata.labels?.team, after?.metadata.labels?.tier], [undefined, "1"]);
});

test("a namespace of which nothing is known is a task that is not valid", async () => {
  await using plane = await openTestPlane();
  const plan = { namespace: "made", namespaceExists: false, namespaceProblem: "get v1/Namespace/made: forbidden" };
  const given = { syncOptions: ["CreateNamespace=true"] };
  const { message } = await run(plane, { targets: [inMade(config("a"))], plan, options: given });
  assert.match(message, /not valid: namespace auto creation failed: get v1\/Namespace\/made: forbidden$/);
});

test("a dry run of a namespace to be made makes nothing", async () => {
  await using plane = await openTestPlane();
  const plan = { namespace: "made", namespaceExists: false };
  const given = { syncOptions: ["CreateNamespace=true"], dryRun: true };
  const { phase, message } = await run(plane, { targets: [inMade(config("a"))], plan, options: given });
  assert.equal(phase, "Succeeded", message);
  assert.equal(await plane.client.get({ apiVersion: "v1", kind: "Namespace", name: "made" }), undefined);
});

test("a wave that is not healthy in its time has failed, with WaveTimeout", async () => {
  await using plane = await openTestPlane();
  const result = await run(plane, {
    targets: [job("j", hook("PreSync")), config("a")],
    options: { waveTimeoutMs: 20 },
  });
  assert.equal(result.phase, "Failed");
  assert.match(result.message, /batch\/Job\/j was not ready after 20ms \(WaveTimeout\)$/);
  assert.deepEqual((await plane.client.get(ref("Job", "j")))?.metadata.finalizers ?? [], []);
});

test("what holds a sync back is said, and asked again before each wave", async () => {
  await using plane = await openTestPlane();
  const asked: boolean[] = [];
  const seen: string[] = [];
  const result = await run(plane, {
    targets: [config("a"), config("b", wave(1))],
    options: {
      hold: (isFirst) => {
        asked.push(isFirst);
        return asked.length === 1 || asked.length === 4 ? "not now" : undefined;
      },
    },
    onReport: async ({ message, resources }) => {
      if (message === "not now") seen.push(resources.map(({ name }) => name).join());
    },
  });
  assert.equal(result.phase, "Succeeded", result.message);
  assert.deepEqual(asked, [true, true, false, false, false]);
  assert.deepEqual(seen, ["", "a"]);
});

function inMade(object: object): object {
  const { metadata } = object as { metadata: object };
  return { ...object, metadata: { ...metadata, namespace: "made" } };
}

function read(plane: TestPlane, name: string): Promise<KubeObject | undefined> {
  return plane.client.get(ref("ConfigMap", name));
}

/** The object as a first sync left it. */
async function live(plane: TestPlane, target: { readonly metadata: { readonly name: string } }): Promise<KubeObject> {
  await run(plane, { targets: [target] });
  const object = await read(plane, target.metadata.name);
  assert.ok(object);
  return object;
}
