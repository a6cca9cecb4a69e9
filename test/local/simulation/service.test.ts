import assert from "node:assert/strict";
import { test } from "node:test";
import { openSimulation, podTemplate, until } from "./rig.ts";

const base = "/api/v1/namespaces/default";
const deployment = {
  metadata: { name: "w" },
  spec: { replicas: 2, selector: { matchLabels: { app: "w" } }, template: podTemplate("w:1") },
};

test("a Service has its Pods as endpoints, and they go with it", async () => {
  await using plane = await openSimulation();
  await plane.call("POST", `${base}/services`, {
    metadata: { name: "w" },
    spec: { selector: { app: "w" }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await plane.call("POST", "/apis/apps/v1/namespaces/default/deployments", deployment);
  const endpoints = await until(
    plane,
    `${base}/endpoints/w`,
    "both",
    (one) => one.subsets?.[0]?.addresses?.length === 2,
  );
  assert.deepEqual(endpoints.subsets[0].ports, [{ port: 8080, protocol: "TCP" }]);
  const slices = await plane.call(
    "GET",
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dw",
  );
  assert.deepEqual(
    slices.body.items[0].endpoints.map((one: { conditions: { ready: boolean } }) => one.conditions.ready),
    [true, true],
  );
  await plane.call("DELETE", `${base}/services/w`);
  await until(plane, `${base}/endpoints/w`, "the end", (one) => one.reason === "NotFound");
});

test("a load balancer and an Ingress get an address", async () => {
  await using plane = await openSimulation();
  const spec = { type: "LoadBalancer", selector: { app: "w" }, ports: [{ port: 80 }] };
  const made = await plane.call("POST", `${base}/services`, { metadata: { name: "lb" }, spec });
  assert.ok(made.body.spec.ports[0].nodePort >= 30_000);
  const service = await until(plane, `${base}/services/lb`, "the address", (one) => one.status?.loadBalancer?.ingress);
  assert.match(service.status.loadBalancer.ingress[0].ip, /^198\.51\.100\.\d+$/);
  const ingresses = "/apis/networking.k8s.io/v1/namespaces/default/ingresses";
  const backend = { service: { name: "lb", port: { number: 80 } } };
  await plane.call("POST", ingresses, { metadata: { name: "i" }, spec: { defaultBackend: backend } });
  await until(plane, `${ingresses}/i`, "its address", (one) => one.status?.loadBalancer?.ingress);
});
