import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import { silentLogger } from "../../src/base/log.ts";
import { relayEvents } from "../../src/controllers/bus-relay.ts";
import { argoSubject } from "../../src/controllers/exotic-bus.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { decodeEvent, encodeEvent } from "../../src/record/cloud-event.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { cloudEvent } from "../events/sensor/builders.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { createHandle } from "./fakes.ts";

const subject = rawSubject("default.*.*");

for (const failure of [
  new EngineError("BUS_UNAVAILABLE", "away"),
  new EngineError("STORE_FAILED", "a damaged file"),
] as const) {
  test(`an event waits while the other bus says ${failure.code}; what is no event is told once`, async () => {
    await using dir = await tempDir();
    const streams = [{ name: "default", subjects: [subject], dedupeWindowMs: 60_000 }];
    await using from = await openSqliteBus({ path: join(dir.path, "bus.db"), streams, log: silentLogger });
    const target = createMemoryBus();
    target.failure = failure;
    const invalid: string[] = [];
    const stop = new AbortController();
    const ready = Promise.withResolvers<void>();
    const relaying = relayEvents(
      {
        from,
        subject,
        namespace: "shop",
        name: "default",
        to: createHandle("system", target),
        onReady: ready.resolve,
        onInvalid: ({ sequence }, reason) => invalid.push(`${sequence}: ${reason}`),
      },
      stop.signal,
    );
    await ready.promise;
    const at = argoSubject("numbers", "push");
    await from.publish(at, { id: "1", data: encodeEvent(cloudEvent({ id: "e1" })) });
    await from.publish(at, { id: "2", data: Buffer.from("no event") });
    await waitFor("what is no event to be told", () => invalid.length > 0);
    assert.deepEqual(target.stored("events"), []);
    target.failure = undefined;
    const moved = await waitFor("the event to be moved", () => target.stored("events")[0]);
    assert.equal(moved.subject, "events.shop.numbers.push");
    assert.equal(decodeEvent(moved.data).id, "e1");
    assert.deepEqual(invalid, ["2: a stored message is not JSON"]);
    stop.abort();
    await relaying;
  });
}
