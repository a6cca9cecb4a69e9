import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "amqplib";
import type { WhatIfReport } from "../../src/events/trial/what-if.ts";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { rabbitMqMissing, startRabbitMq } from "../harness/rabbitmq.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const wanted = '{"ref":"main"}';

test("what-if shows the message and the broker gets none, until the event comes", {
  skip: rabbitMqMissing,
  timeout: 120_000,
}, async () => {
  await using rabbit = await startRabbitMq();
  await using folder = await tempDir();
  const port = await freePort();
  const sensor = resource("Sensor", "tell", {
    dependencies: [{ name: "push", eventSourceName: "hook", eventName: "push" }],
    triggers: [
      {
        template: {
          name: "send",
          amqp: {
            url: rabbit.url,
            exchangeName: "orders",
            routingKey: "new",
            payload: [{ src: { dependencyName: "push", dataKey: "body.ref" }, dest: "ref" }],
          },
        },
      },
    ],
  });
  const dir = await writeManifests(join(folder.path, "manifests"), [webhookSource("hook", port), sensor]);
  const event = join(folder.path, "event.json");
  await writeFile(event, JSON.stringify({ body: { ref: "main" } }));
  const connection = await connect(rabbit.url);
  try {
    const channel = await connection.createChannel();
    await channel.assertExchange("orders", "topic");
    // It takes whatever is published there, not only what the trigger should send.
    const { queue } = await channel.assertQueue("all");
    await channel.bindQueue(queue, "orders", "#");
    const count = async () => (await channel.checkQueue(queue)).messageCount;
    await using engine = await startEngine({ dir, dataDir: join(folder.path, "data") });
    for (let n = 0; n < 3; n++) {
      const { code, stdout, stderr } = await engine.cli([
        "what-if",
        "--event",
        event,
        "--from",
        "hook/push",
        "-o",
        "json",
      ]);
      assert.equal(code, 0, stderr);
      const { sensors } = JSON.parse(stdout) as WhatIfReport;
      const [firing] = sensors[0]?.firings ?? [];
      assert.equal(firing?.trigger, "send");
      assert.ok(stdout.includes(JSON.stringify(wanted).slice(1, -1)), stdout);
    }
    assert.equal(await count(), 0);
    assert.equal((await postJson(`http://127.0.0.1:${port}/push`, { ref: "main" })).status, 200);
    await waitFor("the message", async () => (await count()) > 0);
    assert.equal(await count(), 1, "the event's own, and none of the three trials'");
    const message = (await channel.get(queue, { noAck: true })) || undefined;
    assert.equal(message?.content.toString(), wanted);
    assert.equal(await engine.stop(), 0);
  } finally {
    await connection.close();
  }
});
