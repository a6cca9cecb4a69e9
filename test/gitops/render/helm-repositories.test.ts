import assert from "node:assert/strict";
import { test } from "node:test";
import { startHelmServer } from "../../harness/helm-repository.ts";
import { renderToolsMissing } from "../../harness/render-tools.ts";
import { chart } from "./charts.ts";
import { namesOf, openRenderRig } from "./rig.ts";

const skip = renderToolsMissing("helm");

/** A chart repository over HTTP with the chart `below`. */
async function serveCharts() {
  const server = await startHelmServer();
  const below = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: below}\n";
  server.publish("below", "0.1.0", { "templates/below.yaml": below });
  return server;
}

const needing = (url: string): string =>
  `apiVersion: v2\nname: shown\nversion: 1.2.3\ndependencies: [{name: below, version: "0.1.x", repository: "${url}"}]\n`;

test("dependencies of a chart come from their repository, once for each commit", { skip }, async () => {
  await using charts = await serveCharts();
  await using rig = await openRenderRig(["helm"]);
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(charts.url) });
  assert.ok(namesOf(await rig.render(commit)).includes("below"));
  const count = charts.requests.length;
  await rig.render(commit);
  assert.equal(charts.requests.length, count);
  await rig.render(await rig.repository.commit({ "unrelated.txt": "x" }));
  assert.ok(charts.requests.length > count, "what 0.1.x means may have changed");
});

test("a value file at an address goes between its neighbours", { skip }, async () => {
  await using charts = await serveCharts();
  charts.answer = ({ url }, response) => {
    if (url !== "/charts/values.yaml") return false;
    response.end("color: from-the-address\nnested: {deep: address, other: address}\n");
    return true;
  };
  await using rig = await openRenderRig(["helm"]);
  const valueFiles = ["values-prod.yaml", `${charts.url}/values.yaml`, "values-late.yaml"];
  const { manifests } = await rig.render(await rig.repository.commit(chart), { helm: { valueFiles } });
  const { color, nested } = JSON.parse(String(Object(manifests[1]?.data).values));
  assert.deepEqual([color, nested], ["from-late", { deep: "address", other: "address" }]);
});

test("a repository that does not answer fails the chart with Helm's words", { skip }, async () => {
  await using rig = await openRenderRig(["helm"]);
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing("http://127.0.0.1:1/charts") });
  await assert.rejects(rig.render(commit), {
    code: "RENDER_FAILED",
    message:
      /^`helm repo add` failed exit status 1: Error: looks like "http:\/\/127\.0\.0\.1:1\/charts" is not a valid chart repository/,
  });
});

test("a repository that the project does not permit is refused, also when the project changes", { skip }, async () => {
  await using charts = await serveCharts();
  await using rig = await openRenderRig(["helm"]);
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(charts.url) });
  await rig.render(commit, {}, { isPermitted: () => true });
  await assert.rejects(rig.render(commit, {}, { isPermitted: () => false }), {
    failure: "PermissionDenied",
    message: `helm repos ${charts.url} are not permitted in project 'default'`,
  });
});

for (const [name, files] of [
  ["in the chart", { "app/Chart.yaml": needing("file:///etc") }],
  ["that climbs out", { "app/Chart.yaml": needing("file://../../../etc") }],
  [
    "in its lock",
    {
      "app/Chart.lock": 'dependencies: [{name: below, repository: "file:///etc", version: 0.1.0}]\ndigest: sha256:0\n',
    },
  ],
] as const) {
  test(`a dependency outside of the repository is refused: ${name}`, { skip }, async () => {
    await using rig = await openRenderRig(["helm"]);
    const commit = await rig.repository.commit({ ...chart, ...files });
    await assert.rejects(rig.render(commit), {
      message: /^the dependency "file:\/\/.*etc" leads out of the repository$/,
    });
  });
}
