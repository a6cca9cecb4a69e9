import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { cdeventOf, removalOf } from "../../../src/ledger/export/cdevents.ts";
import type { ObservationRecord, SyncRecord } from "../../../src/record/records.ts";
import { syncDraft } from "../rollout.ts";

const record = {
  ...(syncDraft("d", { revisions: ["b"], images: ["ghcr.io/acme/Web:1.2"] }) as SyncRecord),
  id: "w-1.0",
};

/** [what, of the record, predicate; undefined: no event] */
for (const [what, more, predicate] of [
  ["the first sync", {}, "deployed"],
  ["another revision", { before: ["a"] }, "upgraded"],
  ["one of several sources at another", { before: ["b", "c"], revisions: ["b", "d"] }, "upgraded"],
  ["back to what was deployed before", { before: ["a"], isReturn: true }, "rolledback"],
  ["the same once more", { before: ["b"] }, undefined],
  ["one that failed", { phase: "Failed" }, undefined],
  ["a dry run", { options: ["dry run"] }, undefined],
  ["some objects alone", { options: ["prune", "2 objects alone"] }, undefined],
  ["one object alone", { options: ["1 object alone"] }, undefined],
  ["other options", { options: ["prune", "Replace=true"] }, "deployed"],
  ["one that never knew its revisions", { revisions: [] }, undefined],
] as const) {
  test(`CDEvents of a sync: ${what}`, () => {
    const type = cdeventOf({ ...record, ...more })?.type;
    assert.equal(type, predicate && `dev.cdevents.service.${predicate}.0.2.0`);
  });
}

test("a CDEvent is one by its schema, in a CloudEvent whose attributes say the same", () => {
  const event = cdeventOf({ ...record, destination: { name: "prod", namespace: "shop" }, by: "alice" }, "/clusters/eu");
  const { data, ...attributes } = event as JsonObject & { readonly data: JsonObject };
  assert.deepEqual(attributes, {
    specversion: "1.0",
    id: "w-1.0",
    source: "/clusters/eu",
    type: "dev.cdevents.service.deployed.0.2.0",
    subject: "argocd/web",
    time: "1970-01-01T00:00:01.140Z",
    datacontenttype: "application/cdevents+json",
  });
  const { customData, ...cdevent } = data;
  assert.deepEqual(cdevent, {
    context: {
      version: "0.4.1",
      id: "w-1.0",
      source: "/clusters/eu",
      type: "dev.cdevents.service.deployed.0.2.0",
      timestamp: "1970-01-01T00:00:01.140Z",
    },
    subject: {
      id: "argocd/web",
      source: "/clusters/eu",
      type: "service",
      content: {
        environment: { id: "prod/shop" },
        artifactId: "pkg:oci/web?repository_url=ghcr.io/acme/Web&tag=1.2",
      },
    },
    customDataContentType: "application/json",
  });
  assert.partialDeepStrictEqual(customData, { application: { name: "web" }, revisions: ["b"], by: "alice" });
});

for (const [what, destination, id] of [
  ["the cluster that it runs in", { server: "https://kubernetes.default.svc", namespace: "a" }, "in-cluster/a"],
  ["a cluster by its server", { server: "https://k8s.example:6443", namespace: "a" }, "k8s.example:6443/a"],
  ["a cluster by its name, no namespace", { name: "prod" }, "prod"],
  ["nothing that is known", undefined, "in-cluster"],
] as const) {
  test(`the environment of a CDEvent is ${what}`, () => {
    const event = cdeventOf({ ...record, ...(destination && { destination }) });
    assert.partialDeepStrictEqual(event, { data: { subject: { content: { environment: { id } } } } });
  });
}

test("an Application that goes with its objects is a service that is removed; an object of it is not", () => {
  const gone: ObservationRecord = {
    kind: "observation",
    id: "w-2.0",
    at: 2_000,
    causes: ["x"],
    change: "deleted",
    application: record.application,
    object: "argoproj.io/v1alpha1/Application/argocd/web",
    destination: { name: "prod", namespace: "shop" },
  };
  assert.partialDeepStrictEqual(removalOf(gone), {
    id: "w-2.0",
    type: "dev.cdevents.service.removed.0.2.0",
    data: { subject: { id: "argocd/web", content: { environment: { id: "prod/shop" } } } },
  });
  const child = "argoproj.io/v1alpha1/Application/argocd/child";
  assert.deepEqual(
    [removalOf({ ...gone, object: child }), removalOf({ ...gone, change: "health" })],
    [undefined, undefined],
  );
});
