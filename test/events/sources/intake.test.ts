import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../../src/base/errors.ts";
import { keepEvent } from "../../../src/events/sources/draft.ts";
import { createIntake } from "../../../src/events/sources/intake.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { recordedContext } from "./source-context.ts";

const away = (): EngineError => new EngineError("BUS_UNAVAILABLE", "away");

/** An intake on a bus that is away until `back`. */
function open() {
  const clock = createVirtualClock();
  const emitted: unknown[] = [];
  const bus = { isAway: true };
  const context = recordedContext({
    clock,
    async emit({ data }) {
      if (bus.isAway) throw away();
      emitted.push(data);
    },
  });
  return { clock, emitted, bus, context, intake: createIntake(context) };
}

test("while the bus is away events wait, however long that takes, and come in their order", async () => {
  const { clock, emitted, bus, context, intake } = open();
  for (let n = 0; n < 300; n++) intake.offer({ data: n }, 10);
  await clock.advance(300_000);
  assert.equal(context.failed.count, 0);
  bus.isAway = false;
  await clock.advance(10_000);
  assert.deepEqual(
    emitted.toSorted((a, b) => Number(a) - Number(b)),
    Array.from({ length: 300 }, (_, n) => n),
  );
});

test("what there is no room for is dropped and counted", async () => {
  const { clock, emitted, bus, context, intake } = open();
  for (let n = 0; n < 10_300; n++) intake.offer({ data: n }, 1);
  assert.equal(context.failed.count, 300 - 256);
  intake.offer({ data: "large" }, 33 * 1024 * 1024);
  assert.equal(context.failed.count, 300 - 256 + 1);
  bus.isAway = false;
  await clock.advance(10_000);
  assert.equal(emitted.length, 10_256);
});

test("when the source ends, each has a few attempts left, and none is lost uncounted", async () => {
  const { clock, context, intake } = open();
  for (let n = 0; n < 3; n++) intake.offer({ data: n }, 10);
  await clock.advance(60_000);
  let isSettled = false;
  const settled = intake.settled().then(() => {
    isSettled = true;
  });
  await clock.advance(2_000);
  assert.equal(isSettled, false);
  await clock.advance(60_000);
  await settled;
  assert.equal(context.failed.count, 3);
});

for (const code of ["BUS_MESSAGE_TOO_LARGE", "EVENT_INVALID"] as const) {
  test(`one that no bus will ever take is given up at once: ${code}`, async () => {
    const emit = () => Promise.reject(new EngineError(code, "never"));
    const context = recordedContext({ clock: createVirtualClock(), emit });
    createIntake(context).offer({ data: 1 }, 10);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(context.failed.count, 1);
    assert.equal(await keepEvent({ data: 1 }, context, new AbortController().signal), false);
    assert.equal(context.failed.count, 2);
  });
}
