import { statSync } from "node:fs";
import { join } from "node:path";
import type { NatsServer } from "../harness/nats-server.ts";
import { limitFileSize } from "../harness/prlimit.ts";
import type { SmallDisk } from "../harness/small-disk.ts";
import type { TcpProxy } from "../harness/tcp-proxy.ts";
import type { EngineSlot } from "./engine-slot.ts";
import type { Publisher } from "./load.ts";
import { type Chaos, pastLeaseMs } from "./scenario.ts";

// Each is one fault from its beginning to its end; when it begins is left to the scenario.

/** Long enough for servers to close connections that were kept. */
const withinLeaseMs = [6_000, 8_000] as const;
/** An engine takes about a second to start. */
const startMs = 1_200;

/** kill -9, at times also of the one that starts after it. */
export async function killEngine(chaos: Chaos, engine: EngineSlot): Promise<void> {
  await engine.kill9();
  chaos.note("engine killed");
  if (chaos.random() < 0.3) {
    await engine.killStarting(chaos.random() * startMs);
    chaos.note("engine killed while it started");
  }
  await engine.start();
}

export async function killPublisher(chaos: Chaos, publisher: Publisher): Promise<void> {
  await publisher.kill9();
  chaos.note("publisher killed");
  await publisher.start();
}

export async function killServer(chaos: Chaos, server: NatsServer): Promise<void> {
  await server.kill();
  chaos.note("server killed");
  await chaos.outage(0, 2_000);
  await server.restart();
}

/** Another port behind the same name, which leads nowhere for a while. */
export async function moveServer(chaos: Chaos, server: NatsServer, name: TcpProxy): Promise<void> {
  if (chaos.random() < 0.5) await server.kill();
  await server.move();
  await chaos.outage(0, 1_000);
  name.pointTo(server.port);
  chaos.note("server moved");
}

/** SIGSTOP until another has taken over, then SIGCONT; at times for so short that it still owns all it had. */
export async function pauseOwner(chaos: Chaos, engine: EngineSlot): Promise<void> {
  const isShort = chaos.random() < 0.25;
  const [fromMs, toMs] = isShort ? withinLeaseMs : pastLeaseMs;
  await engine.whilePaused(() => chaos.pause(fromMs, toMs));
  chaos.note(isShort ? "owner paused within its lease" : "owner paused past its lease");
}

/** No file of the engine may grow beyond the size that its bus has now. */
export async function fillDiskOfEngine(chaos: Chaos, { pid, dataDir }: EngineSlot): Promise<void> {
  limitFileSize(pid, statSync(join(dataDir, "bus.db")).size);
  chaos.note("disk full");
  await chaos.outage(500, 4_000);
  limitFileSize(pid, "unlimited");
}

export async function fillDiskOfServer(chaos: Chaos, server: NatsServer, disk: SmallDisk): Promise<void> {
  await disk.fill();
  chaos.note("disk full");
  await chaos.outage(1_000, 5_000);
  await disk.free();
  // It writes no more by itself, and 2.9 does not even stop when told to.
  await server.kill();
  await server.restart();
}
