import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StorageType } from "@nats-io/jetstream";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { StreamSpec } from "../../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../../src/events/bus/jetstream.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { type NatsCluster, startNatsCluster } from "../../harness/nats-cluster.ts";
import { natsServerMissing } from "../../harness/nats-server.ts";
import { waitFor } from "../../harness/wait.ts";

const streams: StreamSpec[] = [{ name: "events", subjects: [rawSubject("events.>")], dedupeWindowMs: 60_000 }];
const subject = rawSubject("events.a.1");

function open(servers: string, specs = streams, log = silentLogger) {
  return openJetStreamBus({ servers, streams: specs, log, clock: systemClock, name: "test" });
}

function replicasOf(cluster: NatsCluster, stream: string): Promise<number> {
  return cluster.ask(async (jsm) => (await jsm.streams.info(stream)).config.num_replicas);
}

describe("a cluster of nats-servers", { skip: natsServerMissing("current") ?? false }, () => {
  it("keeps streams and state on three servers, and goes on without the one that leads", async () => {
    await using cluster = await startNatsCluster(3, "current");
    await using bus = await open(cluster.url);
    const state = bus.state("leases");
    await state.put("a", Buffer.from("1"));
    assert.deepEqual([await replicasOf(cluster, "events"), await replicasOf(cluster, "KV_tiphys_leases")], [3, 3]);
    const seen: string[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const { messages } of bus.read({ subjects: [subject], from: "first", follow: true }, stop.signal)) {
        for (const { data } of messages) seen.push(Buffer.from(data).toString());
      }
    })();
    const leader = await waitFor("a leader", () => cluster.leaderOf("events"));
    await cluster.servers.get(leader)?.kill();
    for (const id of ["1", "2"]) {
      const message = { id, data: Buffer.from(id) };
      await waitFor("a publish to be kept", () => bus.publish(subject, message).catch(() => undefined), 30_000);
    }
    await waitFor("the state to be there", () => state.get("a").catch(() => undefined));
    await waitFor("the reader to go on", () => seen.length >= 2);
    assert.deepEqual(seen, ["1", "2"]);
    stop.abort();
    await reading;
  });

  it("of two servers keeps one copy, and says so", async () => {
    await using cluster = await startNatsCluster(2, "current");
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (message: string): void => void warnings.push(message) };
    await using bus = await open(cluster.url, streams, log);
    await bus.state("leases").put("a", Buffer.from("1"));
    assert.deepEqual([await replicasOf(cluster, "events"), await replicasOf(cluster, "KV_tiphys_leases")], [1, 1]);
    assert.deepEqual(warnings, ["stream has fewer copies than wanted: the cluster has not enough servers"]);
  });
});

for (const release of ["installed", "current"] as const) {
  describe(`a cluster of the ${release} nats-server`, { skip: natsServerMissing(release) ?? false }, () => {
    it("brings to three what was made with one, and leaves what says a number", async () => {
      await using cluster = await startNatsCluster(3, release);
      await cluster.ask(async (jsm) => {
        await jsm.streams.add({ name: "events", subjects: ["events.>"], storage: StorageType.File });
        await jsm.streams.add({ name: "KV_tiphys_leases", subjects: ["$KV.tiphys_leases.>"], max_msgs_per_subject: 1 });
      });
      const single = { name: "single", subjects: [rawSubject("single.>")], dedupeWindowMs: 60_000, replicas: 1 };
      await using bus = await open(cluster.url, [...streams, single]);
      const state = bus.state("leases");
      // It has no leader for a moment.
      await waitFor("the state to answer", () => state.put("a", Buffer.from("1")).catch(() => undefined), 30_000);
      const found = ["events", "KV_tiphys_leases", "single"].map((stream) => replicasOf(cluster, stream));
      assert.deepEqual(await Promise.all(found), [3, 3, 1]);
    });
  });
}
