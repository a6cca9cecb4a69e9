import assert from "node:assert/strict";
import { it } from "node:test";
import type { Delivery } from "../../src/events/bus/bus.ts";
import { waitFor } from "../harness/wait.ts";
import { a1, type BusDriver, numbered, publishAll, streams, textOf, work } from "./bus-tools.ts";

/** `share`: work that callers of one name divide among themselves. */
export function sharing({ place: makePlace }: BusDriver): void {
  it("hands each message to one of two workers, and again what is not acknowledged", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const seen: string[] = [];
    const attempts: number[] = [];
    const onDelivery = async (delivery: Delivery): Promise<void> => {
      const text = textOf(delivery);
      if (text === "m3" && delivery.attempt === 1) return; // forgotten: comes again after the ack wait
      if (text === "m5" && delivery.attempt === 1) return delivery.nak(10);
      attempts.push(delivery.attempt);
      seen.push(text);
      await delivery.ack();
    };
    await using _one = work(bus, "pair", onDelivery, { ackWaitMs: 500, maxInFlight: 4 });
    await using _two = work(bus, "pair", onDelivery, { ackWaitMs: 500, maxInFlight: 4 });
    await publishAll(bus, a1, numbered("m", 20));
    await waitFor("all messages", () => seen.length >= 20);
    assert.deepEqual(seen.toSorted(), numbered("m", 20).toSorted());
    assert.equal(attempts.filter((attempt) => attempt === 2).length, 2);
  });

  it("redelivers no sooner than each delay asked for, and counts attempts", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const delays = [100, 200, 400];
    const arrivals: { attempt: number; at: number }[] = [];
    await using _worker = work(bus, "growing", async (delivery) => {
      const { attempt } = delivery;
      arrivals.push({ attempt, at: performance.now() });
      const delay = delays[attempt - 1];
      await (delay === undefined ? delivery.ack() : delivery.nak(delay));
    });
    await publishAll(bus, a1, ["m"]);
    await waitFor("the last attempt", () => arrivals.length === 4);
    assert.deepEqual(
      arrivals.map(({ attempt }) => attempt),
      [1, 2, 3, 4],
    );
    for (const [index, delay] of delays.entries()) {
      const waited = arrivals[index + 1]!.at - arrivals[index]!.at;
      assert.ok(waited >= delay - 5 && waited < delay + 2000, `${waited} ms for ${delay}`);
    }
  });

  it("hands a message out again after the ack wait, not while progress is told", async () => {
    const ackWaitMs = 600;
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const handed: { text: string; attempt: number; at: number }[] = [];
    let working: Promise<void> | undefined;
    const workLong = async (delivery: Delivery): Promise<void> => {
      const until = performance.now() + ackWaitMs * 2.5;
      await waitFor("the work to end", () => {
        delivery.progress();
        return performance.now() > until;
      });
      await delivery.ack();
    };
    const onDelivery = async (delivery: Delivery): Promise<void> => {
      const text = textOf(delivery);
      handed.push({ text, attempt: delivery.attempt, at: performance.now() });
      if (text === "slow") working ??= workLong(delivery);
      else if (delivery.attempt > 1) await delivery.ack();
    };
    await using _one = work(bus, "patient", onDelivery, { ackWaitMs });
    await using _two = work(bus, "patient", onDelivery, { ackWaitMs });
    await publishAll(bus, a1, ["slow", "forgotten"]);
    await waitFor("the work to begin", () => working !== undefined);
    await working;
    const attempts = (name: string) => handed.filter(({ text }) => text === name);
    await waitFor("the second attempt", () => attempts("forgotten").length === 2);
    assert.equal(attempts("slow").length, 1);
    const [first, second] = attempts("forgotten");
    assert.ok(second!.at - first!.at >= ackWaitMs - 5, `again after ${second!.at - first!.at} ms`);
  });

  it("hands out no more than maxInFlight before an acknowledgement", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const held: Delivery[] = [];
    await using _worker = work(bus, "few", async (delivery) => void held.push(delivery), { maxInFlight: 3 });
    await publishAll(bus, a1, numbered("m", 10));
    await waitFor("three", () => held.length >= 3);
    for (let given = 3; given < 10; given++) {
      assert.equal(held.length, given);
      await held[given - 3]!.ack();
      await waitFor("one more", () => held.length > given);
    }
  });

  it("goes on where the durable was after opening again", async () => {
    await using place = await makePlace();
    const seen: string[] = [];
    const onDelivery = async (delivery: Delivery): Promise<void> => {
      seen.push(textOf(delivery));
      await delivery.ack();
    };
    {
      await using bus = await place.open(streams());
      await publishAll(bus, a1, ["1", "2"]);
      await using _worker = work(bus, "lasting", onDelivery);
      await waitFor("both messages", () => seen.length === 2);
    }
    await using again = await place.open(streams());
    await using _worker = work(again, "lasting", onDelivery);
    await publishAll(again, a1, ["3"]);
    await waitFor("the third message", () => seen.length >= 3);
    assert.deepEqual(seen, ["1", "2", "3"]);
  });
}
