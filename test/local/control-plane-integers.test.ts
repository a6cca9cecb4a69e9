import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifests } from "../../src/api/manifest.ts";
import { adminToken, openTestPlane, type TestPlane } from "../harness/control-plane.ts";

// Kubernetes keeps integers of 64 bits; a number of JavaScript does not. Seen from outside: as text, over HTTP.

const uid = "9007199254740993";
const path = "/api/v1/namespaces/default/pods";

function pod(name: string): string {
  return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"${name}"},"spec":{"containers":[{"name":"a","image":"a"}],"securityContext":{"runAsUser":${uid}}}}`;
}

async function read(plane: TestPlane, name: string): Promise<string> {
  const request = new Request(`http://kube.local${path}/${name}`, {
    headers: { authorization: `Bearer ${adminToken}` },
  });
  return (await plane.plane.fetch(request)).text();
}

for (const [how, send] of [
  ["created", (plane) => plane.call("POST", path, pod("p"))],
  [
    "applied",
    (plane) =>
      plane.call("PATCH", `${path}/p?fieldManager=test`, pod("p"), { "content-type": "application/apply-patch+yaml" }),
  ],
  [
    "applied as YAML",
    (plane) => {
      const yaml = `apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers: [{name: a, image: a}]\n  securityContext: {runAsUser: ${uid}}\n`;
      const headers = { "content-type": "application/apply-patch+yaml" };
      return plane.call("PATCH", `${path}/p?fieldManager=test`, yaml, headers);
    },
  ],
  [
    "read from a manifest and sent by our own client",
    async (plane) => {
      const [manifest] = parseManifests(pod("p"), "p.json");
      assert.ok(manifest);
      return plane.call("POST", path, manifest.object);
    },
  ],
  [
    "merged",
    async (plane) => {
      await plane.call("POST", path, pod("p").replace(uid, "1"));
      const patch = `{"spec":{"securityContext":{"runAsUser":${uid}}}}`;
      return plane.call("PATCH", `${path}/p`, patch, { "content-type": "application/merge-patch+json" });
    },
  ],
] as const satisfies readonly (readonly [string, (plane: TestPlane) => Promise<{ status: number }>])[]) {
  test(`an integer beyond 2^53 keeps its digits when ${how}`, async () => {
    await using plane = await openTestPlane();
    const { status } = await send(plane);
    assert.ok(status < 300, String(status));
    assert.match(await read(plane, "p"), new RegExp(`"runAsUser":${uid}\\b`));
  });
}

test("a watch tells the digits, too", async () => {
  await using plane = await openTestPlane();
  await plane.call("POST", path, pod("p"));
  const { items } = await plane.client.list({ apiVersion: "v1", kind: "Pod" });
  assert.equal(JSON.stringify(items[0]).includes(`"runAsUser":${uid}`), true);
});
