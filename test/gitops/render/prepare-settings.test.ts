import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { defaultRenderingSettings, type RenderingSettings } from "../../../src/api/rendering-settings.ts";
import { renderToolsMissing, toolPath } from "../../harness/render-tools.ts";
import { namesOf, openRenderRig, type RenderRig } from "./rig.ts";

const skip = renderToolsMissing("helm", "kustomize", "jsonnet");

const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const kustomization = { "app/kustomization.yaml": "resources: [m.yaml]\nnamePrefix: k-\n", "app/m.yaml": map("m") };
const chart = {
  "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
  "chart/templates/m.yaml": map("charted"),
};

interface SettableRig extends RenderRig {
  set(settings: Partial<RenderingSettings>): void;
}

/** As if users changed their ConfigMaps while the engine runs. */
async function open(): Promise<SettableRig> {
  let current = defaultRenderingSettings;
  const rig = await openRenderRig(["helm", "kustomize", "jsonnet"], { rendering: () => current });
  return Object.assign(rig, {
    set: (settings: Partial<RenderingSettings>) => {
      current = { ...defaultRenderingSettings, ...settings };
    },
  });
}

test("a type that is switched off is read as plain manifests, at once and until it is on again", { skip }, async () => {
  await using rig = await open();
  const commit = await rig.repository.commit({ ...kustomization, ...chart });
  assert.deepEqual(namesOf(await rig.render(commit)), ["k-m"]);
  rig.set({ disabled: ["Kustomize"] });
  const plain = await rig.render(commit);
  assert.deepEqual([plain.type, namesOf(plain)], ["Directory", ["m"]], "the kustomization is no manifest");
  assert.deepEqual(namesOf(await rig.render(commit, { kustomize: { namePrefix: "x-" } })), ["m"]);
  rig.set({ disabled: ["Helm"] });
  assert.equal((await rig.render(commit, { path: "chart/templates", helm: { releaseName: "x" } })).type, "Directory");
  rig.set({});
  assert.deepEqual(namesOf(await rig.render(commit)), ["k-m"]);
});

test("jsonnet that is switched off is refused, not left out", { skip }, async () => {
  await using rig = await open();
  rig.set({ disabled: ["Jsonnet"] });
  const commit = await rig.repository.commit({ "app/m.yaml": map("m"), "app/x.jsonnet": "{}" });
  await assert.rejects(rig.render(commit), {
    message: 'Failed to evaluate jsonnet "x.jsonnet": jsonnet is switched off by jsonnet.enable of argocd-cm',
  });
  assert.deepEqual(namesOf(await rig.render(commit, { directory: { exclude: "*.jsonnet" } })), ["m"]);
});

const outside = { "app/kustomization.yaml": "resources: [../m.yaml]\n", "m.yaml": map("outside") };
const unrestricted = ["--load-restrictor", "LoadRestrictionsNone"];

test("options of kustomize count from when they are set; those of a version go before", { skip }, async () => {
  await using rig = await open();
  const commit = await rig.repository.commit(outside);
  await assert.rejects(rig.render(commit), { message: /security; file .* is not in or below/ });
  rig.set({ kustomizeBuildOptions: unrestricted });
  assert.deepEqual(namesOf(await rig.render(commit)), ["outside"]);
  const path = toolPath("kustomize");
  rig.set({ kustomizeVersions: { "5.0.9": { path, buildOptions: unrestricted } } });
  await assert.rejects(rig.render(commit), { message: /security/ });
  assert.deepEqual(namesOf(await rig.render(commit, { kustomize: { version: "v5.0.9" } })), ["outside"]);
  rig.set({ kustomizeVersions: { "5.0.9": { path } }, kustomizeBuildOptions: unrestricted });
  assert.deepEqual(namesOf(await rig.render(commit, { kustomize: { version: "5.0.9" } })), ["outside"]);
  await assert.rejects(rig.render(commit, { kustomize: { version: "4.0.0" } }), {
    code: "TOOL_MISSING",
    message: /version 4\.0\.0 is not registered: .*kustomize\.path\.4\.0\.0 in argocd-cm/,
  });
});

test("schemes of value files are those that are allowed", { skip }, async () => {
  await using rig = await open();
  const commit = await rig.repository.commit(chart);
  const source = { path: "chart", helm: { valueFiles: ["http://127.0.0.1:1/values.yaml"] } };
  await assert.rejects(rig.render(commit, source), { message: /connection refused/ });
  rig.set({ valueFileSchemes: ["https"] });
  await assert.rejects(rig.render(commit, source), { message: "the URL scheme 'http' is not allowed" });
});

test("links out of the repository lead nowhere where they are allowed, and are never followed", { skip }, async () => {
  await using rig = await open();
  const { repository } = rig;
  await repository.commit({ ...chart, "app/m.yaml": map("m"), "chart/values.yaml": "", "k/kustomization.yaml": "" });
  await symlink("/etc/passwd", join(repository.path, "app/out.yaml"));
  await symlink("../../..", join(repository.path, "chart/templates/up"));
  await symlink("/etc/passwd", join(repository.path, "chart/out.yaml"));
  const commit = await repository.commit({ touched: "x" });
  const charted = { path: "chart" };
  const withValues = { ...charted, helm: { valueFiles: ["out.yaml"] } };
  await assert.rejects(rig.render(commit), { message: 'the link "app/out.yaml" leads out of the repository' });
  await assert.rejects(rig.render(commit, charted), { message: /the link "chart\/.*" leads out of the repository/ });
  rig.set({ linksOut: "nowhere" });
  assert.deepEqual(namesOf(await rig.render(commit)), ["m"]);
  assert.deepEqual(namesOf(await rig.render(commit, charted)), ["charted"]);
  await assert.rejects(rig.render(commit, withValues), { message: /open chart\/out\.yaml: no such file/ });
});

test("a folder may be as large as the setting says", { skip }, async () => {
  await using rig = await open();
  const commit = await rig.repository.commit({ "app/m.yaml": map("m"), "app/n.yaml": map("n") });
  assert.equal((await rig.render(commit)).manifests.length, 2);
  rig.set({ maxDirectoryBytes: 70 });
  await assert.rejects(rig.render(commit), {
    message:
      'exceeded max combined manifest file size: 2 files have 102 bytes, 70 are allowed; read so far: "m.yaml" (51 bytes), ' +
      '"n.yaml" (51 bytes); leave files out (directory.exclude), or raise ' +
      "reposerver.max.combined.directory.manifests.size in argocd-cmd-params-cm",
  });
  const large = `${map("l")}# ${"x".repeat(17 * 1024 * 1024)}`;
  const one = await rig.repository.commit({ "large/l.yaml": large, "large/s.yaml": map("s") });
  rig.set({});
  // The small one came with the commit; the large one is asked for by itself, and told of as soon as its size is known.
  await assert.rejects(rig.render(one, { path: "large" }), {
    message:
      /: 2 files have 178\d{5} bytes, 10000000 are allowed; read so far: "l\.yaml" \(178\d{5} bytes\), "s\.yaml"/,
  });
  rig.set({ maxDirectoryBytes: 20_000_000 });
  assert.equal((await rig.render(one, { path: "large" })).manifests.length, 2);
});
