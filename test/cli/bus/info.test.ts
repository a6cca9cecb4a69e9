import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { silentLogger as log } from "../../../src/base/log.ts";
import { openSqliteBus } from "../../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../../src/events/bus/streams.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { freePort } from "../../harness/free-port.ts";
import { natsServerMissing, startNatsServer } from "../../harness/nats-server.ts";
import { mainFile, run } from "../../harness/run.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const tiphys = (...args: string[]) => run(process.execPath, [mainFile, ...args]);

test("bus info of a data directory without an engine", async () => {
  await using dir = await tempDir();
  {
    await using bus = await openSqliteBus({ path: join(dir.path, "bus.db"), streams: systemStreams(), log });
    for (const id of ["1", "2"]) await bus.publish(rawSubject("events.shop.a.b"), { id, data: Buffer.from(id) });
  }
  const text = await tiphys("--data-dir", dir.path, "bus", "info");
  assert.deepEqual([text.code, text.stderr], [0, ""]);
  assert.match(
    text.stdout,
    /^bus system\nSTREAM +MESSAGES +BYTES +FIRST +LAST +OLDEST +NEWEST\nevents +2 +\d+ B +1 +2 +20/,
  );
  assert.match(text.stdout, /\nledger +0 +0 B +- +0 +- +-\n/);
  assert.doesNotMatch(text.stdout, /reader/);
  const names = await tiphys("-o", "name", "--data-dir", dir.path, "bus", "info");
  assert.equal(names.stdout, "events\nreconcile\nledger\nstate\ndead\n");
});

test("bus info with neither engine nor data exits 3", async () => {
  await using dir = await tempDir();
  const { code, stderr } = await tiphys("--data-dir", join(dir.path, "none"), "bus", "info");
  assert.equal(code, 3);
  assert.match(stderr, /no engine runs on/);
});

describe("bus info of a NATS", { skip: natsServerMissing() ?? false }, () => {
  test("shows every stream, and who reads it", async () => {
    await using server = await startNatsServer();
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: "default", subjects: ["default.*.*"] });
    await jsm.consumers.add("default", { durable_name: "group", ack_policy: AckPolicy.Explicit });
    for (const text of ["1", "2", "3"]) await jetstream(nc).publish("default.a.b", text);
    await (await jetstream(nc).consumers.get("default", "group")).next();
    await nc.close();
    const { code, stdout } = await tiphys("-o", "json", "bus", "info", server.url);
    assert.equal(code, 0);
    const [bus] = JSON.parse(stdout);
    const [stream] = bus.streams;
    assert.equal(bus.name, server.url.replace("nats://", ""));
    assert.deepEqual([stream.name, stream.messages, stream.last, stream.oldest.sequence], ["default", 3, 3, 1]);
    assert.deepEqual(stream.consumers, [{ name: "group", pending: 2, unacknowledged: 1 }]);
    const text = await tiphys("bus", "info", server.url);
    assert.match(text.stdout, /STREAM +CONSUMER +PENDING +UNACKNOWLEDGED\ndefault +group +2 +1\n$/);
  });

  test("exits 1 when it does not answer, without its password", async () => {
    const { code, stderr } = await tiphys("bus", "info", `nats://ann:secret@127.0.0.1:${await freePort()}`);
    assert.equal(code, 1);
    assert.match(stderr, /does not answer: connection refused/);
    assert.doesNotMatch(stderr, /secret/);
  });
});
