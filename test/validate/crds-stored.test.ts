import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplicationSet } from "../../src/api/application-set/application-set.ts";
import { gitOpsCrds } from "../../src/validate/crds.ts";
import { openTestPlane } from "../harness/control-plane.ts";

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const path = "/apis/argoproj.io/v1alpha1/namespaces/default/applicationsets";
const spec = {
  goTemplate: true,
  generators: [{ matrix: { generators: [{ clusters: {} }, { list: { elements: [{ app: "web", odd: [1] }] } }] } }],
  template: {
    metadata: { name: "{{ .name }}-{{ .app }}" },
    spec: {
      project: "default",
      source: { repoURL: "https://git.example.com/shop", path: "{{ .app }}" },
      destination: { name: "{{ .name }}", namespace: "shop" },
    },
  },
  fieldOfLater: { kept: true },
};

test("an ApplicationSet is stored whole by its CRD, with its status apart", async () => {
  await using api = await openTestPlane();
  for (const crd of gitOpsCrds()) assert.equal((await api.call("POST", crds, crd)).status, 201);
  const object = { apiVersion: "argoproj.io/v1alpha1", kind: "ApplicationSet", metadata: { name: "shop" }, spec };
  const created = await api.call("POST", path, { ...object, status: { resourcesCount: 9 } });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  assert.equal(created.body.status, undefined, "status is not written with the object");

  const merge = { "content-type": "application/merge-patch+json" };
  const conditions = [{ type: "ResourcesUpToDate", status: "True", reason: "ApplicationSetUpToDate", message: "ok" }];
  const status = { conditions, resourcesCount: 1, health: { status: "Healthy" } };
  assert.equal((await api.call("PATCH", `${path}/shop/status`, { status }, merge)).status, 200);
  const { resource } = parseApplicationSet((await api.call("GET", `${path}/shop`)).body);
  assert.deepEqual(resource.spec, spec);
  assert.deepEqual(resource.status, status);
});
