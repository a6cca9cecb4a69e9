import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { withCheckedWrites } from "../../src/kube/checked-writes.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import type { KubeClient, WriteOptions } from "../../src/kube/kube.ts";
import { adminToken, openTestPlane, type TestPlane } from "../harness/control-plane.ts";

const object = { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } };
const ref = { apiVersion: "v1", kind: "Namespace", name: "a" };
const lost = new EngineError("LEASE_LOST", "another engine has it");

/** A client whose right is lost during the look for the kind, and the methods that left it. */
function openClient({ plane }: TestPlane) {
  const sent: string[] = [];
  let isOurs = true;
  const kube = createKubeClient({
    baseUrl: "http://kube.local",
    token: adminToken,
    log: silentLogger,
    async fetch(request) {
      if (request.method === "GET") isOurs = false;
      else sent.push(request.method);
      return plane.fetch(request);
    },
  });
  const client = withCheckedWrites(kube, () => {
    if (!isOurs) throw lost;
  });
  return { client: client.as("system:serviceaccount:team:default"), sent };
}

type Write = (client: KubeClient, options: WriteOptions) => Promise<unknown>;

for (const [verb, write] of [
  ["create", (client, options) => client.create(object, options)],
  ["update", (client, options) => client.update(object, options)],
  ["patch", (client, options) => client.patch(ref, "application/merge-patch+json", {}, options)],
  ["delete", (client, options) => client.delete(ref, options)],
] as const satisfies readonly (readonly [string, Write])[]) {
  test(`a ${verb} whose right is lost before it leaves does not leave; a dry run does`, async () => {
    await using plane = await openTestPlane();
    const { client, sent } = openClient(plane);
    await assert.rejects(write(client, {}), lost);
    assert.deepEqual(sent, []);
    await write(client, { dryRun: true }).catch(() => undefined); // there may be nothing to do it to
    assert.equal(sent.length, 1);
  });
}
