import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { nsqSource } from "../../../src/events/sources/nsq.ts";
import { nsqMissing, startNsq } from "../../harness/nsq.ts";
import { waitFor } from "../../harness/wait.ts";
import { directFetch } from "./direct-fetch.ts";
import { runSource } from "./running-source.ts";

const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
const numbered = (from: number, count: number) => range(from, count).map((n) => JSON.stringify({ n }));
const numbersOf = (data: readonly JsonObject[]) => new Set(data.map(({ body }) => (body as { n: number }).n));

describe("nsq", { skip: nsqMissing(), timeout: 60_000 }, () => {
  const specOf = (hostAddress: string, more: object = {}) => ({
    hostAddress,
    topic: "orders",
    channel: "tiphys",
    jsonBody: true,
    ...more,
  });

  test("messages come in their shape, are finished once kept, and outlive the server", async () => {
    await using server = await startNsq();
    await server.publish("orders", numbered(0, 1));
    const parts = { fetch: directFetch };
    {
      await using source = await runSource(nsqSource, specOf(server.lookup, { metadata: { m: "1" } }), parts);
      await waitFor("the event", () => source.context.emitted.length === 1);
      const [{ timestamp, ...rest } = { timestamp: "" }] = source.data();
      assert.match(String(timestamp), /^\d{19}$/);
      assert.deepEqual(rest, { body: { n: 0 }, nsqdAddress: server.address, metadata: { m: "1" } });
      await server.publish("orders", ["no JSON"]);
      await waitFor("the refusal", () => source.context.failed.count === 1);
      await waitFor("all to be finished", async () => (await server.waiting("orders", "tiphys")) === 0);
      await server.kill();
      assert.match(String(await source.ended), /NSQ: 127\.0\.0\.1:\d+: /);
    }
    await server.start();
    await server.publish("orders", numbered(10, 5));
    await using again = await runSource(nsqSource, specOf(server.lookup), parts);
    await waitFor("what came meanwhile", () => numbersOf(again.data()).size === 5, 20_000);
    assert.deepEqual(
      [...numbersOf(again.data())].toSorted((a, b) => a - b),
      range(10, 5),
    );
  });

  test("a bus that is away holds messages back; what was not kept comes to the next one with its id", async () => {
    await using server = await startNsq();
    await server.publish("orders", numbered(0, 100));
    const tried = new Set<string>();
    let most = 0;
    const emit = async ({ id = "" }: { readonly id?: string }) => {
      tried.add(id);
      most = Math.max(most, tried.size);
      throw new Error("the bus is away");
    };
    await using stuck = await runSource(nsqSource, specOf(server.lookup), { fetch: directFetch, emit });
    await waitFor("attempts", () => tried.size >= 50);
    assert.equal(most, 50);
    await stuck.stop();
    await using source = await runSource(nsqSource, specOf(server.lookup), { fetch: directFetch });
    await waitFor("all of them", () => numbersOf(source.data()).size === 100, 20_000);
    const ids = new Set(source.context.emitted.map(({ id }) => id ?? ""));
    assert.ok([...tried].every((id) => ids.has(id)));
    await waitFor("all to be finished", async () => (await server.waiting("orders", "tiphys")) === 0);
  });

  test("a topic that is nowhere yet is waited for; a lookup that is away is a failure", async () => {
    await using server = await startNsq();
    await using source = await runSource(nsqSource, specOf(server.lookup, { topic: "later" }), { fetch: directFetch });
    assert.equal(source.context.emitted.length, 0);
    await assert.rejects(runSource(nsqSource, specOf("127.0.0.1:1"), { fetch: directFetch }), /fetch failed/);
  });
});

/** As nsqd: a message at RDY, another one that is under way when the client says that it leaves. */
async function startLateServer() {
  const said: string[] = [];
  const frame = (type: number, data: Buffer | string): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(Buffer.byteLength(data) + 4);
    head.writeUInt32BE(type, 4);
    return Buffer.concat([head, Buffer.from(data)]);
  };
  const message = (id: string): Buffer => frame(2, Buffer.concat([Buffer.alloc(10), Buffer.from(`${id}{"n":1}`)]));
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      for (const line of chunk.toString("latin1").split("\n")) {
        said.push(line);
        if (/IDENTIFY|^SUB/.test(line)) socket.write(frame(0, "OK"));
        if (line === "RDY 50") socket.write(message("a".repeat(16)));
        if (line === "CLS") socket.write(Buffer.concat([message("b".repeat(16)), frame(0, "CLOSE_WAIT")]));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { said, port, [Symbol.asyncDispose]: stop };
}

test("nsq: a message that was under way when the source stopped is given back, too", async () => {
  await using server = await startLateServer();
  const producers = [{ broadcast_address: "127.0.0.1", tcp_port: server.port }];
  const fetch = async () => ({ status: 200, headers: {}, text: JSON.stringify({ producers }) });
  const arrived = Promise.withResolvers<void>();
  const emit = (): Promise<void> => {
    arrived.resolve();
    return new Promise(() => undefined);
  };
  const spec = { hostAddress: "127.0.0.1:1", topic: "orders", channel: "tiphys" };
  await using source = await runSource(nsqSource, spec, { fetch, emit });
  await arrived.promise;
  await source.stop();
  const given = server.said.filter((line) => line.startsWith("REQ"));
  assert.deepEqual(given, [`REQ ${"a".repeat(16)} 0`, `REQ ${"b".repeat(16)} 0`]);
});
