import assert from "node:assert/strict";
import { test } from "node:test";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { JsonObject } from "../../../src/base/json.ts";
import { jetstreamSource } from "../../../src/events/sources/jetstream.ts";
import { oddHeaders, publishRaw } from "../../harness/nats-raw.ts";
import { natsServerMissing, startNatsServer } from "../../harness/nats-server.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";
import { memoryState } from "./source-context.ts";

test("a stream that was not there yet, or is made anew, is read from its first message, under other ids, also messages whose headers cannot be read", {
  skip: natsServerMissing() ?? false,
}, async () => {
  await using server = await startNatsServer();
  const connection = await connect({ servers: server.url });
  await using _closed = { [Symbol.asyncDispose]: () => connection.close() };
  const { streams, consumers } = await jetstreamManager(connection);
  const js = jetstream(connection);
  const create = () => streams.add({ name: "ORDERS", subjects: ["orders.>"] });
  const publish = (n: number) => js.publish("orders.new", JSON.stringify({ n }));
  const spec: JsonObject = { url: server.url, stream: "ORDERS", durable: "d", jsonBody: true };
  const state = memoryState();
  const ids: (string | undefined)[] = [];
  /** Publishes `late` once the source listens; `wanted` is all that it reads. */
  const reads = async (late: readonly number[], wanted: readonly number[]): Promise<void> => {
    await using source = await runSource(jetstreamSource, spec, { state });
    for (const n of late) await publish(n);
    await waitFor(`${wanted.join()}`, () => source.data().length >= wanted.length);
    assert.deepEqual(
      source.data().map(({ body }) => (body as JsonObject).n),
      wanted,
    );
    ids.push(...source.context.emitted.map(({ id }) => id));
  };

  await assert.rejects(runSource(jetstreamSource, spec, { state }), /stream "ORDERS": stream not found/);
  await create();
  await publish(1);
  await reads([2], [1, 2]);
  await consumers.delete("ORDERS", "d");
  await publish(3);
  await reads([4], [3, 4]);
  await streams.delete("ORDERS");
  await create();
  await publish(5);
  await reads([6], [5, 6]);
  assert.equal(new Set(ids).size, 6, "the same sequence in another stream is another message");

  for (const odd of oddHeaders) await publishRaw(server.url, "orders.new", odd, '{"n":7}');
  await reads([8], [...oddHeaders.map(() => 7), 8]);
  await reads([], []);
});
