import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { jetstream, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

function forward(name: string, sinkUrl: string): object {
  const payload = [{ src: { dependencyName: "push", dataKey: "body.n" }, dest: "n" }];
  return resource("Sensor", name, {
    dependencies: [{ name: "push", eventSourceName: "numbers", eventName: "push" }],
    triggers: [{ template: { name: "t", http: { url: `${sinkUrl}/${name}`, method: "POST", payload } } }],
  });
}

/** As an EventSource of Argo Events writes it. */
function argoEvent(n: number): string {
  const data = Buffer.from(JSON.stringify({ body: { n } })).toString("base64");
  const attributes = { specversion: "1.0", source: "numbers", subject: "push", type: "webhook" };
  return JSON.stringify({ ...attributes, id: `id-${n}`, time: "2026-11-25T18:33:07Z", data_base64: data });
}

for (const release of ["installed", "current"] as const) {
  for (const retention of [RetentionPolicy.Interest, RetentionPolicy.Workqueue] as const) {
    const skip = natsServerMissing(release) ?? false;
    test(`an exotic stream with ${retention} retention is read to the last event (${release})`, { skip }, async () => {
      await using server = await startNatsServer({ release });
      await using folder = await tempDir();
      await using sink = await startHttpSink();
      const nc = await connect({ servers: server.url });
      const jsm = await jetstreamManager(nc);
      await jsm.streams.add({ name: "default", subjects: ["default.*.*"], retention, storage: StorageType.File });
      const publish = (n: number) => jetstream(nc).publish("default.numbers.push", argoEvent(n));
      const port = await freePort();
      const dir = await writeManifests(join(folder.path, "manifests"), [
        resource("EventBus", "default", { jetstreamExotic: { url: server.url } }),
        webhookSource("numbers", port),
        forward("one", sink.url),
        forward("two", sink.url),
      ]);
      // By key: what a kill interrupted comes again under the same one.
      const received = (name: string): number[] => {
        const acted = sink.requests.filter(({ path }) => path === `/${name}`);
        const byKey = new Map(acted.map(({ headers, body }) => [headers["idempotency-key"], JSON.parse(body).n]));
        return [...byKey.values()].map(Number).toSorted((a, b) => a - b);
      };
      // What the server hands to an engine that was just killed comes again after the relay's wait of 5 s.
      const waitReceived = (count: number) =>
        waitFor(
          `both Sensors to act on ${count} events`,
          () => ["one", "two"].every((name) => received(name).length >= count),
          20_000,
        );
      {
        await using engine = await startEngine({ dir, dataDir: join(folder.path, "data") });
        // Before its bus is open the source answers 503.
        await waitFor("the webhook to be kept", async () => {
          const response = await postJson(`http://127.0.0.1:${port}/push`, { n: 2 }).catch(() => undefined);
          return response?.status === 200;
        });
        await publish(1);
        await waitReceived(2);
        await engine.kill9();
      }
      for (const n of [3, 4, 5]) await publish(n); // nobody is there: they wait in the stream
      await using engine = await startEngine({ dir, dataDir: join(folder.path, "data") });
      await nc.publish("default.numbers.push", "no event");
      await publish(6);
      await waitReceived(6);
      for (const name of ["one", "two"]) assert.deepEqual(received(name), [1, 2, 3, 4, 5, 6], name);
      await waitFor("all to be acknowledged", async () => (await jsm.streams.info("default")).state.messages === 0);
      const metrics = await (await engine.api("/metrics")).text();
      assert.match(metrics, /^tiphys_events_invalid_total\{.*\} 1$/m, "what is no event is counted");
      assert.equal(await engine.stop(), 0);
      await nc.close();
    });
  }
}
