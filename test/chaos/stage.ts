import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { resource, webhookSource, writeManifests } from "../e2e/scenario.ts";
import { freePort } from "../harness/free-port.ts";
import { type HttpSink, startHttpSink } from "../harness/http-sink.ts";
import { openTestCluster } from "../harness/remote-cluster.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { type Actors, createActors } from "./actors.ts";
import { EngineSlot } from "./engine-slot.ts";
import { type Publisher, postWebhooks, startPublisher } from "./load.ts";
import { auditOwners, type OwnerAudit } from "./owners.ts";
import { actionOf, type Count, createTruth, type Truth } from "./truth.ts";

/** How long after the last fault everything kept may take to be acted on. */
const settleMs = 60_000;
/** What the triggers ask for takes up to this long; who dies before it is done was not told. */
const maxActMs = 100;
/** Sensors of one engine, and of several: in enough partitions that each has some. */
const sensorsAlone = 3;
const sensorsShared = 8;

export interface StageOptions {
  /** `nats://…`, of several servers joined by commas; absent: each engine's embedded bus. */
  readonly bus?: string;
  /** Default 1; several share a bus and a cluster. */
  readonly engines?: number;
  /** Processes that publish on the bus beside the webhooks. Default 0. */
  readonly publishers?: number;
}

/** Engines, what acts on their events, and load on them. */
export interface Stage extends AsyncDisposable {
  readonly engines: readonly EngineSlot[];
  readonly publishers: readonly Publisher[];
  /** Load while `faults` goes on. */
  underLoad(faults: () => Promise<void>): Promise<void>;
  /** Waits until everything kept was acted on, a minute at most, then stops the engines in order. */
  settle(): Promise<Verdict>;
}

export interface Verdict extends Count {
  /** Undefined where there is no bus on which one can look on. */
  readonly twoOwners: readonly string[] | undefined;
  /** From the end of load and faults until everything kept was acted on. */
  readonly settledMs: number;
  /** Codes with which the engines ended when they were told to: 0, unless one ended by itself; null: it did not end. */
  readonly exits: readonly (number | null)[];
  /** How often a partition got another owner. */
  readonly claims: number;
  /** What each engine wrote. */
  readonly outputs: readonly string[];
}

export async function openStage({ bus, engines = 1, publishers = 0 }: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const count = engines > 1 ? sensorsShared : sensorsAlone;
  const sensors = Array.from({ length: count }, (_, index) => `forward-${index}`);
  const truth = createTruth(sensors);
  const slots: EngineSlot[] = [];
  const actors = engines > 1 ? createActors(slots) : undefined;
  const sink = stack.use(await openSink(truth, actors));
  const folder = stack.use(await tempDir());
  const dir = await writeManifests(join(folder.path, "manifests"), manifests(sensors, sink.url, await freePort()));
  const args = bus === undefined ? [] : ["--bus", bus];
  if (engines > 1) args.push(...(await openCluster(stack)));
  for (let index = 0; index < engines; index++) {
    const slot = stack.use(new EngineSlot(join(folder.path, `data-${index}`), { dir, args }));
    slots.push(slot);
    await slot.start();
  }
  const processes: Publisher[] = [];
  for (let index = 0; bus !== undefined && index < publishers; index++) {
    processes.push(stack.use(await startPublisher(bus, `p${index}`, truth)));
  }
  const audit = bus === undefined ? undefined : stack.use(await auditOwners(bus));
  const owned = stack.move();
  return {
    engines: slots,
    publishers: processes,
    underLoad: (faults) => underLoad(slots, truth, faults),
    settle: () => settle({ slots, processes, truth, actors, audit }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Where the triggers send their requests. */
function openSink(truth: Truth, actors: Actors | undefined): Promise<HttpSink> {
  return startHttpSink(async (request, from) => {
    const action = actionOf(request);
    truth.asked(action);
    actors?.asked(action, from);
    await sleep(Math.random() * maxActMs); // many are under way at any moment
    if (!from.readableEnded && !from.destroyed) truth.acted(action);
  });
}

/** The cluster that several engines share, as their flags. */
async function openCluster(stack: AsyncDisposableStack): Promise<readonly string[]> {
  const cluster = stack.use(await openTestCluster());
  await cluster.open({ user: { token: "admin-token" } });
  return ["--kubeconfig", join(cluster.directory, "kubeconfig"), "--yes"];
}

async function underLoad(slots: readonly EngineSlot[], truth: Truth, faults: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const posting = postWebhooks(slots, truth, stop.signal);
  try {
    await faults();
  } finally {
    stop.abort();
    await posting;
  }
}

interface Parts {
  readonly slots: readonly EngineSlot[];
  readonly processes: readonly Publisher[];
  readonly truth: Truth;
  readonly actors: Actors | undefined;
  readonly audit: OwnerAudit | undefined;
}

async function settle({ slots, processes, truth, actors, audit }: Parts): Promise<Verdict> {
  await Promise.all(processes.map((publisher) => publisher.kill9()));
  const began = performance.now();
  await waitFor("everything kept to be acted on", () => truth.count().lost.length === 0, settleMs).catch(
    () => undefined,
  );
  const settledMs = performance.now() - began;
  const exits = await Promise.all(slots.map((slot) => slot.stop().catch(() => null)));
  return {
    ...truth.count(),
    settledMs,
    exits,
    twoOwners: audit && [...(await audit.problems()), ...(actors?.problems(audit.holdings) ?? [])],
    claims: audit?.claims ?? 0,
    outputs: slots.map((slot) => slot.output),
  };
}

/** Sensors that each act on every event, and one whose state decides: two owners of it would join an event twice. */
function manifests(sensors: readonly string[], sinkUrl: string, port: number): object[] {
  const payload = ["n", "t"].map((dest) => ({
    src: { dependencyName: "push", dataKey: `body.${dest}`, useRawData: dest === "t" },
    dest,
  }));
  const push = { name: "push", eventSourceName: "numbers", eventName: "push" };
  const http = (name: string) => ({ url: `${sinkUrl}/${name}`, method: "POST", payload });
  return [
    webhookSource("numbers", port),
    resource("EventSource", "clock", { calendar: { tick: { interval: "1s" } } }),
    ...sensors.map((name) =>
      resource("Sensor", name, { dependencies: [push], triggers: [{ template: { name: "t", http: http(name) } }] }),
    ),
    resource("Sensor", "pairs", {
      dependencies: [push, { name: "tick", eventSourceName: "clock", eventName: "tick" }],
      triggers: [{ template: { name: "t", conditions: "push && tick", http: http("pairs") } }],
    }),
  ];
}
