import assert from "node:assert/strict";
import { test } from "node:test";
import { connectAsync } from "mqtt";
import type { JsonObject } from "../../../src/base/json.ts";
import { mqttSource } from "../../../src/events/sources/mqtt.ts";
import { mosquittoMissing, startMosquitto } from "../../harness/mosquitto.ts";
import { runSource } from "./running-source.ts";
import { memoryState } from "./source-context.ts";

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
