import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { readMetric } from "../harness/metrics.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { buses, postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

interface Asked {
  readonly path: string;
  readonly key: string;
  readonly body: string;
}

/** A service that refuses `/work` with 500 until it is mended, and takes `/rescue`. */
async function startService() {
  const asked: Asked[] = [];
  const state = { isBroken: true };
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { url: path = "" } = request;
      asked.push({ path, key: String(request.headers["idempotency-key"]), body });
      response.writeHead(state.isBroken && path === "/work" ? 500 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    state,
    at: (path: string) => asked.filter((one) => one.path === path),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sensor(url: string): object {
  const payload = [{ src: { dependencyName: "push", dataKey: "body.n" }, dest: "n" }];
  const policy = { status: { allow: [200] } };
  const strategy = { retryStrategy: { steps: 2, duration: "100ms", jitter: 0 }, atLeastOnce: true, policy };
  return resource("Sensor", "worker", {
    dependencies: [{ name: "push", eventSourceName: "numbers", eventName: "push" }],
    triggers: [
      {
        template: { name: "work", http: { url: `${url}/work`, method: "POST", payload } },
        ...strategy,
        dlqTrigger: {
          template: { name: "rescue", http: { url: `${url}/rescue`, method: "POST", payload } },
          ...strategy,
        },
      },
    ],
  });
}

interface Letter {
  readonly id: number;
  readonly key: string;
  readonly failed: number;
  readonly error: string;
}

async function dead(engine: RunningEngine): Promise<readonly Letter[]> {
  const { code, stdout, stderr } = await engine.cli(["dead", "list", "-o", "json"]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Letter[];
}

for (const bus of buses) {
  test(`what fails for good is rescued, listed, shown and redriven (${bus.name})`, { skip: bus.skip }, async () => {
    await using driver = await bus.start();
    await using folder = await tempDir();
    await using service = await startService();
    const port = await freePort();
    const dir = await writeManifests(join(folder.path, "manifests"), [
      webhookSource("numbers", port),
      sensor(service.url),
    ]);
    const dataDir = join(folder.path, "data");
    const options = { dir, dataDir, args: driver.args };
    let letters: readonly Letter[] = [];
    {
      await using engine = await startEngine(options);
      for (const n of [1, 2, 3]) assert.equal((await postJson(`http://127.0.0.1:${port}/push`, { n })).status, 200);
      await waitFor("three rescues", () => service.at("/rescue").length === 3);
      await waitFor("three letters", async () => {
        letters = await dead(engine);
        return letters.length === 3;
      });
      assert.equal(service.at("/work").length, 6, "two attempts each");
      const keys = new Set(service.at("/work").map(({ key }) => key));
      assert.deepEqual(
        new Set(service.at("/rescue").map(({ key }) => key)),
        new Set([...keys].map((key) => `dlq/${key}`)),
      );
      assert.deepEqual(new Set(letters.map(({ key }) => key)), keys);
      assert.match(letters[0]?.error ?? "", /http response status 500 is not allowed/);
      const shown = await engine.cli(["dead", "show", String(letters[0]?.id)]);
      assert.match(shown.stdout, /attempt: +1 at .*\nattempt: +2 at .*\nlast error: /, shown.stderr);
      const metric = (name: string) => readMetric(engine, name, { trigger_name: "work" });
      assert.equal(await metric("argo_events_action_failed_total"), 6);
      assert.equal(await metric("argo_events_action_retries_failed_total"), 3);
      assert.equal(await metric("argo_events_action_duration_milliseconds_count"), 6);
      assert.equal(await readMetric(engine, "tiphys_sensor_lag_events", { sensor_name: "worker" }), 0);
      const status = await waitFor("the status to tell of the failure", async () => {
        const { code, stdout } = await engine.cli(["sensor", "status", "worker"]);
        return code === 1 && stdout;
      });
      assert.match(status, /^Sensor: +default\/worker\nStatus: +ready\nBehind by: +nothing/);
      assert.match(status, /\nwork +never +\S+Z +POST \S+: .*http response status 500 is not allowed/);
      await engine.kill9();
    }
    service.state.isBroken = false;
    await using engine = await startEngine(options);
    assert.equal((await dead(engine)).length, 3, "a crash forgets none");
    const [newest, ...others] = letters;
    const before = service.asked.length;
    const one = await engine.cli(["dead", "redrive", String(newest?.id)]);
    assert.deepEqual([one.code, one.stdout], [0, `dead letter ${newest?.id}: default/worker work is done again\n`]);
    await waitFor("it to be dead no more", async () => (await dead(engine)).length === 2);
    await waitFor("the service to be asked", () => service.asked.length > before);
    assert.equal(service.asked[before]?.key, newest?.key, "under the key that it had");
    const twice = await engine.cli(["dead", "redrive", String(newest?.id)]);
    assert.equal(twice.code, 1, twice.stdout);
    assert.match(twice.stderr, /no dead letter .* is known/);
    const unattended = await engine.cli(["dead", "redrive", "--all"]);
    assert.match(unattended.stderr, /needs a confirmation and this is no terminal: give --yes/);
    const all = await engine.cli(["dead", "redrive", "--all", "--yes", "-o", "name"]);
    assert.deepEqual([all.code, all.stdout.trim().split("\n").sort()], [0, others.map(({ id }) => String(id)).sort()]);
    await waitFor("nothing to be dead", async () => (await dead(engine)).length === 0);
    await waitFor("all to be done", () => service.asked.length === before + 3);
    const traced = await engine.cli(["trace", newest?.key.split("/").at(-1) ?? ""]);
    assert.match(traced.stdout, /redriven work: dead letter \d+[\s\S]*http succeeded/, traced.stdout);
    assert.equal(await engine.stop(), 0);
    assert.equal(new Set(service.at("/work").map(({ key }) => key)).size, 3, "no effect under two keys");
  });
}
