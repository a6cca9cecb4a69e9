import { existsSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../base/errors.ts";
import { createLogger, type Logger } from "../base/log.ts";
import type { EventBus } from "../events/bus/bus.ts";
import type { DataDir } from "../local/data-dir.ts";

/** What a data directory holds, while its lock is ours. */
export interface Stored {
  readonly bus: EventBus;
  readonly dir: DataDir;
  readonly log: Logger;
}

/**
 * With no engine running: opens the bus of the data directory under its lock, and closes both.
 * @throws EngineError ENGINE_UNREACHABLE when nothing is stored there
 */
export async function withStoredBus<T>(dataDir: string, use: (stored: Stored) => Promise<T>): Promise<T> {
  if (!existsSync(join(dataDir, "bus.db"))) {
    throw new EngineError("ENGINE_UNREACHABLE", `no engine runs on "${dataDir}", and nothing is stored there`);
  }
  const { openDataDir } = await import("../local/data-dir.ts");
  const { openSqliteBus } = await import("../events/bus/sqlite.ts");
  const { systemStreams } = await import("../events/bus/streams.ts");
  using dir = openDataDir(dataDir);
  const log = createLogger("error");
  await using bus = await openSqliteBus({ path: dir.file("bus.db"), streams: systemStreams(), log });
  return await use({ bus, dir, log });
}
