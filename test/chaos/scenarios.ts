import { type NatsCluster, startNatsCluster } from "../harness/nats-cluster.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { prlimitMissing } from "../harness/prlimit.ts";
import { openSmallDisk, smallDiskMissing } from "../harness/small-disk.ts";
import { startTcpProxy } from "../harness/tcp-proxy.ts";
import { waitFor } from "../harness/wait.ts";
import {
  fillDiskOfEngine,
  fillDiskOfServer,
  killEngine,
  killPublisher,
  killServer,
  moveServer,
  pauseOwner,
} from "./faults.ts";
import { openFleet } from "./fleet.ts";
import type { Chaos, Scenario } from "./scenario.ts";
import { openStage } from "./stage.ts";

const killLeaderEveryMs = 10_000;
const diskBytes = 128 * 1024 * 1024;

const publisher: Scenario = {
  name: "publisher killed",
  weight: 1,
  missing: natsServerMissing,
  async run(chaos) {
    await using server = await startNatsServer();
    await using stage = await openStage({ bus: server.url, publishers: 2 });
    return await chaos.inject(stage, async () => {
      await chaos.pause(20, 1_000);
      await killPublisher(chaos, oneOf(chaos, stage.publishers));
    });
  },
};

const engineEmbedded: Scenario = {
  name: "engine killed, embedded bus",
  weight: 1.5,
  async run(chaos) {
    await using stage = await openStage({});
    return await chaos.inject(stage, async () => {
      await chaos.pause(20, 2_500);
      await killEngine(chaos, oneOf(chaos, stage.engines));
    });
  },
};

const engineNats: Scenario = {
  name: "engine killed, nats-server",
  weight: 1.5,
  missing: natsServerMissing,
  async run(chaos) {
    await using server = await startNatsServer();
    await using stage = await openStage({ bus: server.url, publishers: 1 });
    return await chaos.inject(stage, async () => {
      await chaos.pause(20, 2_500);
      await killEngine(chaos, oneOf(chaos, stage.engines));
    });
  },
};

const server: Scenario = {
  name: "nats-server killed",
  weight: 1.5,
  missing: natsServerMissing,
  async run(chaos) {
    await using server = await startNatsServer();
    await using stage = await openStage({ bus: server.url, publishers: 1 });
    return await chaos.inject(stage, async () => {
      await chaos.pause(200, 3_000);
      await killServer(chaos, server);
    });
  },
};

const moved: Scenario = {
  name: "nats-server on another port behind its name",
  weight: 1.5,
  missing: natsServerMissing,
  async run(chaos) {
    await using server = await startNatsServer();
    await using name = await startTcpProxy(server.port);
    await using stage = await openStage({ bus: `nats://127.0.0.1:${name.port}`, publishers: 1 });
    return await chaos.inject(stage, async () => {
      await chaos.pause(200, 3_000);
      await moveServer(chaos, server, name);
    });
  },
};

const diskEmbedded: Scenario = {
  name: "disk full, embedded bus",
  weight: 1,
  missing: prlimitMissing,
  async run(chaos) {
    await using stage = await openStage({});
    return await chaos.inject(stage, async () => {
      await chaos.pause(200, 2_000);
      await fillDiskOfEngine(chaos, oneOf(chaos, stage.engines));
    });
  },
};

const diskNats: Scenario = {
  name: "disk full, nats-server",
  weight: 1.5,
  missing: () => natsServerMissing() ?? smallDiskMissing(),
  async run(chaos) {
    await using disk = await openSmallDisk(diskBytes);
    await using server = await startNatsServer({ storeDir: disk.path });
    await using stage = await openStage({ bus: server.url, publishers: 1 });
    return await chaos.inject(stage, async () => {
      await chaos.pause(500, 2_000);
      await fillDiskOfServer(chaos, server, disk);
    });
  },
};

const paused: Scenario = {
  name: "owner paused past its lease",
  weight: 2,
  missing: natsServerMissing,
  async run(chaos) {
    await using server = await startNatsServer();
    await using stage = await openStage({ bus: server.url, engines: 2 });
    return await chaos.inject(stage, async () => {
      await chaos.pause(3_000, 6_000);
      await pauseOwner(chaos, oneOf(chaos, stage.engines));
    });
  },
};

const cluster: Scenario = {
  name: "leader of three nats-servers killed each 10 s",
  weight: 2,
  missing: () => natsServerMissing("current"),
  async run(chaos) {
    await using cluster = await startNatsCluster(3, "current");
    await using stage = await openStage({ bus: cluster.url, engines: 2, publishers: 1 });
    return await chaos.inject(stage, async () => {
      const next = chaos.pause(killLeaderEveryMs, killLeaderEveryMs);
      await killLeader(chaos, cluster);
      await next;
    });
  },
};

async function killLeader(chaos: Chaos, cluster: NatsCluster): Promise<void> {
  const find = (): Promise<string | undefined> => cluster.leaderOf("events");
  const name = await waitFor("a leader", find, killLeaderEveryMs).catch(() => undefined);
  const leader = cluster.servers.get(name ?? "");
  if (leader === undefined) return;
  await leader.kill();
  chaos.note("leader killed");
  await chaos.pause(500, 4_000);
  await leader.restart();
}

const all: Scenario = {
  name: "one after the other of all",
  weight: 2,
  missing: natsServerMissing,
  async run(chaos) {
    await using server = await startNatsServer();
    await using name = await startTcpProxy(server.port);
    await using stage = await openStage({ bus: `nats://127.0.0.1:${name.port}`, engines: 2, publishers: 1 });
    const faults = [
      () => killEngine(chaos, oneOf(chaos, stage.engines)),
      () => killEngine(chaos, oneOf(chaos, stage.engines)),
      () => killPublisher(chaos, oneOf(chaos, stage.publishers)),
      () => killServer(chaos, server),
      () => moveServer(chaos, server, name),
      () => pauseOwner(chaos, oneOf(chaos, stage.engines)),
    ];
    return await chaos.inject(stage, async () => {
      await chaos.pause(0, 2_000);
      await oneOf(chaos, faults)();
    });
  },
};

const applications: Scenario = {
  name: "engines that share Applications killed and paused",
  weight: 2,
  missing: natsServerMissing,
  async run(chaos) {
    await using server = await startNatsServer();
    await using fleet = await openFleet({ bus: server.url, engines: 2, applications: 24 });
    return await fleet.underFaults(chaos);
  },
};

function oneOf<T>({ random }: Chaos, list: readonly T[]): T {
  const found = list[Math.floor(random() * list.length)];
  if (found === undefined) throw new Error("there is none to choose from");
  return found;
}

/** In the order in which `npm run chaos` takes them: those with long faults first, so that the rest makes up for them. */
export const scenarios = {
  all,
  applications,
  cluster,
  paused,
  diskNats,
  diskEmbedded,
  server,
  moved,
  engineNats,
  engineEmbedded,
  publisher,
} as const satisfies Readonly<Record<string, Scenario>>;
