import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { silentLogger } from "../../src/base/log.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { type BusPlace, busContract } from "./bus.ts";

busContract({ name: "sqlite", skip: false, place: sqlitePlace });

async function sqlitePlace(): Promise<BusPlace> {
  const dir = await tempDir();
  const path = join(dir.path, "bus.db");
  return {
    open: (streams) => openSqliteBus({ path, streams, log: silentLogger }),
    crash: async () => undefined, // test/events/bus/sqlite.test.ts kills a process
    async removeStream(name) {
      using db = new DatabaseSync(path);
      const row = db.prepare("DELETE FROM streams WHERE name = ? RETURNING id").get(name);
      db.exec(`DROP TABLE messages_${row?.id}`);
    },
    [Symbol.asyncDispose]: dir[Symbol.asyncDispose],
  };
}
