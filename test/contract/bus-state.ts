import assert from "node:assert/strict";
import { it } from "node:test";
import type { StateChange } from "../../src/events/bus/bus.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { waitFor } from "../harness/wait.ts";
import { type BusDriver, bytes, changeText, numbered, readAll, streams, textOf, texts, watch } from "./bus-tools.ts";

export function appending({ place: makePlace }: BusDriver): void {
  const one = rawSubject("state.one");
  const two = rawSubject("state.two");

  it("refuses an append whose owner is behind, whatever others wrote", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const first = await bus.append(one, bytes("1"), 0);
    await bus.append(two, bytes("other"), 0);
    const second = await bus.append(one, bytes("2"), first);
    await assert.rejects(bus.append(one, bytes("late"), first), { code: "BUS_STALE" });
    await assert.rejects(bus.append(one, bytes("late"), 0), { code: "BUS_STALE" });
    const last = await bus.last(one);
    assert.equal(last?.sequence, second);
    assert.equal(last && textOf(last), "2");
    assert.equal(await bus.last(rawSubject("state.none")), undefined);
  });

  it("purges what a snapshot made superfluous", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const first = await bus.append(one, bytes("1"), 0);
    await bus.append(two, bytes("other"), 0);
    const second = await bus.append(one, bytes("2"), first);
    await bus.purge(one, second);
    const left = await readAll(bus, { subjects: [rawSubject("state.>")] });
    assert.deepEqual(texts(left), ["other", "2"]);
    assert.equal((await bus.end("state")).after, second);
  });
}

export function keepingState({ place: makePlace }: BusDriver): void {
  it("stores, compares, lists and deletes state", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const state = bus.state("leases");
    assert.equal(await state.get("a"), undefined);
    const first = await state.put("a", bytes("1"), 0);
    await assert.rejects(state.put("a", bytes("x"), 0), { code: "BUS_STALE" });
    const second = await state.put("a", bytes("2"), first);
    assert.ok(second > first);
    await assert.rejects(state.put("a", bytes("x"), first), { code: "BUS_STALE" });
    await state.put("b/c", bytes("3"));
    const entries = await state.entries("");
    assert.deepEqual(entries.map((entry) => entry.key).toSorted(), ["a", "b/c"]);
    assert.deepEqual(
      (await state.entries("b/")).map((entry) => Buffer.from(entry.value).toString()),
      ["3"],
    );
    await assert.rejects(state.delete("a", first), { code: "BUS_STALE" });
    await state.delete("a", second);
    assert.equal(await state.get("a"), undefined);
    assert.ok((await state.put("a", bytes("again"), 0)) > second, "a key deleted can be made anew");
    assert.deepEqual(await bus.state("other").entries(""), []);
  });

  it("lists each key once and comes to an end, though others write all the time", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const state = bus.state("leases");
    const quiet = numbered("quiet/", 60);
    for (const key of quiet) await state.put(key, bytes("1"));
    let isListed = false;
    const writing = (async () => {
      for (let n = 0; !isListed; n++) {
        await state.put(`busy/${n % 60}`, bytes(String(n)));
        if (n % 10 === 0) await state.delete(`busy/${n % 60}`);
      }
    })();
    try {
      for (let look = 0; look < 15; look++) {
        const started = performance.now();
        const keys = (await state.entries("")).map((entry) => entry.key);
        assert.ok(performance.now() - started < 5_000, "a list took too long");
        assert.equal(new Set(keys).size, keys.length, "a key is listed twice");
        assert.deepEqual(keys.filter((key) => key.startsWith("quiet/")).toSorted(), quiet.toSorted());
      }
    } finally {
      isListed = true;
      await writing;
    }
  });

  it("tells a watcher what there is and then what changes, under its prefix only", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const state = bus.state("watched");
    await state.put("a/1", bytes("old"));
    await state.put("b/1", bytes("other"));
    await using watcher = watch(state, "a/");
    await waitFor("what there is", () => watcher.changes.length === 1);
    await state.put("a/2", bytes("new"));
    await state.put("b/2", bytes("other"));
    await state.delete("b/1");
    await state.put("a/1", bytes("changed"));
    await waitFor("the new key", () => watcher.changes.includes("a/2=new")); // else it may come and go untold
    await state.delete("a/2");
    await waitFor("the deletion", () => watcher.changes.includes("a/2 deleted"));
    assert.deepEqual(watcher.changes, ["a/1=old", "a/2=new", "a/1=changed", "a/2 deleted"]);
  });

  it("leaves a slow watcher the newest value of each key", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const state = bus.state("watched");
    await state.put("busy", bytes("0"));
    const stop = new AbortController();
    const changes = state.watch("", stop.signal)[Symbol.asyncIterator]();
    assert.equal(changeText((await changes.next()).value as StateChange), "busy=0");
    for (let value = 1; value <= 50; value++) await state.put("busy", bytes(String(value)));
    await state.put("end", bytes("end"));
    const seen: string[] = [];
    while (seen.at(-1) !== "end=end") seen.push(changeText((await changes.next()).value as StateChange));
    assert.equal(seen.at(-2), "busy=50");
    stop.abort();
    assert.equal((await changes.next()).done, true);
  });

  it("lets entries vanish after the TTL of the store, and tells watchers", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    const state = bus.state("brief", { ttlMs: 500 });
    const lasting = bus.state("lasting");
    await lasting.put("a", bytes("stays"));
    await using watcher = watch(state, "");
    const first = await state.put("a", bytes("1"));
    await waitFor("the value", () => watcher.changes.includes("a=1"));
    const until = performance.now() + 800;
    await waitFor("renewals past the TTL", async () => {
      assert.ok(await state.get("a"), "an entry stored again in time stays");
      await state.put("a", bytes("again"));
      return performance.now() > until;
    });
    await waitFor("the entry to vanish", async () => (await state.get("a")) === undefined);
    assert.deepEqual(await state.entries(""), []);
    await waitFor("the watcher to be told", () => watcher.changes.at(-1) === "a deleted");
    assert.ok((await state.put("a", bytes("anew"), 0)) > first, "what vanished can be made anew");
    await waitFor("the new value", () => watcher.changes.at(-1) === "a=anew");
    assert.ok(await lasting.get("a"));
  });

  it("changes the TTL of a store that is there", async () => {
    await using place = await makePlace();
    await using bus = await place.open(streams());
    await bus.state("leases").put("before", bytes("x"));
    const state = bus.state("leases", { ttlMs: 200 });
    await state.put("a", bytes("1"));
    await waitFor("the entry to vanish", async () => (await state.get("a")) === undefined);
  });
}
