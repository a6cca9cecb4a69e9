import assert from "node:assert/strict";
import { test } from "node:test";
import { type Applications, applicationObject, openApplications } from "./applications.ts";

const web = applicationObject("argocd", "web", {
  metadata: { labels: { team: "a", "a.b": "c" } },
  status: { sync: { status: "Synced", revision: "abc" }, resources: [{ kind: "Pod", name: "x" }] },
});
const meta = web.metadata;

const cases: readonly (readonly [path: string, answer: unknown])[] = [
  ["?fields=items.metadata.name", { items: [{ metadata: { name: "web" } }] }],
  [
    "?fields=items.metadata.name,metadata.resourceVersion",
    { items: [{ metadata: { name: "web" } }], metadata: { resourceVersion: "1" } },
  ],
  ["?fields=items.status.resources.kind", { items: [{ status: { resources: [{ kind: "Pod" }] } }] }],
  [
    "?fields=items.status.sync,items.status.sync.revision",
    { items: [{ status: { sync: { status: "Synced", revision: "abc" } } }] },
  ],
  [
    "?fields=items.status.sync.revision,items.status.sync",
    { items: [{ status: { sync: { status: "Synced", revision: "abc" } } }] },
  ],
  ["?fields=constructor,items.constructor", { items: [{}] }],
  [
    "?fields=-items.status,items.spec,items.metadata.labels,metadata",
    {
      items: [
        {
          apiVersion: web.apiVersion,
          kind: web.kind,
          metadata: { namespace: "argocd", name: "web", resourceVersion: "1" },
        },
      ],
    },
  ],
  ["/web?fields=metadata", { metadata: meta }],
  [
    "/web?fields=metadata.name&fields=status.sync.status",
    { metadata: { name: "web" }, status: { sync: { status: "Synced" } } },
  ],
  ["/web?refresh=normal&fields=metadata.name", { metadata: { name: "web" } }],
];

async function ask({ url, token }: Applications, path: string): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/api/v1/applications${path}`, { headers });
  return { status: response.status, body: await response.json() };
}

for (const [path, body] of cases) {
  test(`${path} answers these fields alone`, async () => {
    await using server = await openApplications([web]);
    assert.deepEqual(await ask(server, path), { status: 200, body });
  });
}

test("too many fields are refused", async () => {
  await using server = await openApplications([web]);
  const many = Array.from({ length: 201 }, (_, at) => `f${at}`).join(",");
  assert.equal((await ask(server, `?fields=${many}`)).status, 400);
  assert.equal((await ask(server, `?fields=${"a.".repeat(30)}b`)).status, 400);
});
