import assert from "node:assert/strict";
import { test } from "node:test";
import { connectAsync, type MqttClient } from "mqtt";
import type { JsonObject } from "../../../src/base/json.ts";
import { mqttSource } from "../../../src/events/sources/mqtt.ts";
import { openTakenPackets } from "../../../src/events/sources/mqtt-taken.ts";
import type { EventDraft } from "../../../src/events/sources/source.ts";
import { mosquittoMissing, startMosquitto } from "../../harness/mosquitto.ts";
import { startTcpProxy, type TcpProxy } from "../../harness/tcp-proxy.ts";
import { waitFor } from "../../harness/wait.ts";
import { runSource } from "./running-source.ts";
import { memoryState, recordedContext } from "./source-context.ts";

test("a session that the broker has forgotten is told, one that it has is not", {
  skip: mosquittoMissing,
}, async () => {
  await using broker = await startMosquitto();
  const spec: JsonObject = { url: broker.url, topic: "orders/+", clientId: "tiphys" };
  const state = memoryState();
  const told = async (): Promise<readonly (readonly [number, string])[]> => {
    await using source = await runSource(mqttSource, spec, { state });
    return source.context.lostEvents;
  };
  assert.deepEqual([await told(), await told()], [[], []]);
  const url = broker.url.replace("tcp:", "mqtt:");
  await (await connectAsync(url, { clientId: "tiphys", clean: true })).endAsync(); // ends the session of that id
  assert.deepEqual(await told(), [
    [0, 'the broker has forgotten the session of "tiphys": what came meanwhile is gone'],
  ]);
});

test("what comes again after its connection ended is the same event, also where qos is 2, and a new one is another", {
  skip: mosquittoMissing,
}, async () => {
  await using broker = await startMosquitto();
  const url = broker.url.replace("tcp:", "mqtt:");
  await using proxy = await startTcpProxy(Number(new URL(url).port));
  const publisher = await connectAsync(url);
  await using _ends = { [Symbol.asyncDispose]: () => publisher.endAsync(true) };
  for (const qos of [1, 2] as const) await comesAgain(qos, proxy, publisher);
});

test("of the packets taken last, one that comes again has its id, also once they were kept, and no other has it", async () => {
  const context = recordedContext();
  const packets = await openTakenPackets(context, ["b"]);
  const packet = (messageId: number, body: string, dup = false) => ({
    topic: "t",
    payload: Buffer.from(body),
    qos: 1,
    dup,
    messageId,
  });
  const large = "x".repeat(2_000);
  const ids = Array.from({ length: 300 }, (_, n) => packets.idOf(packet(n + 1, n === 290 ? large : `body ${n}`)));
  const known = [packet(291, large, true), packet(300, "body 299", true)];
  const others = [packet(300, "body 299"), packet(300, "another", true), packet(1, "body 0", true)];
  for (const again of [packets, await kept()]) {
    assert.deepEqual(
      known.map((one) => again.idOf(one)),
      [ids[290], ids[299]],
    );
  }
  for (const other of others) assert.ok(!ids.includes(packets.idOf(other)));
  packets.forget();
  assert.ok(!ids.includes(packets.idOf(known[0] ?? assert.fail())));

  async function kept() {
    await packets.keep(new AbortController().signal);
    return openTakenPackets(context, ["b"]);
  }
});

async function comesAgain(qos: 1 | 2, proxy: TcpProxy, publisher: MqttClient): Promise<void> {
  const topic = `orders/${qos}`;
  const spec: JsonObject = { url: `tcp://127.0.0.1:${proxy.port}`, topic, clientId: `tiphys-${qos}`, qos };
  const state = memoryState();
  const ids: unknown[] = [];
  const hang = async ({ id }: EventDraft): Promise<void> => {
    ids.push(id);
    await new Promise(() => undefined);
  };
  const first = await runSource(mqttSource, spec, { state, emit: hang });
  await publisher.publishAsync(topic, "on", { qos });
  await waitFor("the message", () => ids.length === 1);
  proxy.cutOnce();
  assert.match(String(await first.ended), /MQTT broker/);
  await using second = await runSource(mqttSource, spec, { state, emit: async ({ id }) => void ids.push(id) });
  await waitFor("the message again", () => ids.length === 2);
  await publisher.publishAsync(topic, "on", { qos });
  await waitFor("another one", () => ids.length === 3);
  assert.deepEqual(ids.slice(0, 2), [ids[0], ids[0]]);
  assert.notEqual(ids[2], ids[0]);
  assert.deepEqual(second.context.lostEvents, []);
}
