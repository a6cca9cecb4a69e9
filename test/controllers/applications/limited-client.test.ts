import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createSlots } from "../../../src/base/slots.ts";
import { limitedClient } from "../../../src/controllers/applications/limited-client.ts";
import { createKubeClient } from "../../../src/kube/client.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import { adminToken, openTestPlane } from "../../harness/control-plane.ts";

test("no more requests than places are under way, and each answer is its own", async () => {
  await using plane = await openTestPlane();
  let underWay = 0;
  let most = 0;
  const counted = {
    ...plane.client,
    async create(...asked: Parameters<typeof plane.client.create>) {
      underWay += 1;
      most = Math.max(most, underWay);
      try {
        return await plane.client.create(...asked);
      } finally {
        underWay -= 1;
      }
    },
  };
  const client = limitedClient(counted, createSlots(3));
  const names = Array.from({ length: 40 }, (_, index) => `n${index}`);
  const made = await Promise.all(
    names.map((name) => client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  );
  assert.deepEqual(
    made.map(({ metadata }) => metadata.name),
    names,
  );
  assert.equal(most, 3);
});

test("a request that fails, and one that is cut off while it waits, give their places back", async () => {
  await using plane = await openTestPlane();
  const client = limitedClient(plane.client, createSlots(1));
  const ref = { apiVersion: "v1", kind: "Namespace", name: "there-is-none" };
  for (let round = 0; round < 3; round++) {
    await assert.rejects(client.patch(ref, "application/merge-patch+json", {}), { code: "API_NOT_FOUND" });
  }
  const stop = new AbortController();
  const first = client.get(ref);
  const waiting = client.get(ref, stop.signal);
  stop.abort(new Error("cut off"));
  await assert.rejects(waiting, /cut off/);
  assert.equal(await first, undefined);
  assert.equal(await client.get(ref), undefined);
});

const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } };
const namespaceRef = { apiVersion: "v1", kind: "Namespace", name: "a" };

for (const [verb, write] of [
  ["create", (client) => client.create(namespace)],
  ["update", (client) => client.update(namespace)],
  ["patch", (client) => client.patch(namespaceRef, "application/merge-patch+json", {})],
  ["delete", (client) => client.delete(namespaceRef, { onlyIf: { uid: "1" } })],
] as const satisfies readonly (readonly [string, (client: KubeClient) => Promise<unknown>])[]) {
  test(`a ${verb} whose right is lost while it is made ready does not leave`, async () => {
    await using plane = await openTestPlane();
    let isOurs = true;
    const sent: string[] = [];
    const kube = createKubeClient({
      baseUrl: "http://kube.local",
      token: adminToken,
      log: silentLogger,
      async fetch(request) {
        if (request.method === "GET")
          isOurs = false; // the look for the kind took so long
        else sent.push(request.method);
        return plane.plane.fetch(request);
      },
    });
    const lost = new EngineError("LEASE_LOST", "another engine has it");
    const client = limitedClient(kube, createSlots(1), () => {
      if (!isOurs) throw lost;
    });
    await assert.rejects(write(client), lost);
    assert.deepEqual(sent, []);
  });
}
