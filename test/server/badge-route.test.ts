import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlane } from "../harness/control-plane.ts";
import { applicationObject, openApplications } from "./applications.ts";

const state = (health: string, sync: string, revision = "") => ({
  status: { health: { status: health }, sync: { status: sync, revision } },
});
const all = [
  applicationObject("argocd", "web", state("Healthy", "Synced", "0123456789abcdef")),
  applicationObject("argocd", "bad", { ...state("Degraded", "OutOfSync"), spec: { project: "team" } }),
  applicationObject("argocd", "good", { ...state("Healthy", "Synced"), spec: { project: "team" } }),
  applicationObject("argocd", "odd", state("<script>", "constructor")),
  applicationObject("shop", "api", { ...state("Progressing", "Synced"), spec: { project: "shop" } }),
];

const cases: readonly (readonly [query: string, texts: readonly string[], colors: readonly string[]])[] = [
  ["?name=web", ["Healthy", "Synced"], ["#0b612a", "#0b612a"]],
  ["?name=web&revision=true", ["Healthy", "Synced (0123456)"], ["#0b612a", "#0b612a"]],
  ["?name=web&revision=true&keepFullRevision=true", ["Healthy", "Synced (0123456789abcdef)"], ["#0b612a", "#0b612a"]],
  ["?name=web&showAppName=true", ["web", "Healthy", "Synced"], ["#29343D", "#0b612a", "#0b612a"]],
  ["?name=bad", ["Degraded", "OutOfSync"], ["#a72e26", "#bd7300"]],
  ["?name=api&namespace=shop", ["Progressing", "Synced"], ["#103d66", "#0b612a"]],
  ["?name=api", ["Unknown", "Unknown"], ["#731f4d", "#731f4d"]],
  ["?name=odd", ["Unknown", "Unknown"], ["#731f4d", "#731f4d"]],
  ["?project=team", ["Degraded", "OutOfSync"], ["#a72e26", "#bd7300"]],
  ["?project=none", ["Unknown", "Unknown"], ["#731f4d", "#731f4d"]],
  ["", ["Unknown", "Unknown"], ["#731f4d", "#731f4d"]],
];

async function open(enabled: string) {
  const plane = await openTestPlane();
  const { client: kube } = plane;
  await kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } }).catch(() => undefined);
  const metadata = { namespace: "argocd", name: "argocd-cm" };
  await kube.create({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
    data: { "statusbadge.enabled": enabled },
  } as never);
  const control = { kube, clusters: () => [], testRepository: () => Promise.reject(new Error("not asked")) };
  const server = await openApplications(all, { control });
  return {
    async badge(query: string) {
      const response = await fetch(`${server.url}/api/badge${query}`); // nobody is logged in
      const svg = await response.text();
      return {
        response,
        texts: [...svg.matchAll(/<text [^>]*>([^<]*)</g)].map(([, text]) => text),
        colors: [...svg.matchAll(/<rect [^>]*fill="([^"]*)"/g)].map(([, color]) => color),
        width: Number(/width="(\d+)"/.exec(svg)?.[1]),
      };
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await plane[Symbol.asyncDispose]();
    },
  };
}

test("badges show health and sync to everybody, where that is wanted", async () => {
  await using world = await open("true");
  for (const [query, texts, colors] of cases) {
    const badge = await world.badge(query);
    assert.deepEqual([badge.response.status, badge.texts, badge.colors], [200, texts, colors], query);
    assert.match(badge.response.headers.get("content-type") ?? "", /^image\/svg\+xml/);
    assert.equal(badge.response.headers.get("access-control-allow-origin"), "*");
    assert.match(badge.response.headers.get("cache-control") ?? "", /no-store/);
  }
  assert.equal((await world.badge("?name=web&width=500")).width, 500);
  assert.equal((await world.badge("?name=web&width=1e9")).response.status, 400);
});

test("badges tell nothing where they are not wanted", async () => {
  await using world = await open("false");
  for (const query of ["?name=web", "?project=team"]) {
    assert.deepEqual((await world.badge(query)).texts, ["Unknown", "Unknown"], query);
  }
});
