import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { buses, postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const numbers = { src: { dependencyName: "events", dataKey: "#.data.body.n", useRawData: true }, dest: "numbers" };
const newest = { src: { dependencyName: "push", dataKey: "body.n", useRawData: true }, dest: "newest" };

function batches(sinkUrl: string): object {
  const http = { url: `${sinkUrl}/batches`, method: "POST", payload: [newest, numbers] };
  return resource("Sensor", "batches", {
    dependencies: [{ name: "push", eventSourceName: "numbers", eventName: "push" }],
    triggers: [{ template: { name: "post-batch", batch: { key: "body.k", size: 3, wait: "3s" }, http } }],
  });
}

for (const bus of buses) {
  test(`batches are posted when they are full or have waited, also after kill -9 (${bus.name})`, {
    skip: bus.skip,
  }, async () => {
    await using driver = await bus.start();
    await using folder = await tempDir();
    await using sink = await startHttpSink();
    const port = await freePort();
    const dir = await writeManifests(join(folder.path, "manifests"), [
      webhookSource("numbers", port),
      batches(sink.url),
    ]);
    const start = () => startEngine({ dir, dataDir: join(folder.path, "data"), args: driver.args });
    const post = async (n: number, k: string): Promise<void> => {
      assert.equal((await postJson(`http://127.0.0.1:${port}/push`, { n, k })).status, 200);
    };
    // What was under way at the kill may come again, under its key.
    const posted = (): unknown[] => {
      const byKey = new Map(sink.requests.map(({ headers, body }) => [headers["idempotency-key"], body]));
      return [...byKey.values()].map((body) => JSON.parse(body) as unknown);
    };
    {
      await using engine = await start();
      for (const [n, k] of [
        [1, "x"],
        [2, "y"],
        [3, "x"],
        [4, "x"],
      ] as const)
        await post(n, k);
      await waitFor("the full batch", () => posted().length === 1);
      assert.deepEqual(posted(), [{ newest: 4, numbers: [1, 3, 4] }]);
      await post(5, "y");
      await engine.kill9();
    }
    await using engine = await start();
    await waitFor("the batch that waited", () => posted().length === 2, 10_000);
    assert.deepEqual(posted()[1], { newest: 5, numbers: [2, 5] });
    await post(6, "y");
    await waitFor("the next one", () => posted().length === 3, 10_000);
    const keys = new Set(sink.requests.map(({ headers }) => headers["idempotency-key"]));
    assert.equal(keys.size, 3);
    assert.equal(await engine.stop(), 0);
  });
}
