import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { failOnLeaks } from "../harness/leaks.ts";
import { type NatsRelease, natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { busContract } from "./bus.ts";
import type { BusPlace } from "./bus-tools.ts";

failOnLeaks();

busContract({
  name: "sqlite",
  skip: false,
  cannotBeAway: "the file is in this process: test/events/bus/sqlite-failure.test.ts has what fails",
  place: sqlitePlace,
});
for (const release of ["installed", "current"] as const) {
  const skip = natsServerMissing(release) ?? false;
  busContract({ name: `JetStream (${release} release)`, skip, place: () => jetStreamPlace(release) });
}

async function sqlitePlace(): Promise<BusPlace> {
  const dir = await tempDir();
  const path = join(dir.path, "bus.db");
  return {
    open: (streams) => openSqliteBus({ path, streams, log: silentLogger }),
    leave: async () => undefined,
    crash: async () => undefined, // test/events/bus/sqlite.test.ts kills a process
    async removeStream(name) {
      using db = new DatabaseSync(path);
      const row = db.prepare("DELETE FROM streams WHERE name = ? RETURNING id").get(name);
      db.exec(`DROP TABLE messages_${row?.id}`);
    },
    [Symbol.asyncDispose]: dir[Symbol.asyncDispose],
  };
}

async function jetStreamPlace(release: NatsRelease): Promise<BusPlace> {
  const server = await startNatsServer({ release });
  return {
    open: (streams) =>
      openJetStreamBus({ servers: server.url, streams, log: silentLogger, clock: systemClock, name: "test" }),
    leave: server.kill,
    async crash() {
      await server.kill();
      await server.restart();
    },
    async removeStream(name) {
      const nc = await connect({ servers: server.url });
      await (await jetstreamManager(nc)).streams.delete(name);
      await nc.close();
    },
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}
