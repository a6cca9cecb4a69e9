import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEventBus } from "../../src/api/event-bus.ts";
import { faultOf, manifest } from "./builders.ts";

const read = (spec: unknown) => parseEventBus(manifest("EventBus", spec));

for (const [kind, spec] of [
  ["jetstream", { jetstream: { version: "latest" } }],
  ["jetstream", { jetstream: { version: "2.10.29", replicas: 1, nodeSelector: {} } }],
  ["jetstreamExotic", { jetstreamExotic: { url: "nats://n:4222" } }],
  ["kafka", { kafka: { url: "k:9092" } }],
  ["nats", { nats: { native: { replicas: 3 } } }],
  ["nats", { nats: { exotic: { url: "nats://n", clusterID: "c", auth: "token" } } }],
] as const) {
  test(`an EventBus ${JSON.stringify(spec)} is of kind ${kind}`, () => {
    const { resource, warnings } = read(spec);
    assert.equal(resource.kind, kind);
    assert.deepEqual(resource.spec, spec);
    assert.deepEqual(warnings, []);
  });
}

for (const [spec, message] of [
  [{}, 'either "nats", "jetstream", "jetstreamExotic", or "kafka" needs to be specified'],
  [{ jetstream: {} }, "spec.jetstream.version: invalid spec: a version for jetstream needs to be specified"],
  [{ jetstream: { version: "x", replicas: 2 } }, "requires 1 replica or >= 3 replicas"],
  [{ jetstream: { version: "x", replicas: 0 } }, "requires 1 replica or >= 3 replicas"],
  [{ jetstreamExotic: {} }, '"spec.jetstreamExotic.url" is missing'],
  [{ kafka: {} }, '"spec.kafka.url" is missing'],
  [{ nats: {} }, 'either "native" or "exotic" must be defined'],
  [{ nats: { native: {}, exotic: {} } }, "can not be defined together"],
  [{ nats: { exotic: { url: "u" } } }, '"spec.nats.exotic.clusterID" is missing'],
  [{ nats: { exotic: { clusterID: "c" } } }, '"spec.nats.exotic.url" is missing'],
  [{ kafka: { url: 5 } }, "spec.kafka.url: 5 must be a string"],
] as const) {
  test(`an EventBus ${JSON.stringify(spec)} is refused`, () => {
    const fault = faultOf(() => read(spec));
    assert.ok(fault?.includes(message), `${message} in ${fault}`);
  });
}
