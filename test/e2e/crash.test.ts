import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { type HttpSink, startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { seeded } from "../harness/seeded.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { buses, postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const rounds = 25;
const senders = 4;

function sensor(sinkUrl: string): object {
  const src = { dependencyName: "push", dataKey: "body.n" };
  return resource("Sensor", "forward", {
    dependencies: [{ name: "push", eventSourceName: "numbers", eventName: "push" }],
    triggers: [
      { template: { name: "forward", http: { url: sinkUrl, method: "POST", payload: [{ src, dest: "n" }] } } },
    ],
  });
}

/** Posts numbers from `next` until the engine dies; keeps those that were answered 200. */
async function postUntilDead(url: string, next: () => number, answered: Set<number>): Promise<void> {
  const one = async (): Promise<void> => {
    for (;;) {
      const n = next();
      try {
        const response = await postJson(url, { n });
        if (response.status === 200) answered.add(n);
        await response.body?.cancel();
      } catch {
        return; // The engine was killed: this number was not answered.
      }
    }
  };
  await Promise.all(Array.from({ length: senders }, one));
}

/** By number: the keys that it came under, and how often it came. */
function receivedKeys(sink: HttpSink): Map<number, string[]> {
  const keys = new Map<number, string[]>();
  for (const { body, headers } of sink.requests) {
    const n = Number((JSON.parse(body) as { n: unknown }).n);
    keys.set(n, [...(keys.get(n) ?? []), String(headers["idempotency-key"])]);
  }
  return keys;
}

for (const bus of buses) {
  test(`kill -9 loses nothing and acts under one key (${bus.name}, ${rounds} times)`, { skip: bus.skip }, async (t) => {
    const seed = Number(process.env.TIPHYS_TEST_SEED ?? randomInt(2 ** 31));
    t.diagnostic(`TIPHYS_TEST_SEED=${seed}`);
    const random = seeded(seed);
    await using driver = await bus.start();
    await using folder = await tempDir();
    await using sink = await startHttpSink();
    const port = await freePort();
    const dir = await writeManifests(join(folder.path, "manifests"), [
      webhookSource("numbers", port),
      sensor(`${sink.url}/n`),
    ]);
    const dataDir = join(folder.path, "data");
    const start = (): Promise<RunningEngine> => startEngine({ dir, dataDir, args: driver.args });
    const answered = new Set<number>();
    let count = 0;

    for (let round = 0; round < rounds; round++) {
      await using engine = await start();
      const posting = postUntilDead(`http://127.0.0.1:${port}/push`, () => ++count, answered);
      await sleep(20 + random() * 280);
      await engine.kill9();
      await posting;
    }

    await using engine = await start();
    await waitFor(
      "everything answered to be acted on",
      () => {
        const keys = receivedKeys(sink);
        return [...answered].every((n) => keys.has(n));
      },
      30_000,
    ).catch(() => undefined);
    assert.equal(await engine.stop(), 0);
    const keys = receivedKeys(sink);
    t.diagnostic(`${count} sent, ${answered.size} answered, ${keys.size} acted on, ${sink.requests.length} requests`);
    assert.ok(answered.size > rounds, `only ${answered.size} were answered: the test shows nothing`);
    assert.deepEqual(
      [...answered].filter((n) => !keys.has(n)),
      [],
      "answered 200 and lost",
    );
    const twice = [...keys].filter(([, list]) => new Set(list).size > 1 || list.includes("undefined"));
    assert.deepEqual(twice, [], "under two keys, or none");
  });
}
