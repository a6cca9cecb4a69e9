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

function forward(name: string, sinkUrl: string, startAt?: string): object {
  const payload = [{ src: { dependencyName: "push", dataKey: "body.n" }, dest: "n" }];
  return resource("Sensor", name, {
    ...(startAt === undefined ? {} : { startAt }),
    dependencies: [{ name: "push", eventSourceName: "numbers", eventName: "push" }],
    triggers: [{ template: { name: "t", http: { url: `${sinkUrl}/${name}`, method: "POST", payload } } }],
  });
}

for (const bus of buses) {
  test(`a new Sensor begins where startAt says, and only once (${bus.name})`, { skip: bus.skip }, async () => {
    await using driver = await bus.start();
    await using folder = await tempDir();
    await using sink = await startHttpSink();
    const port = await freePort();
    const dir = join(folder.path, "manifests");
    const write = (sensors: readonly object[]): Promise<string> =>
      writeManifests(dir, [webhookSource("numbers", port), ...sensors]);
    const start = () => startEngine({ dir, dataDir: join(folder.path, "data"), args: driver.args });
    const post = async (n: number): Promise<void> => {
      assert.equal((await postJson(`http://127.0.0.1:${port}/push`, { n })).status, 200);
    };
    const received = (name: string): number[] =>
      sink.requests
        .filter(({ path }) => path === `/${name}`)
        .map(({ body }) => Number((JSON.parse(body) as { n: string }).n))
        .toSorted((a, b) => a - b);

    await write([]);
    let middle = "";
    {
      await using engine = await start();
      for (const n of [1, 2]) await post(n);
      // A millisecond on each side: times of the bus are that exact.
      const before = Date.now() + 1;
      await waitFor("the next millisecond", () => Date.now() > before);
      middle = new Date(before).toISOString();
      await post(3);
      assert.equal(await engine.stop(), 0);
    }
    const sensors = [
      forward("earliest", sink.url, "earliest"),
      forward("since", sink.url, middle),
      forward("latest", sink.url, "latest"),
      forward("silent", sink.url),
    ];
    await write(sensors);
    for (const n of [4, 5]) {
      await using engine = await start();
      await post(n);
      const names = ["earliest", "since", "latest", "silent"];
      await waitFor(
        () => `all to have ${n}; got ${names.map((name) => `${name}: ${received(name)}`).join("; ")}\n${engine.output}`,
        () => names.every((name) => received(name).includes(n)),
      );
      assert.equal(await engine.stop(), 0);
    }
    assert.deepEqual(received("earliest"), [1, 2, 3, 4, 5]);
    assert.deepEqual(received("since"), [3, 4, 5]);
    assert.deepEqual(received("latest"), [4, 5]);
    assert.deepEqual(received("silent"), [4, 5]);
  });
}
