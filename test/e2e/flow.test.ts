import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { readMetric, triggered } from "../harness/metrics.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { kubectlMissing, kubectlPath, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { buses, copyExample, postJson, resource } from "./scenario.ts";

failOnLeakedChildren();

/** The ids of events that `event list` shows on lines with `text`. */
async function listedIds(engine: RunningEngine, text: string): Promise<string[]> {
  const { code, stdout, stderr } = await engine.cli(["event", "list"]);
  assert.equal(code, 0, stderr);
  const lines = stdout.split("\n").filter((line) => line.includes(text));
  return lines.flatMap((line) => line.match(/\b[0-9a-f]{32}\b/) ?? []);
}

async function configMapRefs(engine: RunningEngine): Promise<string[]> {
  const args = ["--kubeconfig", engine.endpoints.kubeconfig, "get", "configmap", "-l", "from=quickstart", "-o", "json"];
  const { code, stdout, stderr } = await run(kubectlPath() ?? "kubectl", args);
  assert.equal(code, 0, stderr);
  const { items } = JSON.parse(stdout) as { items: { data: { ref: string } }[] };
  return items.map(({ data }) => data.ref);
}

for (const bus of buses) {
  describe(`the quickstart on the ${bus.name}`, { skip: bus.skip }, () => {
    test("a push to main is logged, posted on and kept, each once", { skip: kubectlMissing() }, async () => {
      await using driver = await bus.start();
      await using folder = await tempDir();
      const port = String(await freePort());
      const dir = await copyExample("quickstart", join(folder.path, "manifests"), { 12000: port });
      await using engine = await startEngine({ dir, args: driver.args });
      const answer = await postJson(`http://127.0.0.1:${port}/push`, { ref: "refs/heads/main" });
      assert.deepEqual([answer.status, await answer.text()], [200, "success"]);
      for (const name of ["say-push", "notify", "keep"]) {
        await waitFor(name, async () => (await triggered(engine, name)) === 1);
      }
      assert.match(engine.output, /refs\/heads\/main/);
      const notified = { event_name: "notified" };
      assert.equal(await readMetric(engine, "argo_events_events_sent_total", notified), 1);
      assert.deepEqual(await configMapRefs(engine), ["refs/heads/main"]);
    });

    test("the ingress serves the same webhook; a trigger's request goes by the proxy of the environment", async () => {
      await using driver = await bus.start();
      await using folder = await tempDir();
      await using proxy = await startHttpSink();
      const dir = await copyExample("quickstart", join(folder.path, "manifests"), { 12000: String(await freePort()) });
      const proxied = resource("Sensor", "proxied", {
        dependencies: [{ name: "push", eventSourceName: "webhook", eventName: "push" }],
        triggers: [{ template: { name: "proxied", http: { url: "http://shop.invalid/in", method: "POST" } } }],
      });
      await writeFile(join(dir, "proxied.json"), JSON.stringify(proxied));
      await using engine = await startEngine({ dir, args: driver.args, env: { HTTP_PROXY: proxy.url } });
      const url = `${engine.endpoints.ingress}/webhooks/default/webhook/push`;
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
      const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
      assert.equal((await postJson(url, { ref: "refs/heads/main" }, headers)).status, 200);
      await waitFor("say-push", async () => (await triggered(engine, "say-push")) === 1);
      await waitFor("the proxy to be asked", () => proxy.requests[0]?.path === "http://shop.invalid/in");
      const sent = proxy.requests[0]?.headers.traceparent;
      assert.match(String(sent), new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
      const chain = new RegExp(
        `event \\S+: default/webhook push .*, in trace ${trace}\\n[^]*effect .*: http succeeded .* http://shop.invalid/in`,
      );
      await waitFor("the trace", async () => chain.test((await engine.cli(["trace", trace])).stdout));
      assert.ok((await engine.cli(["trace", trace, "-o", "json"])).stdout.includes(`"traceparent": "${sent}"`));
    });

    test("the calendar ticks, and each tick is an event and a decision", async () => {
      await using driver = await bus.start();
      await using folder = await tempDir();
      const replacements = { 12000: String(await freePort()), "interval: 10s": "interval: 1s" };
      const dir = await copyExample("quickstart", join(folder.path, "manifests"), replacements);
      await using engine = await startEngine({ dir, args: driver.args });
      await waitFor("two ticks", async () => (await triggered(engine, "say-tick")) >= 2);
      const [tick] = await waitFor("listed ticks", async () => {
        const ids = await listedTicks(engine);
        return ids.length > 0 && ids;
      });
      const { code, stdout } = await engine.cli(["trace", tick ?? ""]);
      assert.equal(code, 0);
      assert.match(stdout, /say-tick/);
    });

    test("trace names every hop of an event, why names the filter that refused it", async () => {
      await using driver = await bus.start();
      await using folder = await tempDir();
      const port = String(await freePort());
      const dir = await copyExample("quickstart", join(folder.path, "manifests"), { 12000: port });
      await using engine = await startEngine({ dir, args: driver.args });
      await postJson(`http://127.0.0.1:${port}/push`, { ref: "refs/heads/main" });
      await waitFor("keep", async () => (await triggered(engine, "keep")) === 1);
      const [acted] = await waitFor("a listed push", async () => nonEmpty(await listedIds(engine, "push")));
      await waitFor("the trace of every effect", async () => {
        const { stdout } = await engine.cli(["trace", acted ?? ""]);
        const hops = ["deploy", "say-push", "notify", "keep", "ConfigMap"];
        return hops.every((hop) => stdout.includes(hop)) && /\d\d:\d\d:\d\d/.test(stdout);
      });

      await postJson(`http://127.0.0.1:${port}/push`, { ref: "refs/heads/dev" });
      const refused = await waitFor("the second push", async () =>
        (await listedIds(engine, "push")).find((id) => id !== acted),
      );
      const why = await waitFor("the verdict", async () => {
        const result = await engine.cli(["why", refused]);
        return result.stdout.includes("refs/heads/dev") && result;
      });
      assert.match(why.stdout, /body\.ref/);
      assert.equal(await triggered(engine, "say-push"), 1);
    });
  });
}

/** Ids of ticks are made of their time, so any first word of a line that names the source will do. */
async function listedTicks(engine: RunningEngine): Promise<string[]> {
  const { stdout } = await engine.cli(["event", "list"]);
  const lines = stdout.split("\n").filter((line) => line.includes("calendar"));
  return lines.flatMap((line) => line.split(/\s+/).find((word) => word.length >= 16) ?? []);
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}

test("messages of a NATS subject are events, once for each", { skip: natsServerMissing() }, async () => {
  await using server = await startNatsServer();
  await using folder = await tempDir();
  const dir = await copyExample("nats", join(folder.path, "manifests"), { "nats://127.0.0.1:4222": server.url });
  await using engine = await startEngine({ dir, args: ["--bus", server.url] });
  const client = await connect({ servers: server.url });
  try {
    await waitFor("a subscriber", async () => {
      client.publish("orders.new", JSON.stringify({ order: 0 }));
      await client.flush();
      return (await triggered(engine, "say-order")) > 0;
    });
    const before = await settledCount(engine);
    for (let order = 1; order <= 20; order++) client.publish("orders.new", JSON.stringify({ order }));
    await client.flush();
    await waitFor("twenty more", async () => (await triggered(engine, "say-order")) >= before + 20);
    assert.equal(await settledCount(engine), before + 20);
    assert.match(engine.output, /\\"order\\":20/);
  } finally {
    await client.close();
  }
});

/** The count once two readings, with the engine's flushes in between, agree with what was sent. */
async function settledCount(engine: RunningEngine): Promise<number> {
  return waitFor("the count to settle", async () => {
    const sent = await readMetric(engine, "argo_events_events_sent_total", { event_name: "new" });
    const acted = await triggered(engine, "say-order");
    return sent === acted && acted;
  });
}
