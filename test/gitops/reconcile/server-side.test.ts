import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAppProject } from "../../../src/api/app-project.ts";
import { parseResourceSettings } from "../../../src/api/resource-settings.ts";
import { askServer, serverOf } from "../../../src/gitops/reconcile/server-side.ts";
import { createSettings } from "../../../src/gitops/reconcile/settings.ts";
import { openTestPlane } from "../../harness/control-plane.ts";
import { openWorld } from "./world.ts";

const enabled = "application.sync.impersonation.enabled";
const signal = (): AbortSignal => AbortSignal.timeout(9_000);

for (const [name, data, accounts, expected] of [
  ["as the engine where nothing is said", {}, [], "self"],
  [
    "as the service account of a sync",
    { [enabled]: "true" },
    [{ server: "*", namespace: "default", defaultServiceAccount: "deployer" }],
    "system:serviceaccount:default:deployer",
  ],
  [
    "not at all without one",
    { [enabled]: "true" },
    [],
    "no matching service account found for destination server https://kubernetes.default.svc and namespace default",
  ],
] as const) {
  test(`a server is asked what a sync would make ${name}`, async () => {
    await using world = await openWorld();
    const users: string[] = [];
    const as = (user: string) => {
      users.push(user);
      return world.plane.client;
    };
    const kube = { ...world.plane.client, as };
    const spec = { destinationServiceAccounts: accounts, destinations: [{ server: "*", namespace: "*" }] };
    const manifest = { apiVersion: "argoproj.io/v1alpha1", kind: "AppProject", metadata: { name: "default" }, spec };
    const project = parseAppProject(manifest as never).resource;
    const settings = createSettings(parseResourceSettings(data), () => 0);
    const { application } = world.app("web");
    const server = serverOf(application, { project, cluster: { ...world.cluster, kube } }, settings);
    const found = typeof server === "string" ? server : server === kube ? "self" : users.join();
    assert.equal(found, expected);
  });
}

test("what a server refuses is a problem of the comparison, which names the object", async () => {
  await using plane = await openTestPlane();
  const target = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "Not_A_Name", namespace: "default" } };
  const { served, problems } = await askServer([target], plane.client, { includeWebhooks: false }, signal());
  assert.equal(served.size, 0);
  assert.match(
    problems.join(),
    /^Failed to compare desired state to live state: failed to calculate diff: error running server side apply in dryrun mode for resource ConfigMap\/Not_A_Name: /,
  );
});
