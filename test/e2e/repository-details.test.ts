import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { startHelmServer } from "../harness/helm-repository.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { renderToolsMissing, toolPath } from "../harness/render-tools.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const chart =
  "name: web\nversion: 1.0.0\napiVersion: v2\ndescription: The shop\nhome: https://shop.example\nmaintainers:\n- {name: Ann, email: ann@shop.example}\n- {name: Bob}\n";
const values = "image: {tag: a, pull.policy: Always}\nports: [80, 443]\nnothing:\n";
const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    selector: { matchLabels: { a: "b" } },
    template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "web", image: "web:1" }] } },
  },
};

const files = {
  "plain/map.json": configMap("map", "one"),
  "charts/web/Chart.yaml": chart,
  "charts/web/values.yaml": values,
  "charts/web/values-prod.yaml": "image: {tag: b}\n",
  "base/kustomization.yaml": "resources: [deploy.json]\n",
  "base/deploy.json": deployment,
};

test("what forms ask of repositories, in Argo CD's shapes", {
  skip: renderToolsMissing("kustomize") ?? false,
}, async () => {
  await using charts = await startHelmServer();
  charts.publish("web", "1.0.0", { "values.yaml": "a: 1\n" });
  charts.publish("web", "1.1.0");
  const registry = createServer(({ url = "" }, response) => {
    const annotations = { "org.opencontainers.image.authors": "Ann", "org.opencontainers.image.version": "2" };
    if (url.includes("/tags/")) response.end(JSON.stringify({ tags: ["1", "2"] }));
    else if (url.includes("/manifests/2")) response.end(JSON.stringify({ layers: [], annotations }));
    else response.writeHead(404).end();
  });
  registry.listen(0, "127.0.0.1");
  await once(registry, "listening");
  const oci = `oci://127.0.0.1:${(registry.address() as AddressInfo).port}/team/app`;
  const manual = { syncPolicy: {} };
  try {
    await using scenario = await GitOpsScenario.start({
      args: ["--tool", `kustomize=${toolPath("kustomize")}`],
      repositories: { shop: files },
      manifests: (urlOf) => [
        application("web", urlOf("shop"), {
          ...manual,
          source: { repoURL: charts.url, chart: "web", targetRevision: "1.0.0" },
        }),
        application("art", urlOf("shop"), { ...manual, source: { repoURL: oci, path: ".", targetRevision: "2" } }),
        {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name: "r", namespace: "argocd", labels: { "argocd.argoproj.io/secret-type": "repository" } },
          stringData: { url: oci, type: "oci", insecureOCIForceHttp: "true" },
        },
      ],
    });
    const call = async (path: string, body?: object): Promise<readonly [number, unknown]> => {
      const init = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      const response = await scenario.engine.api(`/api/v1/${path}`, body === undefined ? {} : init);
      return [response.status, await response.json()];
    };
    const of = (url: string, path: string) => `repositories/${encodeURIComponent(url)}/${path}`;
    const git = scenario.urlOf("shop");
    const copy = await scenario.clone("shop");
    await copy.git("tag", "v1");
    await copy.git("push", "--quiet", "origin", "v1");
    const helm = {
      name: "web",
      valueFiles: ["values-prod.yaml", "values.yaml"],
      parameters: [
        { name: "image.pull\\.policy", value: "Always" },
        { name: "image.tag", value: "a" },
        { name: "nothing", value: "" },
        { name: "ports[0]", value: "80" },
        { name: "ports[1]", value: "443" },
      ],
      values,
      fileParameters: [],
    };
    const details = (path: string, more: object = {}) => ({ source: { repoURL: git, path, ...more } });
    const cases: readonly (readonly [path: string, body: object | undefined, answer: unknown])[] = [
      [of(git, "refs"), undefined, { branches: ["main"], tags: ["v1"] }],
      [of(oci, "oci-tags"), undefined, { branches: [], tags: ["1", "2"] }],
      [of(charts.url, "helmcharts"), undefined, { items: [{ name: "web", versions: ["1.1.0", "1.0.0"] }] }],
      [
        of(git, "apps?revision=v1"),
        undefined,
        {
          items: [
            { type: "Kustomize", path: "base" },
            { type: "Helm", path: "charts/web" },
          ],
        },
      ],
      [of(git, "appdetails"), details("charts/web"), { type: "Helm", helm }],
      [of(git, "appdetails"), details("base"), { type: "Kustomize", kustomize: { images: ["web:1"] } }],
      [of(git, "appdetails"), details("plain"), { type: "Directory", directory: {} }],
      [of(git, "validate"), {}, {}],
      ["applications/web/revisions/1.0.0/chartdetails", undefined, { description: "", home: "", maintainers: [] }],
      [
        "applications/art/revisions/2/ocimetadata",
        undefined,
        { authors: "Ann", createdAt: "", description: "", docsUrl: "", imageUrl: "", sourceUrl: "", version: "2" },
      ],
    ];
    for (const [path, body, answer] of cases) assert.deepEqual(await call(path, body), [200, answer], path);
    const prod = details("charts/web", { helm: { valueFiles: ["values-prod.yaml"] } });
    const [, merged] = await call(of(git, "appdetails"), prod);
    assert.match(JSON.stringify(merged), /"image\.tag","value":"b"/);
    const refused: readonly (readonly [path: string, body: object | undefined, status: number, text: RegExp])[] = [
      [of(scenario.urlOf("none"), "refs"), undefined, 400, /none/],
      [of(git, "apps?revision=none"), undefined, 400, /none/],
      [of(git, "appdetails"), details("nowhere"), 400, /nowhere/],
      [
        of(git, "appdetails"),
        { source: { repoURL: "https://other.example", path: "x" } },
        400,
        /must be that of the path/,
      ],
      [of(scenario.urlOf("none"), "validate"), {}, 400, /Unable to connect to repository/],
      [of(oci, "helmcharts"), undefined, 400, /does not list its charts/],
      ["applications/web/revisions/9.9.9/chartdetails", undefined, 400, /9\.9\.9/],
      ["applications/web/revisions/1.0.0/chartdetails?sourceIndex=x", undefined, 400, /sourceIndex/],
    ];
    for (const [path, body, status, text] of refused) {
      const [found, answer] = await call(path, body);
      assert.deepEqual([found, text.test(JSON.stringify(answer))], [status, true], `${path} ${JSON.stringify(answer)}`);
    }
  } finally {
    registry.close();
    registry.closeAllConnections();
  }
});
