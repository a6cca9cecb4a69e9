import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gitOpsCrds } from "../../src/validate/crds.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { type Applications, applicationObject, openApplications } from "./applications.ts";

const open = new AsyncDisposableStack();
let api: Applications;

const links = {
  "application.links": `- {title: logs, url: "https://logs/{{.app.metadata.name}}/{{.cluster.labels.env}}/{{.project.spec.description}}"}`,
  "resource.links": `- {title: key, url: "https://keys/{{.resource.metadata.name}}/{{.resource.data.password}}", if: 'resource.kind == "Secret"'}`,
  "project.links": `- {title: team, url: "https://teams/{{.project.metadata.name}}"}`,
};

before(async () => {
  const { client } = open.use(await openTestPlane());
  for (const crd of gitOpsCrds()) await client.create(crd as never);
  for (const name of ["argocd", "shop"]) {
    await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }).catch(() => undefined);
  }
  const inArgo = (name: string, labels = {}) => ({ namespace: "argocd", name, labels });
  await client.create({ apiVersion: "v1", kind: "ConfigMap", metadata: inArgo("argocd-cm"), data: links } as never);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  await client.create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: inArgo("cluster-k", { "argocd.argoproj.io/secret-type": "cluster", env: "prod" }),
    data: { server: base64("https://k.example"), name: base64("k"), config: base64('{"bearerToken":"t0ken"}') },
  } as never);
  await client.create({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: inArgo("team"),
    spec: { description: "ours" },
  } as never);
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { namespace: "shop", name: "key" } };
  await client.create({ ...secret, data: { password: base64("hunter2") } } as never);
  const web = applicationObject("argocd", "web", {
    spec: { project: "team", destination: { server: "https://k.example", namespace: "shop" } },
  });
  api = open.use(
    await openApplications([web], {
      control: { kube: client, clusters: () => [], testRepository: () => Promise.reject(new Error("not asked")) },
      looks: {
        cluster: () => client,
        liveTree: async () => ({ nodes: [{ version: "v1", kind: "Secret", namespace: "shop", name: "key" }] }),
      },
    }),
  );
});

after(() => open.disposeAsync());

const object = "resource/links?resourceName=key&namespace=shop&version=v1&kind=Secret";
const cases: readonly (readonly [path: string, items: readonly object[]])[] = [
  ["applications/web/links", [{ title: "logs", url: "https://logs/web/prod/ours" }]],
  [`applications/web/${object}`, [{ title: "key", url: "https://keys/key/++++++++" }]],
  ["projects/team/links", [{ title: "team", url: "https://teams/team" }]],
  ["projects/default/links", [{ title: "team", url: "https://teams/default" }]],
];

for (const [path, items] of cases) {
  test(`${path} answers what argocd-cm says`, async () => {
    const headers = { authorization: `Bearer ${api.token}` };
    const response = await fetch(`${api.url}/api/v1/${path}`, { headers });
    assert.deepEqual([response.status, await response.json()], [200, { items }]);
  });
}
