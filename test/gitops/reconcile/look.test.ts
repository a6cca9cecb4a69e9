import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResourceSettings } from "../../../src/api/resource-settings.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { defaultProject } from "../../../src/gitops/project/project.ts";
import type { Look } from "../../../src/gitops/reconcile/look.ts";
import { createSettings } from "../../../src/gitops/reconcile/settings.ts";
import { widgetDefinition } from "../../harness/control-plane.ts";
import { waitFor } from "../../harness/wait.ts";
import { configMap, manifest, openWorld, patient, shown, warnings } from "./world.ts";

const targetIn = ({ comparison }: Look): unknown => comparison.objects[0]?.target?.metadata.namespace;

test("finds what is missing, and nothing after a sync", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a", { x: "1" }) });
  const app = world.app();
  const before = await world.lookWell(app);
  assert.deepEqual([before.status, before.health.status], ["OutOfSync", "Missing"]);
  const progress = await world.sync(app, before);
  assert.equal(progress.phase, "Succeeded", progress.message);
  const after = await world.lookWell(app, { level: 1 });
  assert.deepEqual([after.status, after.health.status], ["Synced", "Healthy"]);
});

test("nothing in the folder: all that is tracked is to be pruned, and an empty Application is Synced", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  await world.repository.git("mv", "web/a.yaml", "web/a.txt");
  await world.repository.commit({});
  const look = await world.lookWell(app, { level: 3 });
  assert.deepEqual([look.status, shown(look)], ["OutOfSync", ["ConfigMap/a OutOfSync"]]);
  assert.deepEqual(
    look.comparison.objects.map(({ requiresPruning }) => requiresPruning),
    [true],
  );
  await world.sync(app, look);
  await waitFor(
    "the object to go",
    () => !world.live.find({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" }),
  );
  assert.deepEqual((await world.lookWell(app)).status, "Synced");
});

test("an object of a kind that the cluster does not list is compared, synced and pruned", async () => {
  const isList = ({ method, url }: Request) => method === "GET" && new URL(url).pathname.endsWith("/widgets");
  const refusal = { kind: "Status", code: 405, message: "the server does not allow this method" };
  await using world = await openWorld({
    answer: (request) => (isList(request) ? Response.json(refusal, { status: 405 }) : undefined),
  });
  await world.plane.client.create(widgetDefinition, {}, patient());
  const widget = (size: number) =>
    manifest({ apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, size });
  await world.repository.commit({ "web/a.yaml": configMap("a"), "web/w.yaml": widget(1) });
  const app = world.app();
  const look = async () => {
    const found = await world.lookWell(app, { level: 3 });
    return [found.status, ...shown(found)];
  };
  assert.deepEqual(await look(), ["OutOfSync", "ConfigMap/a OutOfSync", "Widget/w OutOfSync"]);
  await world.sync(app, await world.lookWell(app));
  await world.seen({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" } });
  assert.deepEqual(await look(), ["Synced", "ConfigMap/a Synced", "Widget/w Synced"]);
  await world.repository.commit({ "web/w.yaml": widget(2) });
  assert.deepEqual(await look(), ["OutOfSync", "ConfigMap/a Synced", "Widget/w OutOfSync"]);
  await world.repository.git("rm", "-q", "web/w.yaml");
  await world.repository.commit({});
  const gone = await world.lookWell(app, { level: 3 });
  assert.deepEqual(shown(gone), ["ConfigMap/a Synced", "Widget/w OutOfSync"]);
  await world.sync(app, gone);
  assert.deepEqual(await look(), ["Synced", "ConfigMap/a Synced"]);
});

test("a change of the destination's namespace moves targets, also at level 1", async () => {
  await using world = await openWorld();
  await world.plane.client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "other" } }, {}, patient());
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  world.change(app, { destination: { server: world.cluster.server, namespace: "other" } });
  const look = await world.lookWell(app, { level: 1 });
  assert.equal(targetIn(look), "other");
  assert.deepEqual(
    look.comparison.objects.map(({ target, live }) => [target?.metadata.namespace, live?.metadata.namespace]),
    [
      ["other", undefined],
      [undefined, "default"],
    ],
  );
});

test("a change of options, of ignore rules, of the path or of the repository is looked at, also at level 1", async () => {
  await using world = await openWorld();
  const files = {
    "web/a.yaml": configMap("a", { x: "1" }),
    "web/sub/b.yaml": configMap("b"),
    "new/c.yaml": configMap("c"),
  };
  await world.repository.commit(files);
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  const patch = { data: { x: "2" } };
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };
  const changed = await world.plane.client.patch(ref, "application/merge-patch+json", patch, {}, patient());
  await world.seen(changed);
  const source = { repoURL: world.repository.url, path: "web", targetRevision: "main" };
  assert.deepEqual(shown(await world.lookWell(app, { level: 1 })), ["ConfigMap/a OutOfSync"]);
  world.change(app, { ignoreDifferences: [{ kind: "ConfigMap", jsonPointers: ["/data/x"] }] });
  assert.deepEqual(shown(await world.lookWell(app, { level: 1 })), ["ConfigMap/a Synced"]);
  world.change(app, { source: { ...source, directory: { recurse: true } } });
  assert.deepEqual(shown(await world.lookWell(app, { level: 1 })), ["ConfigMap/a OutOfSync", "ConfigMap/b OutOfSync"]);
  world.change(app, { source: { ...source, path: "new" } });
  assert.deepEqual(shown(await world.lookWell(app, { level: 1 })), ["ConfigMap/c OutOfSync", "ConfigMap/a OutOfSync"]);
});

test("a jq path that is none fails the comparison, by name", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app();
  world.change(app, { ignoreDifferences: [{ kind: "ConfigMap", jqPathExpressions: [".data.x", ".data |"] }] });
  const { status, conditions } = await world.lookWell(app);
  assert.equal(status, "Unknown");
  assert.deepEqual(conditions, [
    {
      type: "ComparisonError",
      message:
        'ignoreDifferences[0].jqPathExpressions[1]: jq program "del(.data |)" at 11: unexpected token ")", expected a term',
    },
  ]);
});

test("a jq path that takes too long is told of, by name and object, and stops no other", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a"), "web/b.yaml": configMap("b") });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  const patch = { data: { x: "2" } };
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };
  await world.seen(await world.plane.client.patch(ref, "application/merge-patch+json", patch, {}, patient()));
  const endless = ".data | repeat(.)";
  world.change(app, { ignoreDifferences: [{ kind: "ConfigMap", jqPathExpressions: [endless, ".data.x"] }] });
  const look = await world.lookWell(app, { level: 1 });
  assert.deepEqual(shown(look), ["ConfigMap/a Synced", "ConfigMap/b Synced"]);
  const [warning = "", ...more] = warnings(look);
  assert.deepEqual(more, []);
  const named = "ignoreDifferences left nothing out of ConfigMap default/a, ConfigMap default/b";
  assert.match(
    warning,
    /^IgnoreDifferencesWarning: .*takes more than 200000 steps; shorten the path, or use jsonPointers$/,
  );
  assert.ok(warning.includes(`${named}: ${endless}: the jq program`), warning);
  assert.deepEqual(warnings(await world.lookWell(app, { level: 1 })), [warning], "as long as it is so");
  world.change(app, { ignoreDifferences: [{ kind: "ConfigMap", jqPathExpressions: [".data.x"] }] });
  assert.deepEqual(warnings(await world.lookWell(app, { level: 1 })), []);
});

test("level 1 compares with the commit that is known, level 2 with what the mirror knows", async () => {
  await using world = await openWorld();
  const first = await world.repository.commit({ "web/a.yaml": configMap("a") });
  const [app, other] = [world.app(), world.app("other")];
  await world.lookWell(app);
  const second = await world.repository.commit({ "web/b.yaml": configMap("b") });
  await world.lookWell(other, { level: 3 });
  for (const level of [1, 0, 1] as const) assert.deepEqual((await world.lookWell(app, { level })).revisions, [first]);
  assert.deepEqual((await world.lookWell(app)).revisions, [second]);
});

test("a hard look makes everything anew and finds the same", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  const soft = await world.lookWell(app, { level: 1 });
  const again = await world.lookWell(app, { level: 1 });
  assert.equal(again.comparison.objects[0]?.diff, soft.comparison.objects[0]?.diff, "compared once");
  const { made } = world.renders;
  const hard = await world.lookWell(app, { level: 1, hard: true });
  assert.equal(world.renders.made, made + 1);
  assert.notEqual(hard.comparison.objects[0]?.diff, soft.comparison.objects[0]?.diff);
  assert.deepEqual([hard.status, shown(hard)], [soft.status, shown(soft)]);
});

const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 1 } };
const clusterWidgets = { ...widgetDefinition, spec: { ...widgetDefinition.spec, scope: "Cluster" } };

for (const [scope, definition, namespace] of [
  ["Namespaced", widgetDefinition, "default"],
  ["Cluster", clusterWidgets, undefined],
] as const) {
  test(`a kind that comes later is known then, ${scope}`, async () => {
    await using world = await openWorld();
    await world.repository.commit({ "web/w.yaml": manifest(widget) });
    const app = world.app();
    const before = await world.lookWell(app);
    assert.deepEqual(
      [before.status, shown(before), targetIn(before)],
      ["OutOfSync", ["Widget/w OutOfSync"], "default"],
    );
    const refused = await world.sync(app, before);
    assert.match(`${refused.phase} ${refused.message}`, /^Failed .*could not find example.com\/Widget/);
    await world.plane.client.create(definition as never, {}, patient());
    await world.clock.advance(5_000); // it was asked for twice, and in vain
    const known = await world.lookWell(app, { level: 1 });
    assert.equal(targetIn(known), namespace);
    const progress = await world.sync(app, known);
    assert.equal(progress.phase, "Succeeded", progress.message);
    assert.deepEqual((await world.lookWell(app, { level: 1 })).status, "Synced");
  });
}

test("a definition and an object of it in one sync", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/w.yaml": manifest(widget, widgetDefinition) });
  const app = world.app();
  const progress = await world.sync(app, await world.lookWell(app));
  assert.equal(progress.phase, "Succeeded", progress.message);
  await world.clock.advance(1_500);
  const look = await world.lookWell(app);
  assert.deepEqual(
    [look.status, shown(look)],
    ["Synced", ["Widget/w Synced", "CustomResourceDefinition/widgets.example.com Synced"]],
  );
});

test("a live object is compared in the version of its target, whoever watches another one", async () => {
  await using world = await openWorld();
  await world.plane.client.create(widgetDefinition as never, {}, patient());
  const at = (version: string, name: string) =>
    manifest({ ...widget, apiVersion: `example.com/${version}`, metadata: { name } });
  await world.repository.commit({ "web/w.yaml": at("v1beta1", "w"), "old/w.yaml": at("v1", "x") });
  const old = world.app("old", { source: { repoURL: world.repository.url, path: "old", targetRevision: "main" } });
  await world.sync(old, await world.lookWell(old));
  const app = world.app();
  const progress = await world.sync(app, await world.lookWell(app));
  assert.equal(progress.phase, "Succeeded", progress.message);
  const look = await world.lookWell(app);
  assert.deepEqual([look.status, shown(look)], ["Synced", ["Widget/w Synced"]]);
  // And when the manifest goes over to the other version.
  await world.repository.commit({ "web/w.yaml": at("v1", "w") });
  await world.sync(app, await world.lookWell(app, { level: 3 }));
  assert.deepEqual((await world.lookWell(app)).status, "Synced");
});

test("what the project does not permit is Unknown, has no live side, is refused at a sync and never pruned", async () => {
  await using world = await openWorld();
  await world.repository.commit({
    "web/a.yaml": configMap("a"),
    "web/s.yaml": manifest({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { a: "b" } }),
  });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  const denied = { namespaceResourceBlacklist: [{ group: "", kind: "Secret" }] };
  world.projects.set("default", { ...defaultProject("argocd"), ...denied });
  const look = await world.lookWell(app);
  assert.deepEqual(shown(look), ["ConfigMap/a Synced", "Secret/s Unknown"]);
  assert.equal(look.status, "OutOfSync");
  assert.equal(look.comparison.objects[1]?.live, undefined);
  const { phase, message } = await world.sync(app, look);
  assert.deepEqual(
    [phase, message],
    ["Failed", "one or more synchronization tasks are not valid: resource :Secret is not permitted in project default"],
  );
  await world.repository.git("rm", "--quiet", "web/s.yaml");
  await world.repository.commit({});
  assert.deepEqual(shown(await world.lookWell(app, { level: 3 })), ["ConfigMap/a Synced"]);
});

test("objects of other namespaces that the project does not permit are refused at a sync", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a", {}, { namespace: "kube-system" }) });
  const destinations = [{ server: world.cluster.server, namespace: "default" }];
  world.projects.set("default", { ...defaultProject("argocd"), destinations });
  const app = world.app();
  const { message } = await world.sync(app, await world.lookWell(app));
  assert.match(message, /namespace kube-system is not permitted in project 'default'/);
});

const hook = (name: object, type = "PreSync", kind = "ConfigMap") =>
  manifest({
    apiVersion: "v1",
    kind,
    metadata: {
      ...name,
      annotations: { "argocd.argoproj.io/hook": type, "argocd.argoproj.io/hook-delete-policy": "HookFailed" },
    },
  });

test("hooks that are left live have no status, are not pruned, and are found for the next sync", async () => {
  await using world = await openWorld();
  await world.repository.commit({
    "web/h.yaml": hook({ name: "h" }),
    "web/g.yaml": hook({ generateName: "g-" }),
    "web/a.yaml": configMap("a"),
  });
  const app = world.app();
  const progress = await world.sync(app, await world.lookWell(app));
  assert.equal(progress.phase, "Succeeded", progress.message);
  await waitFor("the hooks to be seen", () => world.live.ofGroup("web").length === 3);
  const look = await world.lookWell(app);
  assert.equal(look.status, "Synced");
  assert.deepEqual(
    look.liveHooks.map(({ metadata: { name = "" } }) => name.slice(0, 2)),
    ["h", "g-"],
  );
  assert.deepEqual(
    look.comparison.objects.map(({ status, isHook }) => [status, isHook]),
    [
      ["Synced", false],
      [undefined, true],
      [undefined, true],
    ],
  );
  const again = await world.sync(app, look);
  assert.deepEqual(
    again.resources.map(({ status }) => status),
    ["Synced", "Synced", "Synced"],
  );
});

test("objects with generateName are nobody else's, and a sync says why it cannot apply one that is no hook", async () => {
  await using world = await openWorld();
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "g-" } };
  await world.repository.commit({
    "web/g.yaml": manifest(object, object),
    "other/h.yaml": hook({ generateName: "x-" }),
  });
  const other = world.app("other", {
    source: { repoURL: world.repository.url, path: "other", targetRevision: "main" },
  });
  const app = world.app();
  await world.lookWell(other);
  const look = await world.lookWell(app);
  assert.deepEqual([warnings(look), [...look.foreign], [...look.disturbed]], [[], [], []]);
  assert.deepEqual(shown(look), ["ConfigMap/g- OutOfSync", "ConfigMap/g- OutOfSync"]);
  const { phase, message } = await world.sync(app, look);
  assert.equal(phase, "Failed");
  assert.match(message, /not valid: from g-: cannot use generate name with apply$/);
});

test("a manifest that is no object makes the whole comparison Unknown, and a sync an error", async () => {
  await using world = await openWorld();
  const nameless: JsonObject = { apiVersion: "v1", kind: "ConfigMap", metadata: {} };
  await world.repository.commit({ "web/a.yaml": manifest(nameless, { ...nameless, metadata: { name: "a" } }) });
  const app = world.app();
  const look = await world.lookWell(app);
  assert.equal(look.status, "Unknown");
  assert.match(warnings(look).join(), /^ComparisonError: Failed to normalize target state: a manifest needs/);
  const { phase, message } = await world.sync(app, look);
  assert.equal(phase, "Error");
  assert.match(message, /^ComparisonError: Failed to normalize/);
});

test("doubles: the last one counts, and a warning tells", async () => {
  await using world = await openWorld();
  await world.repository.commit({ "web/a.yaml": configMap("a", { x: "1" }), "web/b.yaml": configMap("a", { x: "2" }) });
  const app = world.app();
  const look = await world.lookWell(app);
  assert.deepEqual(warnings(look), [
    "RepeatedResourceWarning: Resource /ConfigMap/default/a appeared 2 times among application resources.",
  ]);
  assert.deepEqual(
    look.comparison.objects.map(({ target }) => target?.data),
    [{ x: "2" }],
  );
});

test("kinds that the settings exclude are neither compared, nor watched, nor pruned", async () => {
  await using world = await openWorld();
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } };
  await world.repository.commit({ "web/a.yaml": manifest(secret, JSON.parse(configMap("a"))) });
  const app = world.app();
  await world.sync(app, await world.lookWell(app));
  const data = { "resource.exclusions": "- kinds: [Secret]\n  clusters: ['https://kubernetes.default.*']" };
  const settings = createSettings(parseResourceSettings(data), () => 0);
  const deps = { ...world.deps, settings: () => settings };
  const look = await world.lookWell(app, { deps });
  assert.deepEqual(shown(look), ["ConfigMap/a Synced"], "it is there, and tracked");
  assert.deepEqual(warnings(look), ["ExcludedResourceWarning: Resource /Secret s is excluded in the settings"]);
  await world.repository.commit({ "web/a.yaml": configMap("a") });
  const without = await world.lookWell(app, { deps, level: 3 });
  assert.deepEqual([shown(without), warnings(without)], [["ConfigMap/a Synced"], []]);
  const again = await world.lookWell(app);
  assert.deepEqual(shown(again).sort(), ["ConfigMap/a Synced", "Secret/s OutOfSync"], "without the setting it counts");
});
