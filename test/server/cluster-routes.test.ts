import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KubeClient } from "../../src/kube/kube.ts";
import type { JsonAnswer } from "../harness/answer.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { type Applications, openApplications } from "./applications.ts";

const open = new AsyncDisposableStack();
let api: Applications;
let kube: KubeClient;

before(async () => {
  kube = open.use(await openTestPlane()).client;
  await kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } }).catch(() => undefined);
  const control = { kube, clusters: () => [], testRepository: () => Promise.reject(new Error("not asked")) };
  api = open.use(await openApplications([], { control }));
});

after(() => open.disposeAsync());

async function ask(method: string, path: string, body?: unknown): Promise<JsonAnswer> {
  const headers = { authorization: `Bearer ${api.token}`, "content-type": "application/json" };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`${api.url}/api/v1/clusters${path}`, init);
  return { status: response.status, body: await response.json() };
}

const server = "https://10.0.0.1:6443";
const config = {
  bearerToken: "the-token",
  tlsClientConfig: { insecure: false, serverName: "kube", caData: "Y2E=", certData: "Y2VydA==", keyData: "a2V5" },
};
const tls = config.tlsClientConfig;
const path = `/${encodeURIComponent(server)}`;

async function stored(): Promise<{ config: unknown } & Record<string, string>> {
  const { items } = await kube.list({ apiVersion: "v1", kind: "Secret" }, { namespace: "argocd" });
  const secret = items.find(({ metadata }) => metadata.name?.startsWith("cluster-10.0.0.1"));
  const data = Object.entries((secret?.data ?? {}) as Record<string, string>);
  const texts = Object.fromEntries(data.map(([key, text]) => [key, Buffer.from(text, "base64").toString()]));
  return { ...texts, config: JSON.parse(texts.config ?? "null") };
}

const changes: readonly (readonly [name: string, query: string, body: object, kept: object])[] = [
  ["a name alone", "", { name: "b" }, { name: "b", config }],
  [
    "updatedFields: what they do not name stays",
    "?updatedFields=namespaces",
    { name: "b", namespaces: ["x", "y"], config: {} },
    { name: "a", namespaces: "x,y", config },
  ],
  [
    "updatedFields: what they name and is not there is emptied",
    "?updatedFields=project&updatedFields=name",
    { name: "b" },
    { name: "b", project: undefined, config },
  ],
  [
    "a setting of TLS",
    "",
    { config: { tlsClientConfig: { insecure: false, serverName: "other" } } },
    { name: "a", config: { ...config, tlsClientConfig: { ...tls, serverName: "other" } } },
  ],
  [
    "no check of the server",
    "?updatedFields=config",
    { config: { tlsClientConfig: { insecure: true } } },
    {
      config: {
        ...config,
        tlsClientConfig: { insecure: true, serverName: "kube", certData: tls.certData, keyData: tls.keyData },
      },
    },
  ],
  [
    "other credentials replace all of the old ones",
    "",
    { config: { username: "u", password: "p", tlsClientConfig: { insecure: true } } },
    { config: { username: "u", password: "p", tlsClientConfig: { insecure: true } } },
  ],
];

for (const [name, query, body, kept] of changes) {
  test(`a change of a cluster: ${name}`, async () => {
    const posted = await ask("POST", "?upsert=true", { server, name: "a", project: "team", config });
    assert.equal(posted.status, 200, JSON.stringify(posted.body));
    const { status, body: answer } = await ask("PUT", `${path}${query}`, body);
    assert.equal(status, 200, JSON.stringify(answer));
    const now = await stored();
    assert.deepEqual(Object.fromEntries(Object.keys(kept).map((key) => [key, now[key]])), kept);
    assert.equal(/the-token|a2V5/.test(JSON.stringify(answer)), false);
  });
}

test("what GET shows can be sent back, and nothing is lost", async () => {
  await ask("POST", "?upsert=true", { server, name: "a", labels: { env: "test" }, shard: 2, config });
  const before = await stored();
  const { body } = await ask("GET", path);
  assert.equal((await ask("PUT", path, body)).status, 200);
  assert.deepEqual(await stored(), before);
});

const refused: readonly (readonly [query: string, body: object, error: RegExp])[] = [
  ["?updatedFields=server", {}, /updatedFields: "server" must be one of name, namespaces/],
  ["", { server: "https://10.0.0.2" }, /server: "https:\/\/10\.0\.0\.2" must be "https:\/\/10\.0\.0\.1:6443"/],
];

for (const [query, body, error] of refused) {
  test(`a change of a cluster is refused: ${JSON.stringify(body)}${query}`, async () => {
    await ask("POST", "?upsert=true", { server, name: "a", config });
    const before = await stored();
    const answer = await ask("PUT", `${path}${query}`, body);
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, error);
    assert.deepEqual(await stored(), before);
  });
}
