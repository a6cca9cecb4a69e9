import { Agent } from "undici";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createParameterResolver } from "../../src/events/sensor/parameters.ts";
import { createClientPool } from "../../src/events/triggers/client-pool.ts";
import { effectAnnotation, fieldManager } from "../../src/events/triggers/object-effect.ts";
import { createTriggerKinds } from "../../src/events/triggers/registry.ts";
import type { Firing, TriggerContext } from "../../src/events/triggers/trigger.ts";
import type { KubeClient } from "../../src/kube/kube.ts";
import type { CloudEvent } from "../../src/record/cloud-event.ts";
import { openTestPlane } from "../harness/control-plane.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";

const inFlight = 64;
const payload = [{ src: { dependencyName: "dep", dataKey: "body" }, dest: "body" }];

/** Plan and effect of a trigger's adapter, against the bare client with the same server in the same run. */
export const triggerBenches: readonly Bench[] = [
  {
    name: "http out",
    run: ({ quick }) => inRounds(quick ? 1 : 3, (round) => httpRows(quick ? 1_000 : 4_000, round)),
  },
  {
    name: "k8s out",
    run: ({ quick }) => inRounds(quick ? 1 : 3, (round) => k8sRows(quick ? 200 : 3_000, round)),
  },
];

async function httpRows(amount: number, round: number): Promise<readonly BenchRow[]> {
  await using sink = await startHttpSink(async () => undefined);
  await using clients = createClientPool({ clock: systemClock, log: silentLogger });
  const spec = { url: `${sink.url}/in`, payload };
  const fire = createFire("http", spec, { clients, kube: {} as KubeClient });
  const agent = new Agent({ connections: inFlight });
  const body = JSON.stringify({ body: dataOf(0) });
  const bare = async (): Promise<void> => {
    const response = await agent.request({ origin: sink.url, path: "/in", method: "POST", body });
    await response.body.dump();
  };
  try {
    await rateOf(amount / 10, (n) => fire(`warm-${round}-${n}`));
    await rateOf(amount / 10, bare);
    return [
      row(
        "http trigger: plan and request",
        await rateOf(amount, (n) => fire(`${round}-${n}`)),
        await rateOf(amount, bare),
      ),
    ];
  } finally {
    await agent.close();
  }
}

async function k8sRows(amount: number, round: number): Promise<readonly BenchRow[]> {
  await using plane = await openTestPlane();
  await using clients = createClientPool({ clock: systemClock, log: silentLogger });
  const resource = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "made-" }, data: {} };
  const parameters = [{ src: { dependencyName: "dep", dataKey: "body.ref" }, dest: "data.ref" }];
  const fire = createFire("k8s", { source: { resource }, parameters }, { clients, kube: plane.client });
  /** With the marks that the trigger's objects have: the server works for each field. */
  const bare = async (n: number): Promise<void> => {
    const metadata = {
      name: `bare-${round}-${n}`,
      namespace: "default",
      labels: {
        "events.argoproj.io/sensor": "s",
        "events.argoproj.io/trigger": "t",
        "events.argoproj.io/action-timestamp": String(Date.now()),
      },
      annotations: { [effectAnnotation]: String(n) },
    };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { ref: "main" } };
    await plane.client.create(object, { fieldManager });
  };
  await rateOf(amount / 10, (n) => fire(`warm-${round}-${n}`));
  return [
    row("k8s trigger: plan and create", await rateOf(amount, (n) => fire(`${round}-${n}`)), await rateOf(amount, bare)),
  ];
}

function row(name: string, value: number, limit: number): BenchRow {
  return { name, value, unit: "events/s", limit, ratio: value / limit, leastRatio: 0.5 };
}

/** Calls per second, many at once. */
async function rateOf(amount: number, call: (n: number) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < amount; n = next++) await call(n);
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return (amount / (performance.now() - started)) * 1_000;
}

function createFire(kind: string, spec: object, own: Pick<TriggerContext, "clients" | "kube">) {
  const adapter = createTriggerKinds()[kind];
  if (!adapter) throw new Error(`no kind ${kind}`);
  const { signal } = new AbortController();
  const absent = async (): Promise<never> => {
    throw new Error("no secret is needed");
  };
  const secret = { read: absent, readConfigMap: absent };
  const common = { ...own, secret, allowLoopback: true, clock: systemClock, log: silentLogger };
  const parsed = adapter.parse(spec, kind); // as a Sensor does, once
  return async (id: string): Promise<void> => {
    const events = { dep: eventOf(id) };
    const firing: Firing = { key: `u/t/${id}`, sensor: { namespace: "default", name: "s" }, trigger: "t", events };
    const context = { ...common, parameters: createParameterResolver(events) };
    await (await parsed.plan(firing, context, signal)).apply(signal);
  };
}

function dataOf(n: number): object {
  return { ref: "main", n, text: "x".repeat(512) };
}

function eventOf(id: string): CloudEvent {
  return {
    id,
    source: "s",
    type: "webhook",
    subject: "e",
    time: "2026-01-01T00:00:00Z",
    datacontenttype: "application/json",
    data: { body: { ref: "main", text: "x".repeat(512) } },
  };
}
