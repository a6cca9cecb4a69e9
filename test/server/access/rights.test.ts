import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { signToken } from "../../../src/server/access/json-web-token.ts";
import { gitOpsCrds } from "../../../src/validate/crds.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { type Applications, applicationObject, openApplications } from "../applications.ts";

const key = "signing-key";
const inCluster = encodeURIComponent("https://kubernetes.default.svc");
const repo = encodeURIComponent("https://git.example/shop");
const kept = encodeURIComponent("https://git.example/kept");
const object = "group=apps&kind=Deployment&namespace=x&resourceName=web";
const other = { metadata: { name: "new" }, spec: { project: "team" } };
const app = "applications/web";

const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "key" } };
const secrets = [
  { ...secret, data: { password: "aHVudGVyMg==" } },
  { ...secret, stringData: { password: "hunter2" } },
];

/** A request, and the one right that it needs. */
const table: readonly (readonly [method: string, path: string, right: string, body?: unknown])[] = [
  ["GET", app, "applications, get, team/web"],
  ["GET", "applications/api?appNamespace=team-a", "applications, get, team/team-a/api"],
  ["POST", "applications", "applications, create, team/new", other],
  [
    "POST",
    "applications?appNamespace=team-a",
    "applications, create, team/team-a/new",
    { ...other, metadata: { name: "new", namespace: "argocd" } },
  ],
  ["PUT", app, "applications, update, team/web", applicationObject("argocd", "web", { spec: { project: "team" } })],
  ["PUT", `${app}/spec`, "applications, update, team/web", { project: "team" }],
  ["PATCH", app, "applications, update, team/web", { patch: "{}", patchType: "merge" }],
  ["DELETE", app, "applications, delete, team/web"],
  ["POST", `${app}/sync`, "applications, sync, team/web", {}],
  // The namespace that the body names is that of the Application that is synced, and of the one that is judged.
  ["POST", `${app}/sync`, "applications, sync, other/team-b/web", { appNamespace: "team-b" }],
  ["POST", `${app}/rollback`, "applications, sync, team/web", { id: 1 }],
  ["DELETE", `${app}/operation`, "applications, sync, team/web"],
  ["GET", `${app}/manifests`, "applications, get, team/web"],
  ["POST", "applications/manifestsWithFiles", "applications, get, team/web", { query: { name: "web" } }],
  [
    "POST",
    "applications/manifestsWithFiles",
    "applications, get, other/team-b/web",
    { query: { name: "web", appNamespace: "team-b" } },
  ],
  ["GET", `${app}/managed-resources`, "applications, get, team/web"],
  ["GET", `${app}/resource-tree`, "applications, get, team/web"],
  ["GET", `${app}/syncwindows`, "applications, get, team/web"],
  ["GET", `${app}/events`, "applications, get, team/web"],
  ["GET", `${app}/server-side-diff`, "applications, get, team/web"],
  ["GET", `${app}/links`, "applications, get, team/web"],
  ["GET", `${app}/resource/links?${object}`, "applications, get, team/web"],
  ["GET", "projects/team/links", "projects, get, team"],
  ["GET", `${app}/revisions/abc/metadata`, "applications, get, team/web"],
  ["GET", `${app}/resource?${object}`, "applications, get, team/web"],
  ["POST", `${app}/resource?${object}`, "applications, update/apps/Deployment/x/web, team/web", {}],
  ["DELETE", `${app}/resource?${object}`, "applications, delete/apps/Deployment/x/web, team/web"],
  ["GET", `${app}/resource/actions?${object}`, "applications, get, team/web"],
  [
    "POST",
    `${app}/resource/actions/v2`,
    "applications, action/apps/Deployment/restart, team/web",
    { group: "apps", kind: "Deployment", action: "restart" },
  ],
  ["POST", `${app}/resource/actions?${object}`, "applications, action/apps/Deployment/restart, team/web", "restart"],
  ["GET", "stream/applications/web/resource-tree", "applications, get, team/web"],
  ["GET", "tiphys/applications/web/sensor", "applications, get, team/web"],
  ["GET", "tiphys/applications/web/approval", "applications, get, team/web"],
  ["POST", "tiphys/applications/web/approve", "applications, sync, team/web", { plan: "0123456789abcdef" }],
  ["POST", "tiphys/applications/web/revert", "applications, update, team/web", {}],
  ["GET", "projects/team", "projects, get, team"],
  ["GET", "projects/team/detailed", "projects, get, team"],
  ["GET", "projects/team/syncwindows", "projects, get, team"],
  ["GET", "projects/team/events", "projects, get, team"],
  ["POST", "projects", "projects, create, new", { project: { metadata: { name: "new" }, spec: {} } }],
  ["PUT", "projects/team", "projects, update, team", { project: { metadata: { name: "team" }, spec: {} } }],
  ["DELETE", "projects/other", "projects, delete, other"],
  ["POST", "projects/team/roles/ci/token", "projects, update, team", {}],
  ["DELETE", "projects/team/roles/ci/token/1", "projects, update, team"],
  ["GET", `clusters/${inCluster}`, "clusters, get, https://kubernetes.default.svc"],
  ["POST", "clusters", "clusters, create, https://a.example", { server: "https://a.example" }],
  ["PUT", `clusters/${inCluster}`, "clusters, update, https://kubernetes.default.svc", {}],
  ["DELETE", `clusters/${inCluster}`, "clusters, delete, https://kubernetes.default.svc"],
  ["GET", `repositories/${repo}`, "repositories, get, https://git.example/shop"],
  ["POST", "repositories", "repositories, create, https://git.example/new", { repo: "https://git.example/new" }],
  [
    "POST",
    "repositories",
    "repositories, create, team/https://git.example/b",
    { repo: "https://git.example/b", project: "team" },
  ],
  ["PUT", `repositories/${repo}`, "repositories, update, https://git.example/shop", {}],
  ["DELETE", `repositories/${repo}`, "repositories, delete, https://git.example/shop"],
  ["GET", `repositories/${kept}/refs`, "repositories, get, team/https://git.example/kept"],
  ["GET", `repositories/${kept}/oci-tags`, "repositories, get, team/https://git.example/kept"],
  ["GET", `repositories/${kept}/apps`, "repositories, get, team/https://git.example/kept"],
  ["GET", `repositories/${kept}/helmcharts`, "repositories, get, team/https://git.example/kept"],
  ["POST", `repositories/${kept}/appdetails`, "repositories, get, team/https://git.example/kept", {}],
  ["POST", `repositories/${repo}/validate`, "repositories, create, https://git.example/shop", {}],
  ["GET", `${app}/revisions/1/chartdetails`, "applications, get, team/web"],
  ["GET", `${app}/revisions/1/ocimetadata`, "applications, get, team/web"],
  ["GET", `write-repositories/${repo}`, "write-repositories, get, https://git.example/shop"],
  ["POST", "repocreds", "repositories, create, https://git.example", { url: "https://git.example" }],
  ["DELETE", `repocreds/${repo}`, "repositories, delete, https://git.example/shop"],
  ["DELETE", `write-repocreds/${repo}`, "write-repositories, delete, https://git.example/shop"],
  [
    "POST",
    "certificates",
    "certificates, create, git.example",
    { items: [{ serverName: "git.example", certType: "ssh", certSubType: "ssh-rsa", certData: "QUFBQQ==" }] },
  ],
  ["GET", "gpgkeys/0123456789ABCDEF", "gpgkeys, get, 0123456789ABCDEF"],
  ["DELETE", "gpgkeys?keyID=0123456789ABCDEF", "gpgkeys, delete, 0123456789ABCDEF"],
  ["GET", "account/u0", "accounts, get, u0"],
  ["POST", "account/u0/token", "accounts, update, u0", {}],
  ["DELETE", "account/u0/token/x", "accounts, update, u0"],
  ["GET", "tiphys/bus", "tiphys, get, bus"],
  ["POST", "tiphys/events", "tiphys, create, events", {}],
];

const open: AsyncDisposableStack = new AsyncDisposableStack();
let api: Applications;
let kube: KubeClient;

before(async () => {
  const plane = open.use(await openTestPlane());
  const { client } = plane;
  kube = client;
  for (const crd of gitOpsCrds()) await client.create(crd as never);
  const config = (kind: string, name: string, data: Readonly<Record<string, string>>) =>
    client.create({ apiVersion: "v1", kind, metadata: { namespace: "argocd", name }, data } as never);
  const names = ["nobody", "evader", "reader", ...table.map((_, index) => `u${index}`), `u${table.length}`];
  await client
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } } as never)
    .catch(() => undefined);
  await config("ConfigMap", "argocd-cm", Object.fromEntries(names.map((name) => [`accounts.${name}`, "apiKey"])));
  const lines = [
    ...table.map(([, , right], index) => `p, u${index}, ${right}, allow`),
    `p, u${table.length}, repositories, get, *, allow`,
    "p, reader, applications, get, */*, allow",
    "p, evader, applications, delete/*, team/web, allow",
    "p, evader, applications, delete//Secret/prod/*, team/web, deny",
  ];
  await config("ConfigMap", "argocd-rbac-cm", { "policy.csv": lines.join("\n") });
  const tokens = names.map((name) => [`accounts.${name}.tokens`, `[{"id":"one","iat":1}]`]);
  const secret = Object.fromEntries([["server.secretkey", key], ...tokens] as [string, string][]);
  const data = Object.fromEntries(
    Object.entries(secret).map(([name, text]) => [name, Buffer.from(text).toString("base64")]),
  );
  await config("Secret", "argocd-secret", data);
  const labels = { "argocd.argoproj.io/secret-type": "repository" };
  const stringData = { url: "https://git.example/kept", project: "team" };
  const metadata = { namespace: "argocd", name: "repo-kept", labels };
  await client.create({ apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", stringData } as never);
  for (const name of ["team", "other"]) {
    const metadata = { namespace: "argocd", name };
    const spec = { roles: [{ name: "ci" }] };
    await client.create({ apiVersion: "argoproj.io/v1alpha1", kind: "AppProject", metadata, spec } as never);
  }
  const applications = [
    applicationObject("argocd", "web", { spec: { project: "team" } }),
    applicationObject("team-a", "api", { spec: { project: "team" } }),
    applicationObject("team-b", "web", { spec: { project: "other" } }),
    applicationObject("team-a", "two", { spec: { project: "team" } }),
    applicationObject("team-b", "two", { spec: { project: "team" } }),
  ];
  const none = () => Promise.reject(new Error("not asked"));
  api = open.use(
    await openApplications(applications, {
      control: {
        kube: client,
        clusters: () => [],
        testRepository: none,
        repositories: { refs: none, tags: none, charts: none, apps: none, details: none },
      },
      edits: { create: none, change: none, delete: none, terminate: none },
      looks: {
        cluster: () => client,
        liveTree: async () => ({
          nodes: [{ version: "v1", kind: "Secret", namespace: "prod", name: "key", group: "" }],
        }),
        manifests: async () => ({ manifests: secrets, revisions: ["abc"], types: ["Directory"] }),
      },
    }),
  );
});

after(() => open.disposeAsync());

async function ask(
  name: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  const token = signToken({ iss: "argocd", sub: `${name}:apiKey`, jti: "one", iat: 1 }, Buffer.from(key));
  const response = await fetch(`${api.url}/api/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

for (const [index, [method, path, right, body]] of table.entries()) {
  test(`${method} ${path} needs ${right}, and no more`, async () => {
    const refused = await ask("nobody", method, path, body);
    assert.deepEqual([refused.status, /permission denied/.test(refused.text)], [403, true], refused.text);
    const allowed = await ask(`u${index}`, method, path, body);
    assert.notEqual(allowed.status, 403, allowed.text);
    assert.notEqual(allowed.status, 401, allowed.text);
  });
}

for (const [index, [method, path]] of table.entries()) {
  if (method !== "GET") continue;
  test(`HEAD ${path} tells no more than GET`, async () => {
    assert.equal((await ask("nobody", "HEAD", path)).status, 403);
    assert.notEqual((await ask(`u${index}`, "HEAD", path)).status, 403);
  });
}

for (const [method, path, body] of [
  ["GET", "applications/web", undefined],
  ["GET", "applications/web/logs", undefined],
  ["GET", "applications/web?project=team", undefined],
  ["GET", "applications/web?appNamespace=team-b", undefined],
  ["POST", "applications/web/sync", {}],
  ["DELETE", "applications/web/resource?group=apps&kind=Deployment&namespace=x&resourceName=y", undefined],
  ["POST", "applications/web/resource/actions?group=apps&kind=Deployment&namespace=x&resourceName=y", "restart"],
  ["GET", "tiphys/applications/web/why", undefined],
] as const) {
  test(`who may not see it learns nothing from ${method} ${path}`, async () => {
    const there = await ask("nobody", method, path, body);
    const missing = await ask("nobody", method, path.replace("/web", "/none"), body);
    assert.equal(there.status, 403);
    assert.deepEqual(
      { ...there, text: there.text.replaceAll("/web", "/none") },
      {
        ...missing,
        text: missing.text.replaceAll("/web", "/none"),
      },
    );
  });
}

test("of several Applications with one name, who may see all is told which there are", async () => {
  const several = (name: string) => ask(name, "GET", "tiphys/applications/two/sensor");
  assert.deepEqual([(await several("nobody")).status, (await several("reader")).status], [403, 400]);
  assert.match((await several("reader")).text, /name one of team-a\/two, team-b\/two/);
});

test("lists show what may be seen", async () => {
  const empty = [
    "applications",
    "projects",
    "clusters",
    "repositories",
    "repocreds",
    "write-repositories",
    "certificates",
  ];
  for (const path of empty) {
    const { status, text } = await ask("nobody", "GET", path);
    assert.deepEqual([status, JSON.parse(text).items], [200, []], path);
  }
  const { items } = JSON.parse((await ask("u0", "GET", "applications")).text);
  assert.deepEqual(
    items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
    ["web"],
  );
  const accounts = JSON.parse((await ask("nobody", "GET", "account")).text).items;
  assert.deepEqual(accounts, [
    { name: "nobody", enabled: true, capabilities: ["apiKey"], tokens: [{ id: "one", issuedAt: 1 }] },
  ]);
});

test("a new Application brings no operation: that would be a sync that nobody asked for", async () => {
  const at = table.findIndex(([method, path]) => method === "POST" && path === "applications");
  const operation = { sync: {}, initiatedBy: { username: "somebody" } };
  const { status, text } = await ask(`u${at}`, "POST", "applications", { ...other, operation });
  assert.deepEqual([status, /operation: is not taken/.test(text)], [400, true]);
});

test("settings are for whoever is logged in", async () => {
  const { status, text } = await ask("nobody", "GET", "settings/plugins");
  assert.deepEqual([status, JSON.parse(text)], [200, { plugins: [] }]);
  const settings = JSON.parse((await ask("nobody", "GET", "settings")).text);
  assert.deepEqual([settings.syncWithReplaceAllowed, settings.resourceViewEnabled, settings.plugins], [true, true, []]);
});

test("what no line names is refused", async () => {
  for (const path of ["secrets", "tiphys", "applications/web/whatever", "tiphys/events"]) {
    assert.equal((await ask("u0", "GET", path)).status, 403, path);
  }
});

test("a project does not give away what its editor has no right to", async () => {
  const at = table.findIndex(([method, path]) => method === "PUT" && path === "projects/team");
  const put = (spec: object) =>
    ask(`u${at}`, "PUT", "projects/team", { project: { metadata: { name: "team" }, spec } });
  const source = await put({ sourceRepos: ["https://git.example/*"] });
  assert.deepEqual([source.status, /repositories, update, https:\/\/git\.example\/\*/.test(source.text)], [403, true]);
  const place = await put({ destinations: [{ server: "*", namespace: "*" }] });
  assert.deepEqual([place.status, /clusters, update, \*/.test(place.text)], [403, true]);
  assert.equal((await put({ description: "text" })).status, 200);
});

test("a repository is not moved to where its editor has no right", async () => {
  const at = table.findIndex(([method, path]) => method === "PUT" && path === `repositories/${repo}`);
  const spec = { type: "Opaque", stringData: { url: "https://git.example/shop", type: "git" } };
  const labels = { "argocd.argoproj.io/secret-type": "repository" };
  const metadata = { namespace: "argocd", name: "repo-shop", labels };
  await kube.create({ apiVersion: "v1", kind: "Secret", metadata, ...spec } as never);
  const moved = await ask(`u${at}`, "PUT", `repositories/${repo}`, { project: "other" });
  const wanted = /repositories, update, other\/https:\/\/git\.example\/shop/;
  assert.deepEqual([moved.status, wanted.test(moved.text)], [403, true], moved.text);
  const elsewhere = await ask(`u${at}`, "PUT", `repositories/${repo}`, { repo: "https://evil.example/shop" });
  assert.deepEqual([elsewhere.status, /must be \\"https:\/\/git\.example\/shop/.test(elsewhere.text)], [400, true]);
});

test("a repository that nobody told of is looked into by whoever may make Applications", async () => {
  const at = table.length;
  const elsewhere = await ask(`u${at}`, "GET", `repositories/${encodeURIComponent("https://git.example/else")}/refs`);
  assert.deepEqual([elsewhere.status, /applications, create, default\/\*/.test(elsewhere.text)], [403, true]);
});

test("an object that may not be deleted is not found by leaving out its namespace", async () => {
  const at = (namespace: string) => `${app}/resource?group=&kind=Secret&namespace=${namespace}&resourceName=key`;
  for (const namespace of ["prod", ""]) {
    const { status, text } = await ask("evader", "DELETE", at(namespace));
    assert.deepEqual([status, text.includes("delete//Secret/prod/key")], [403, true], text);
  }
});

test("manifests show no values of Secrets", async () => {
  const { status, text } = await ask("u0", "GET", `${app}/manifests`);
  assert.deepEqual([status, /aHVudGVyMg|hunter2/.test(text), text.match(/\+{8}/g)?.length], [200, false, 2], text);
});
