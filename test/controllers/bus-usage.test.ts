import assert from "node:assert/strict";
import { test } from "node:test";
import { createBusDirectory } from "../../src/controllers/bus-directory.ts";
import { readBusUsage } from "../../src/controllers/bus-usage.ts";
import type { EventBus } from "../../src/events/bus/bus.ts";
import { createEventReader } from "../../src/events/sensor/reader.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { createHandle } from "./fakes.ts";

function handleOf(name: string, bus: EventBus) {
  const subjects = [rawSubject("events.>")];
  const parseSubject = () => ({ namespace: "", eventSource: "", event: "" });
  const reader = createEventReader({ name, bus, subjects, stream: "events", parseSubject, onInvalid: () => undefined });
  return { ...createHandle(name, bus), reader };
}

test("every bus that is open is told, and one that is away holds up no other", async () => {
  const directory = createBusDirectory(handleOf("system", createMemoryBus()));
  const away = createMemoryBus();
  away.fault = () => {
    throw new Error("the bus is away");
  };
  directory.set("shop", "default", handleOf("shop/default", away));
  directory.set("shop", "other", { pending: "not yet" });
  assert.deepEqual(await readBusUsage(directory), [
    { name: "system", streams: [], reader: { stream: "events", lag: 0 } },
    { name: "shop/default", streams: [], error: "the bus is away" },
  ]);
});
