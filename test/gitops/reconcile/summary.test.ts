import assert from "node:assert/strict";
import { test } from "node:test";
import { summarize } from "../../../src/gitops/reconcile/summary.ts";
import type { KubeObject } from "../../../src/objects/object.ts";

const pod = (images: readonly string[], initial: readonly string[] = []): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: { containers: images.map((image) => ({ image })), initContainers: initial.map((image) => ({ image })) },
});
const ingress = (spec: object, addresses: readonly object[] = [], annotations = {}): KubeObject => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name: "i", annotations },
  spec,
  status: { loadBalancer: { ingress: addresses } },
});
const rule = (host: string, ...paths: readonly string[]) => ({
  host,
  http: { paths: paths.map((path) => ({ path })) },
});
const link = (text: string) => ({ "link.argocd.argoproj.io/x": text });
const config = (annotations: Readonly<Record<string, string>>): KubeObject => {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", annotations } };
};

for (const [name, live, expected] of [
  ["of nothing", [], {}],
  ["of images, sorted and once each", [pod(["b", "a"], ["c"]), pod(["a"])], { images: ["a", "b", "c"] }],
  ["of broken Pods", [{ ...pod([]), spec: 1 }, pod([""])], {}],
  ["of Pods only: what else has containers", [{ ...pod(["a"]), kind: "Bundle" }], {}],
  ["of Pods only: those of another group", [{ ...pod(["a"]), apiVersion: "example.com/v1" }], {}],
  [
    "of Applications",
    [{ ...config({}), apiVersion: "argoproj.io/v1alpha1", kind: "Application" }],
    { isAppOfApps: true },
  ],
  ["of Applications of others", [{ ...config({}), apiVersion: "app.k8s.io/v1", kind: "Application" }], {}],
  ["of links", [config(link("https://x.example/a"))], { externalURLs: ["https://x.example/a"] }],
  ["of links with a title", [config(link("Docs|https://x.example"))], { externalURLs: ["Docs|https://x.example"] }],
  ["of links that would run something", [config(link("Docs|javascript:alert(1)")), config(link("ftp://x"))], {}],
  [
    "of an Ingress",
    [ingress({ rules: [rule("a.example", "/", "/docs/*"), rule("b.example")], tls: [{ hosts: ["b.example"] }] })],
    { externalURLs: ["http://a.example", "http://a.example/docs/", "https://b.example"] },
  ],
  [
    "of an Ingress without hosts",
    [ingress({ rules: [rule("", "/x")] }, [{ ip: "10.0.0.1" }, { hostname: "lb.example" }])],
    { externalURLs: ["http://10.0.0.1/x", "http://lb.example/x"] },
  ],
  ["of an Ingress that is not reachable yet", [ingress({ rules: [rule("", "/x")] })], {}],
  [
    "of an Ingress that shows its links only",
    [
      ingress({ rules: [rule("a.example")] }, [], {
        ...link("https://x.example"),
        "argocd.argoproj.io/ignore-default-links": "true",
      }),
    ],
    { externalURLs: ["https://x.example"] },
  ],
] as const) {
  test(`a summary ${name}`, () => assert.deepEqual(summarize(live, {}), expected));
}

test("a summary names the links of the Application itself", () => {
  const summary = summarize([config(link("https://b.example"))], link("https://a.example"));
  assert.deepEqual(summary, { externalURLs: ["https://a.example", "https://b.example"] });
});
