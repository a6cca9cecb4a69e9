import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KubeObject } from "../../../src/objects/object.ts";
import { signToken } from "../../../src/server/access/json-web-token.ts";
import { gitOpsCrds } from "../../../src/validate/crds.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { type Applications, applicationObject, openApplications } from "../applications.ts";

const key = "signing-key";
const policies = [
  "p, changer, applications, update, team/web, allow",
  "p, changer, applications, create, team/*, allow",
  "p, syncer, applications, update, team/web, allow",
  "p, syncer, applications, create, team/*, allow",
  "p, syncer, applications, sync, team/*, allow",
];
const annotations = { "tiphys.io/approved-plan": "0123456789abcdef" };
const spec = { project: "team" };
const web = applicationObject("argocd", "web", { metadata: { annotations: { team: "a" } }, spec });

const open = new AsyncDisposableStack();
let api: Applications;
let written: KubeObject[] = [];

before(async () => {
  const { client } = open.use(await openTestPlane());
  for (const crd of gitOpsCrds()) await client.create(crd as never);
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } }).catch(() => undefined);
  const create = (kind: string, name: string, data: Readonly<Record<string, string>>) =>
    client.create({ apiVersion: "v1", kind, metadata: { namespace: "argocd", name }, data } as never);
  await create("ConfigMap", "argocd-cm", { "accounts.changer": "apiKey", "accounts.syncer": "apiKey" });
  await create("ConfigMap", "argocd-rbac-cm", { "policy.csv": policies.join("\n") });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const tokens = base64(`[{"id":"one","iat":1}]`);
  await create("Secret", "argocd-secret", {
    "server.secretkey": base64(key),
    "accounts.changer.tokens": tokens,
    "accounts.syncer.tokens": tokens,
  });
  const none = () => Promise.reject(new Error("not asked"));
  const keep = (one: KubeObject): KubeObject => {
    written.push(one);
    return one;
  };
  api = open.use(
    await openApplications([web], {
      control: { kube: client, clusters: () => [], testRepository: none },
      edits: {
        create: async (one) => keep(one),
        change: async (_, change) => keep(change(web)),
        delete: none,
        terminate: none,
      },
    }),
  );
});

after(() => open.disposeAsync());

async function ask(name: string, method: string, path: string, body: object): Promise<[status: number, text: string]> {
  const token = signToken({ iss: "argocd", sub: `${name}:apiKey`, jti: "one", iat: 1 }, Buffer.from(key));
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(`${api.url}/api/v1/applications${path}`, {
    method,
    headers,
    body: JSON.stringify(body),
  });
  return [response.status, await response.text()];
}

const approving = { ...web, metadata: { ...web.metadata, annotations } };
const ways: readonly (readonly [name: string, method: string, path: string, body: object])[] = [
  ["a merge patch", "PATCH", "/web", { patchType: "merge", patch: JSON.stringify({ metadata: { annotations } }) }],
  [
    "a JSON patch",
    "PATCH",
    "/web",
    {
      patchType: "json",
      patch: JSON.stringify([{ op: "add", path: "/metadata/annotations/tiphys.io~1approved-plan", value: "01" }]),
    },
  ],
  ["a replacement", "PUT", "/web", approving],
  ["an upsert", "POST", "?upsert=true", approving],
  ["a new one", "POST", "", { ...approving, metadata: { ...approving.metadata, name: "other" } }],
];

for (const [name, method, path, body] of ways) {
  test(`a plan is approved by whoever may sync, not by whoever may change: ${name}`, async () => {
    written = [];
    const [status, text] = await ask("changer", method, path, body);
    assert.deepEqual([status, /permission denied: applications, sync, team\//.test(text)], [403, true], text);
    assert.deepEqual(written, []);
    const [allowed, answer] = await ask("syncer", method, path, body);
    assert.deepEqual([allowed, written.length], [200, 1], answer);
  });
}

test("other annotations need no right to sync", async () => {
  const patch = JSON.stringify({ metadata: { annotations: { team: "b" } } });
  assert.equal((await ask("changer", "PATCH", "/web", { patchType: "merge", patch }))[0], 200);
});
