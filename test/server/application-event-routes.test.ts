import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { KubeClient } from "../../src/kube/kube.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { type Applications, applicationObject, openApplications } from "./applications.ts";

const open = new AsyncDisposableStack();
let api: Applications;

async function tell(kube: KubeClient, namespace: string, about: object, reason: string): Promise<void> {
  const event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: reason.toLowerCase(), namespace },
    involvedObject: about,
    reason,
  };
  await kube.create(event as never);
}

before(async () => {
  const [engine, remote] = [open.use(await openTestPlane()).client, open.use(await openTestPlane()).client];
  for (const [kube, names] of [
    [engine, ["argocd", "shop"]],
    [remote, ["argocd", "shop"]],
  ] as const) {
    for (const name of names) {
      await kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }).catch(() => undefined);
    }
  }
  const web = { kind: "Application", namespace: "argocd", name: "web", uid: "uid-web" };
  const pod = { kind: "Pod", namespace: "shop", name: "web-1", uid: "uid-pod" };
  await tell(engine, "argocd", web, "OwnOfEngine");
  await tell(remote, "argocd", web, "OwnOfRemote");
  await tell(engine, "shop", pod, "PodOfEngine");
  await tell(remote, "shop", pod, "PodOfRemote");
  await tell(remote, "shop", { ...pod, uid: "uid-before" }, "PodBefore");
  await tell(remote, "shop", { ...pod, name: "other", uid: "uid-other" }, "PodOfOthers");
  await tell(remote, "default", { kind: "Node", name: "n1", uid: "uid-node" }, "NodeOfRemote");
  const nodes = [
    { version: "v1", kind: "Pod", namespace: "shop", name: "web-1", uid: "uid-pod" },
    { version: "v1", kind: "Node", name: "n1", uid: "uid-node" },
  ];
  api = open.use(
    await openApplications([applicationObject("argocd", "web", { metadata: { uid: "uid-web" } })], {
      control: { kube: engine, clusters: () => [], testRepository: () => Promise.reject(new Error("not asked")) },
      looks: { cluster: () => remote, liveTree: async () => ({ nodes }) },
    }),
  );
});

after(() => open.disposeAsync());

const cases: readonly (readonly [query: string, reasons: readonly string[]])[] = [
  ["", ["OwnOfEngine"]],
  ["?resourceName=web-1&resourceNamespace=shop&resourceUID=uid-pod", ["PodOfRemote"]],
  ["?resourceName=web-1", ["PodOfRemote"]],
  ["?resourceUID=uid-pod", ["PodOfRemote"]],
  ["?resourceName=n1", ["NodeOfRemote"]],
];

for (const [query, reasons] of cases) {
  test(`events${query}: those of the object, where it is`, async () => {
    const response = await fetch(`${api.url}/api/v1/applications/web/events${query}`, {
      headers: { authorization: `Bearer ${api.token}` },
    });
    const body = (await response.json()) as { kind: string; items: { reason: string }[] };
    assert.deepEqual([response.status, body.kind], [200, "EventList"], JSON.stringify(body));
    assert.deepEqual(
      body.items.map(({ reason }) => reason),
      reasons,
    );
  });
}

const refused = [
  "resourceName=other&resourceNamespace=shop&resourceUID=uid-other",
  "resourceName=web-1&resourceNamespace=other",
  "resourceName=web-1&resourceUID=uid-before",
  "resourceUID=uid-web",
];

for (const query of refused) {
  test(`events?${query}: nothing is told of what is not in the tree`, async () => {
    const response = await fetch(`${api.url}/api/v1/applications/web/events?${query}`, {
      headers: { authorization: `Bearer ${api.token}` },
    });
    const text = await response.text();
    assert.deepEqual([response.status, /not found as part of application web/.test(text)], [400, true], text);
  });
}
