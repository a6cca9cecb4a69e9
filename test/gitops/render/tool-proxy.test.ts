import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { defaultRenderingSettings } from "../../../src/api/rendering-settings.ts";
import { proxyVariables } from "../../../src/gitops/render/tool-proxy.ts";
import { anonymousAccess, type FindAccess, type RepositoryAccess } from "../../../src/gitops/source/source.ts";
import { startHelmServer } from "../../harness/helm-repository.ts";
import { ociRegistryMissing, startOciRegistry } from "../../harness/oci-registry.ts";
import { renderToolsMissing, runTool } from "../../harness/render-tools.ts";
import { chartArchive } from "../../harness/tar.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { startDoor } from "../source/door.ts";
import { openSources } from "../source/rig.ts";
import { chart } from "./charts.ts";
import { namesOf, openRenderRig } from "./rig.ts";

const skip = renderToolsMissing("helm", "kustomize");
const secret = "pr0xy-secret";
const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

/**
 * A proxy that wants a password, the only way to hosts with names that nobody else knows: `ports` by their names. Programs in
 * Go never ask a proxy for a loopback address.
 */
async function startProxy(ports: Readonly<Record<string, number>>) {
  const asked: string[] = [];
  const expected = `Basic ${Buffer.from(`me:${secret}`).toString("base64")}`;
  const server = createServer((incoming, outgoing) => {
    const url = URL.parse(incoming.url ?? "");
    if (incoming.headers["proxy-authorization"] !== expected) {
      return void outgoing.writeHead(407, { "proxy-authenticate": 'Basic realm="p"' }).end();
    }
    const port = ports[url?.hostname ?? ""];
    asked.push(url?.hostname ?? "");
    if (url === null || port === undefined) return void outgoing.writeHead(502).end();
    const { method, headers } = incoming;
    const path = url.pathname + url.search;
    const onward = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      answer.pipe(outgoing.writeHead(answer.statusCode ?? 500, answer.headers));
    });
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://me:${secret}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const access =
  (proxies: Readonly<Record<string, string>>, more: Partial<RepositoryAccess> = {}): FindAccess =>
  (repository) => {
    const proxy = proxies[Object.keys(proxies).find((name) => repository.includes(name)) ?? ""];
    return proxy === undefined ? anonymousAccess : { ...anonymousAccess, ...more, proxy };
  };

function needing(...urls: readonly string[]): string {
  const dependencies = urls.map((repository, index) => ({ name: `below${index}`, version: "0.1.x", repository }));
  return `apiVersion: v2\nname: shown\nversion: 1.2.3\ndependencies: ${JSON.stringify(dependencies)}\n`;
}

async function startCharts() {
  const charts = await startHelmServer();
  charts.publish("below0", "0.1.0", { "values.yaml": "", "templates/m.yaml": map("below0") });
  return Object.assign(charts, { port: Number(new URL(charts.url).port) });
}

test("dependencies of a chart are read through the proxy of their repository", { skip }, async () => {
  await using charts = await startCharts();
  await using proxy = await startProxy({ "charts.test": charts.port });
  const find = access({ "charts.test": proxy.url });
  await using rig = await openRenderRig(["helm"], { access: find });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing("http://charts.test/charts") });
  assert.ok(namesOf(await rig.render(commit)).includes("below0"));
  assert.deepEqual([...new Set(proxy.asked)], ["charts.test"]);
  await using none = await openRenderRig(["helm"], { access: access({}) });
  const other = await none.repository.commit({ ...chart, "app/Chart.yaml": needing("http://charts.test/charts") });
  await assert.rejects(none.render(other), { message: /no such host|dial tcp/ });
});

test("without one of its own, a dependency is read through that of the source's repository", { skip }, async () => {
  await using charts = await startCharts();
  await using proxy = await startProxy({ "charts.test": charts.port });
  await using rig = await openRenderRig(["helm"], { access: access({ "git.test": proxy.url }) });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing("http://charts.test/charts") });
  const source = { repoURL: "https://git.test/r", path: "app" };
  assert.ok(namesOf(await rig.render(commit, source)).includes("below0"));
  const values = { ...source, helm: { valueFiles: ["http://charts.test/none.yaml"] } };
  await assert.rejects(rig.render(commit, values), { message: /404/ });
});

test("a registry's charts come through its proxy", { skip: skip ?? ociRegistryMissing() }, async () => {
  await using registry = await startOciRegistry();
  await using folder = await tempDir();
  await writeFile(join(folder.path, "c.tgz"), chartArchive("below0", "0.1.0", { "templates/m.yaml": map("below0") }));
  await runTool("helm", ["push", "c.tgz", `oci://${registry.host}/team`, "--plain-http"], folder.path);
  await using proxy = await startProxy({ "registry.test": Number(registry.host.split(":")[1]) });
  const find = access({ "registry.test": proxy.url }, { isPlainHttp: true });
  await using rig = await openRenderRig(["helm"], { access: find });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing("oci://registry.test/team") });
  assert.ok(namesOf(await rig.render(commit)).includes("below0"));
  assert.ok(proxy.asked.includes("registry.test"));
});

test("kustomize reads charts and remote bases through the proxies of each", { skip }, async () => {
  await using charts = await startCharts();
  await using door = await startDoor(() => true, undefined, {
    "web/kustomization.yaml": "resources: [m.yaml]\n",
    "web/m.yaml": map("from-base"),
  });
  await using one = await startProxy({ "charts.test": charts.port });
  await using two = await startProxy({ "git.test": door.port });
  const find = access({ "charts.test": one.url, "git.test": two.url });
  await using git = await openSources({ access: find });
  const rendering = () => ({ ...defaultRenderingSettings, kustomizeBuildOptions: ["--enable-helm"] });
  await using rig = await openRenderRig(["kustomize", "helm"], { access: find, git: git.sources, rendering });
  const commit = await rig.repository.commit({
    "app/kustomization.yaml": `resources: ["http://git.test/demo.git//web?ref=main"]
helmCharts: [{name: below0, version: 0.1.0, repo: "http://charts.test/charts", releaseName: r}]
`,
  });
  assert.deepEqual(namesOf(await rig.render(commit)).toSorted(), ["below0", "from-base"]);
  // Kustomize itself looks whether a base is a plain file, before it asks Git.
  assert.ok(one.asked.includes("charts.test"));
  assert.deepEqual([...new Set(two.asked)], ["git.test"]);
});

const proxies = { "a.test": "http://one", "b.test": "http://one", "c.test": `http://me:${secret}@two` };

for (const [name, urls, env, expected] of [
  ["one for all", ["https://a.test/x", "https://b.test/x"], {}, { https_proxy: "http://one", NO_PROXY: "" }],
  [
    "one, and a host without",
    ["https://a.test", "oci://d.test/x"],
    {},
    { https_proxy: "http://one", NO_PROXY: "d.test" },
  ],
  ["none", ["https://d.test"], {}, { https_proxy: undefined, NO_PROXY: undefined }],
  ["none, and the engine's own", ["https://d.test"], { HTTPS_PROXY: "http://e" }, { https_proxy: undefined }],
  ["two", ["https://a.test", "https://c.test"], {}, /^one run of a tool cannot use several proxies: https:\/\/a\.test/],
  [
    "one, and the engine's own",
    ["https://a.test", "https://d.test"],
    { HTTPS_PROXY: "http://e" },
    /d\.test through the engine's/,
  ],
] as const) {
  test(`the proxy of a tool: ${name}`, () => {
    const job = {
      settings: { access: access(proxies), tools: { env } },
      context: { project: "default" },
      source: { repoURL: "https://git.test/r" },
    } as unknown as Parameters<typeof proxyVariables>[1];
    if (expected instanceof RegExp) {
      assert.throws(
        () => proxyVariables(urls, job),
        (error: Error) => {
          assert.match(error.message, expected);
          assert.doesNotMatch(error.message, new RegExp(secret));
          return true;
        },
      );
      return;
    }
    const variables = proxyVariables(urls, job);
    for (const [key, value] of Object.entries(expected)) assert.equal(variables[key], value);
  });
}
