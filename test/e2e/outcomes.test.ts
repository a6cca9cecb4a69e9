import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseYaml } from "../../src/base/yaml.ts";
import { freePort } from "../harness/free-port.ts";
import { type HttpSink, startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { readMetric } from "../harness/metrics.ts";
import { type OtlpSpan, spansIn } from "../harness/otlp.ts";
import { projectRoot } from "../harness/run.ts";
import { waitFor } from "../harness/wait.ts";
import { workflowKinds } from "../harness/workflow-kinds.ts";
import { GitOpsScenario } from "./gitops-scenario.ts";
import { buses, postJson, resource, webhookSource } from "./scenario.ts";

failOnLeakedChildren();

const dependency = (name: string, eventSourceName: string, eventName: string, data?: readonly object[]) => ({
  name,
  eventSourceName,
  eventName,
  ...(data && { filters: { data } }),
});
const is = (path: string, value: string) => ({ path, type: "string", value: [`^${value}$`] });
const trigger = (name: string, kind: object, conditions?: string) => ({
  template: { name, ...(conditions && { conditions }), ...kind },
});

/** Posts the whole data of the dependency's event. */
const post = (url: string, dependencyName: string) => ({
  http: { url, payload: [{ src: { dependencyName, dataKey: "@this" }, dest: "" }] },
});

/** examples/triggers/cdevents.yaml, with an address that is there. */
function cdevents(url: string): object {
  const text = readFileSync(join(projectRoot, "examples/triggers/cdevents.yaml"), "utf8");
  return parseYaml(text.replace("http://127.0.0.1:9000/cdevents", url))[0] as object;
}

function manifests(port: number, sink: string, repository: (name: string) => string): object[] {
  const start = resource("Sensor", "start", {
    dependencies: [dependency("push", "hook", "push")],
    triggers: [
      trigger("run", {
        argoWorkflow: {
          operation: "submit",
          source: { git: { url: repository("workflows"), filePath: "wf.yaml", branch: "main" } },
        },
      }),
      trigger("tell", { emit: { eventSourceName: "own", eventName: "told" } }),
      trigger("broken", { http: { url: "http://127.0.0.1:1/" } }),
    ],
  });
  const relay = resource("Sensor", "relay", {
    dependencies: [dependency("told", "own", "told")],
    triggers: [trigger("sync", { gitOps: { application: "shop", operation: "sync" } })],
  });
  const second = resource("Sensor", "second", {
    dependencies: [
      dependency("told", "own", "told"),
      dependency("done", "tiphys", "trigger-succeeded", [is("sensor.name", "start"), is("trigger", "run")]),
      dependency("failed", "tiphys", "trigger-failed", [is("sensor.name", "start")]),
      dependency("expired", "tiphys", "sensor-expired"),
    ],
    triggers: ["told", "done", "failed", "expired"].map((name) => trigger(name, post(`${sink}/${name}`, name), name)),
  });
  const waits = resource("Sensor", "waits", {
    dependencies: [
      { ...dependency("push", "hook", "push"), within: "1s" },
      { ...dependency("never", "hook", "never"), within: "1s" },
    ],
    triggers: [trigger("both", { log: {} }, "push && never")],
  });
  const watcher = {
    ...resource("Sensor", "watcher", {
      dependencies: ["synced", "healthy"].map((name) => dependency(name, "tiphys", `application-${name}`)),
      triggers: ["synced", "healthy"].map((name) => trigger(name, post(`${sink}/application-${name}`, name), name)),
    }),
    metadata: { name: "watcher", namespace: "argocd" },
  };
  const clock = resource("EventSource", "clock", { calendar: { tick: { interval: "1s" } } });
  const ticks = resource("Sensor", "ticks", {
    dependencies: [dependency("tick", "clock", "tick")],
    triggers: [trigger("tick", post(`${sink}/tick`, "tick"))],
  });
  const application = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "shop", namespace: "argocd" },
    spec: {
      project: "default",
      source: { repoURL: repository("shop"), path: ".", targetRevision: "HEAD" },
      destination: { server: "https://kubernetes.default.svc", namespace: "default" },
    },
  };
  return [
    ...workflowKinds,
    webhookSource("hook", port),
    start,
    relay,
    second,
    waits,
    watcher,
    cdevents(`${sink}/cdevents`),
    clock,
    ticks,
    application,
  ];
}

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
};
const workflow = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Workflow",
  metadata: { generateName: "build-" },
  spec: { entrypoint: "main" },
};

const caller = { trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7" };

/** Of each span above it, from itself up to what is of others. */
function wayUp(spans: readonly OtlpSpan[], name: string): readonly string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const names: string[] = [];
  let parent: string | undefined;
  for (let span = spans.find((one) => one.name === name); span; span = byId.get(span.parentSpanId ?? "")) {
    names.push(span.name);
    parent = span.parentSpanId;
  }
  return [...names, parent ?? "a root"];
}

/** The whole way stands in the caller's trace, each below what caused it, as a server of OTLP gets it. */
async function spansShowTheWay({ requests }: HttpSink, { engine }: GitOpsScenario, wantsFile: boolean): Promise<void> {
  const sent = (): readonly OtlpSpan[] =>
    requests.filter(({ path }) => path === "/v1/traces").flatMap(({ body }) => spansIn(JSON.parse(body)));
  const last = "trigger synced";
  for (const name of [last, "trigger tick"]) await waitFor(name, () => sent().some((span) => span.name === name));
  const mine = sent().filter(({ traceId }) => traceId === caller.trace);
  assert.deepEqual(wayUp(mine, last), [
    ...[last, "decide synced", "receive tiphys/application-synced", "decide reconcile"],
    ...["trigger sync", "decide sync", "receive own/told", "trigger tell", "decide tell", "receive hook/push"],
    caller.span,
  ]);
  assert.deepEqual(wayUp(mine, "apply Deployment/default/web").slice(0, 5), [
    ...["apply Deployment/default/web", "wave 0", "phase Sync", "sync argocd/shop", "decide reconcile"],
  ]);
  const ids = mine.map(({ spanId }) => spanId);
  assert.equal(new Set(ids).size, ids.length, "no span is sent twice");
  const [, trace = "", span] = String(requests.find(({ path }) => path === "/tick")?.headers.traceparent).split("-");
  const tick = sent().filter(({ traceId }) => traceId === trace);
  assert.deepEqual(wayUp(tick, "trigger tick"), ["trigger tick", "decide tick", "receive clock/tick", "a root"]);
  assert.equal(tick.find(({ name }) => name === "trigger tick")?.spanId, span, "who is asked goes on in its trace");
  assert.equal(mine.find(({ name }) => name === "trigger broken")?.status?.code, 2);
  assert.equal(await readMetric(engine, "tiphys_spans_dropped_total"), 0);
  assert.ok((await readMetric(engine, "tiphys_spans_exported_total")) >= mine.length);
  if (!wantsFile) return;
  const file = JSON.parse((await engine.cli(["trace", caller.trace, "-o", "otlp"])).stdout);
  const written = new Set(spansIn(file).map(({ spanId }) => spanId));
  const missing = mine.filter(({ spanId }) => !written.has(spanId)).map(({ name }) => name);
  assert.deepEqual(missing, [], "a file has all of it, and events that nothing came of");
}

/** From the push to what the last Sensor sent, over an event of one's own and an Application. */
async function traceShowsTheWay({ engine }: GitOpsScenario): Promise<void> {
  const listed = await engine.cli(["event", "list", "-o", "json"]);
  const events = JSON.parse(listed.stdout) as { readonly id: string; readonly eventSource: string }[];
  const push = events.find(({ eventSource }) => eventSource === "hook");
  const way = [
    /event \S+: default\/hook push /,
    /Sensor default\/start fired tell/,
    /event \S+: default\/own told /,
    /Sensor default\/relay fired sync/,
    /Application argocd\/shop Succeeded/,
    /event \S+: argocd\/tiphys application-synced /,
    /Sensor argocd\/watcher fired synced/,
    /http succeeded/,
  ];
  let seen = "";
  const shown = async () => {
    seen = (await engine.cli(["trace", push?.id ?? ""])).stdout;
    let rest = seen;
    return way.every((step) => {
      const found = step.exec(rest);
      rest = found ? rest.slice(found.index) : "";
      return found !== null;
    });
  };
  await waitFor(() => `the trace of the push: ${seen}`, shown);
}

for (const driver of buses) {
  describe(driver.name, { skip: driver.skip ?? false }, () => {
    test("what triggers and Applications come to are events for other Sensors", { timeout: 120_000 }, async () => {
      await using bus = await driver.start();
      await using sink = await startHttpSink();
      const port = await freePort();
      await using scenario = await GitOpsScenario.start({
        args: bus.args,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: "200" },
        repositories: { shop: { "deployment.yaml": deployment }, workflows: { "wf.yaml": workflow } },
        manifests: (urlOf) => manifests(port, sink.url, urlOf),
      });
      const traceparent = `00-${caller.trace}-${caller.span}-01`;
      assert.equal((await postJson(`http://127.0.0.1:${port}/push`, { a: 1 }, { traceparent })).status, 200);
      const outcomes = ["/told", "/done", "/failed", "/expired", "/application-synced", "/application-healthy"];
      const wanted = [...outcomes, "/cdevents"];
      await waitFor(
        "all outcomes",
        () => wanted.every((path) => sink.requests.some((request) => request.path === path)),
        60_000,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${sink.requests.map(({ path }) => path)}\n${scenario.engine.output}`);
      });
      const bodyOf = (path: string) => JSON.parse(sink.requests.find((one) => one.path === path)?.body ?? "null");
      assert.partialDeepStrictEqual(bodyOf("/done"), { sensor: { name: "start" }, trigger: "run", attempt: 1 });
      assert.match(bodyOf("/done").objects[0], /^argoproj.io\/v1alpha1\/Workflow\/default\/build-[0-9a-f]{10}$/);
      assert.partialDeepStrictEqual(bodyOf("/expired"), { sensor: { name: "waits" }, trigger: "both" });
      assert.partialDeepStrictEqual(bodyOf("/failed"), { trigger: "broken" });
      assert.partialDeepStrictEqual(bodyOf("/application-synced"), {
        application: { namespace: "argocd", name: "shop" },
        operation: { phase: "Succeeded" },
      });
      assert.partialDeepStrictEqual(bodyOf("/cdevents"), {
        specversion: "1.0",
        type: "dev.cdevents.service.deployed.0.2.0",
        subject: "argocd/shop",
        data: {
          subject: {
            content: {
              environment: { id: "in-cluster/default" },
              artifactId: "pkg:oci/i?repository_url=docker.io/library/i",
            },
          },
        },
      });
      await traceShowsTheWay(scenario);
      await spansShowTheWay(sink, scenario, driver === buses[0]); // the file is of the ledger, on whatever bus
      for (const path of wanted) assert.equal(sink.requests.filter((one) => one.path === path).length, 1, path);
    });
  });
}
