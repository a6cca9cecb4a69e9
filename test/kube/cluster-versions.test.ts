import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import { createClusterVersions } from "../../src/kube/cluster-versions.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";

const never = new AbortController().signal;

test("versions and kinds are those that the server serves, asked for once in a while", async () => {
  await using plane = await openTestPlane({});
  const clock = createVirtualClock("2026-11-29T12:00:00Z");
  let asked = 0;
  const document = (path: string): Promise<unknown> => {
    asked += 1;
    return plane.client.document(path);
  };
  const versions = createClusterVersions({ document }, clock);
  const { kubeVersion, apiVersions } = await versions(never);
  assert.match(kubeVersion, /^v\d+\.\d+\.\d+/);
  for (const one of ["v1", "v1/ConfigMap", "apps/v1", "apps/v1/Deployment"]) assert.ok(apiVersions.includes(one), one);
  assert.deepEqual([...apiVersions], [...apiVersions].sort());
  const count = asked;
  await versions(never);
  assert.equal(asked, count);
  await clock.advance(31_000);
  await versions(never);
  assert.ok(asked > count);
});

test("a failure is not remembered, and a group whose server is away has no kinds", async () => {
  let isAway = true;
  const documents: Readonly<Record<string, unknown>> = {
    "/version": { gitVersion: "v1.30.1" },
    "/api": { versions: ["v1"] },
    "/apis": { groups: [{ versions: [{ groupVersion: "away/v1" }] }] },
    "/api/v1": {
      resources: [
        { name: "pods", kind: "Pod" },
        { name: "pods/status", kind: "Pod" },
      ],
    },
  };
  const document = async (path: string): Promise<unknown> => {
    if (isAway || path === "/apis/away/v1") throw new EngineError("API_UNAVAILABLE", "away");
    return documents[path];
  };
  const versions = createClusterVersions({ document }, createVirtualClock("2026-11-29T12:00:00Z"));
  await assert.rejects(versions(never), { code: "API_UNAVAILABLE" });
  isAway = false;
  assert.deepEqual(await versions(never), { kubeVersion: "v1.30.1", apiVersions: ["away/v1", "v1", "v1/Pod"] });
});

const said = { gitVersion: "v1.30.1", versions: [] };

for (const hanging of ["/version", "/apis/away/v1"]) {
  test(`a cluster that hangs on ${hanging} is given up; who leaves before waits no more`, async () => {
    const document = (path: string, signal?: AbortSignal): Promise<unknown> => {
      if (path === hanging)
        return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
      return Promise.resolve(path === "/apis" ? { groups: [{ versions: [{ groupVersion: "away/v1" }] }] } : said);
    };
    const clock = createVirtualClock("2026-11-29T12:00:00Z");
    const versions = createClusterVersions({ document }, clock);
    const leaving = new AbortController();
    const [left, stays] = [versions(leaving.signal), versions(never)];
    leaving.abort(new Error("it left"));
    await assert.rejects(left, /it left/);
    const rejected = assert.rejects(stays, { code: "API_UNAVAILABLE", message: /within 30 s/ });
    await clock.advance(30_000);
    await rejected;
  });
}
