import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { test } from "node:test";
import { renderToolsMissing, runTool } from "../../harness/render-tools.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { chart } from "./charts.ts";
import { namesOf, openRenderRig } from "./rig.ts";

const skip = renderToolsMissing("helm");

/** A chart repository over HTTP with the chart `below`, made by Helm itself. */
async function serveCharts() {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  await mkdir(join(path, "below/templates"), { recursive: true });
  await writeFile(join(path, "below/Chart.yaml"), "apiVersion: v2\nname: below\nversion: 0.1.0\n");
  const below = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: below}\n";
  await writeFile(join(path, "below/templates/below.yaml"), below);
  await runTool("helm", ["package", "below"], path);
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(request.url ?? "");
    const content = await readFile(join(path, basename(request.url ?? ""))).catch(() => undefined);
    response.writeHead(content === undefined ? 404 : 200).end(content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => void server.close());
  stack.defer(() => server.closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await runTool("helm", ["repo", "index", ".", "--url", url], path);
  const owned = stack.move();
  return { url, asked, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const needing = (url: string): string =>
  `apiVersion: v2\nname: shown\nversion: 1.2.3\ndependencies: [{name: below, version: "0.1.x", repository: "${url}"}]\n`;

test("dependencies of a chart come from their repository, once for each commit", { skip }, async () => {
  await using charts = await serveCharts();
  await using rig = await openRenderRig(["helm"]);
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(charts.url) });
  assert.ok(namesOf(await rig.render(commit)).includes("below"));
  const count = charts.asked.length;
  await rig.render(commit);
  assert.equal(charts.asked.length, count);
  await rig.render(await rig.repository.commit({ "unrelated.txt": "x" }));
  assert.ok(charts.asked.length > count, "what 0.1.x means may have changed");
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
