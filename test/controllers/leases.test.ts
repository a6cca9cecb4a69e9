import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { createLeases, type LeaseSet } from "../../src/controllers/leases.ts";
import { busAway, createMemoryBus, type MemoryBus } from "../harness/memory-bus.ts";
import { createVirtualClock, type VirtualClock } from "../harness/virtual-clock.ts";

const count = 64;
const names = Array.from({ length: count }, (_, number) => String(number));

/** Engines on one bus and in one time. After every step no partition may have two owners. */
function open() {
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  const engines: TestEngine[] = [];
  return {
    bus,
    clock,
    start(owner: string, options: { store?: MemoryBus; clock?: VirtualClock } = {}): TestEngine {
      const engine = startEngine(owner, options.store ?? bus, options.clock ?? clock);
      engines.push(engine);
      return engine;
    },
    /** Time passes in small steps, and what must never be is looked for after each. */
    async pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= 500) {
        await clock.advance(Math.min(left, 500));
        for (const name of names) {
          const owners = engines.filter(({ sensors }) => sensors.owns(name)).map(({ owner }) => owner);
          assert.ok(owners.length <= 1, `partition ${name} is owned by ${owners.join(" and ")}`);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const engine of engines) engine.end();
      const ends = Promise.all(engines.map((engine) => engine.stop()));
      await clock.advance(1_000);
      await ends;
    },
  };
}

interface TestEngine {
  readonly owner: string;
  readonly sensors: LeaseSet;
  readonly calendars: LeaseSet;
  readonly log: string[];
  readonly failures: unknown[];
  /** What was said of each lease of Sensors when it was to be given up. */
  readonly atYield: readonly { readonly owns: boolean; readonly holds: boolean }[];
  owned(): number;
  /** What `yield` waits for. */
  finish: Promise<void>;
  /** Lets whatever `yield` waits for end. */
  end(): void;
  /** In order. */
  stop(): Promise<void>;
}

function startEngine(owner: string, bus: MemoryBus, clock: VirtualClock): TestEngine {
  const leases = createLeases({ store: bus.state("leases"), owner, clock, log: silentLogger });
  const log: string[] = [];
  const failures: unknown[] = [];
  const atYield: TestEngine["atYield"][number][] = [];
  const holder = {
    gained: (name: string) => void log.push(`gained ${name}`),
    yield: async (name: string) => {
      log.push(`yields ${name}`);
      // From the first moment: whoever is told stops the work by what `owns` says.
      atYield.push({ owns: sensors.owns(name), holds: sensors.holds(name) });
      await Promise.race([engine.finish, over.promise]);
    },
    lost: (name: string, reason: unknown) => {
      log.push(`lost ${name}`);
      failures.push(reason);
    },
  };
  const sensors = leases.partitions("sensors", count, holder);
  const calendars = leases.singles("sources", holder);
  const stopper = new AbortController();
  const over = Promise.withResolvers<void>();
  const ended = leases.run(stopper.signal);
  const engine: TestEngine = {
    owner,
    sensors,
    calendars,
    log,
    failures,
    atYield,
    finish: Promise.resolve(),
    owned: () => names.filter((name) => sensors.owns(name)).length,
    end: over.resolve,
    async stop() {
      stopper.abort();
      await ended;
    },
  };
  return engine;
}

test("one engine takes everything at its first look", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  await cluster.clock.advance(0);
  assert.equal(a.owned(), count);
});

test("holding costs one write every 5 s, however many leases there are", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  await cluster.clock.advance(0);
  let writes = 0;
  cluster.bus.fault = (operation) => void (operation === "put" && writes++);
  await cluster.pass(60_000);
  assert.equal(a.owned(), count);
  assert.equal(writes, 12);
});

test("engines that join and leave share evenly, and what moves is finished first", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  await cluster.pass(1_000);
  const b = cluster.start("b");
  await cluster.pass(6_000);
  assert.deepEqual([a.owned(), b.owned()], [32, 32]);
  assert.equal(a.log.filter((line) => line.startsWith("yields")).length, 32);
  const c = cluster.start("c");
  await cluster.pass(6_000);
  assert.deepEqual([a, b, c].map((one) => one.owned()).sort(), [20, 22, 22]);
  await b.stop();
  await cluster.pass(6_000);
  assert.deepEqual([a.owned(), b.owned(), c.owned()], [32, 0, 32]);
  assert.deepEqual(
    [a, b, c].flatMap(({ failures }) => failures),
    [],
  );
});

test("a lease that is given up is nobody's until its work has ended", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  await cluster.pass(1_000);
  const finish = Promise.withResolvers<void>();
  a.finish = finish.promise;
  const b = cluster.start("b");
  await cluster.pass(20_000);
  assert.deepEqual(
    a.atYield,
    Array.from({ length: 32 }, () => ({ owns: false, holds: true })),
  );
  assert.deepEqual([a.owned(), b.owned()], [32, 0], "a still works on what it gives up");
  finish.resolve();
  await cluster.pass(6_000);
  assert.deepEqual([a.owned(), b.owned()], [32, 32]);
});

test("what a killed engine held is taken over within 18 s, and not before 15 s are over", async () => {
  await using cluster = open();
  const dead = createVirtualClock(); // never advanced again: as good as killed
  cluster.start("a", { clock: dead });
  await dead.advance(0);
  const b = cluster.start("b");
  await cluster.clock.advance(14_500);
  assert.equal(b.owned(), 0);
  await cluster.clock.advance(3_500);
  assert.equal(b.owned(), count);
  await dead.advance(10); // so that it can end
});

test("a restart on the same data directory does not wait for itself", async () => {
  await using cluster = open();
  const dead = createVirtualClock();
  cluster.start("a", { clock: dead });
  await dead.advance(0);
  const again = cluster.start("a");
  await cluster.clock.advance(0);
  assert.equal(again.owned(), count);
});

test("a copy of a data directory on the same bus ends the first's session once, and they do not fight", async () => {
  await using cluster = open();
  const a = cluster.start("same");
  await cluster.pass(6_000);
  const copy = cluster.start("same");
  await cluster.clock.advance(6_000);
  await cluster.pass(30_000);
  assert.deepEqual([a.owned(), copy.owned()], [0, count]);
  assert.deepEqual([a.failures.length, copy.failures.length], [count, 0]);
});

test("an owner that was stopped for 20 s owns nothing when it goes on, before any of its timers fires", async () => {
  await using cluster = open();
  const own = createVirtualClock();
  const paused = cluster.start("a", { clock: own });
  await own.advance(0);
  const b = cluster.start("b");
  // As SIGSTOP: b's time passes and it looks, a's passes and nothing of it runs.
  own.freeze(20_000);
  await cluster.clock.advance(20_000);
  assert.deepEqual([paused.owned(), paused.failures.length, b.owned()], [0, 0, count]);
  await own.advance(0);
  assert.equal(paused.failures.length, count, "then it hears of every one");
  assert.ok(String(paused.failures[0]).includes("another engine may act now"));
  await own.advance(6_000);
  await cluster.pass(6_000);
  await own.advance(6_000);
  assert.deepEqual([paused.owned(), b.owned()], [32, 32], "and takes its share again");
});

test("an owner whose clock stood still with it (a suspended machine) finds out at its next look", async () => {
  await using cluster = open();
  const own = createVirtualClock();
  const paused = cluster.start("a", { clock: own });
  await own.advance(0);
  const b = cluster.start("b");
  await cluster.clock.advance(20_000);
  assert.equal(b.owned(), count);
  assert.equal(paused.owned(), count, "it cannot know yet");
  await own.advance(2_500);
  assert.equal(paused.log.filter((line) => line.startsWith("lost")).length, count);
});

for (const [name, ms] of [
  ["forward by a day", 86_400_000],
  ["back by a day", -86_400_000],
] as const) {
  test(`the date may jump ${name}: leases stay where they are`, async () => {
    await using cluster = open();
    const a = cluster.start("a");
    const b = cluster.start("b");
    await cluster.pass(10_000);
    cluster.clock.jump(ms);
    const log = [...a.log, ...b.log];
    await cluster.pass(60_000);
    assert.deepEqual([a.owned(), b.owned()], [32, 32]);
    assert.deepEqual([...a.log, ...b.log], log);
  });
}

test("a bus that is away for 10 s changes nothing; for longer, everybody stops in time and goes on after it", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  const b = cluster.start("b");
  await cluster.pass(10_000);
  const away = async (ms: number): Promise<void> => {
    cluster.bus.fault = () => {
      throw busAway();
    };
    await cluster.pass(ms);
    cluster.bus.fault = undefined;
  };
  await away(7_000);
  await cluster.pass(2_000);
  assert.deepEqual([a.owned(), b.owned()], [32, 32]);
  assert.deepEqual([...a.failures, ...b.failures], []);
  await away(13_500);
  assert.deepEqual([a.owned(), b.owned()], [0, 0]);
  await cluster.pass(25_000);
  assert.deepEqual([a.owned(), b.owned()], [32, 32]);
});

test("a bus that never answers does not keep an owner from stopping in time", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  await cluster.pass(1_000);
  const hanging = Promise.withResolvers<void>();
  cluster.bus.fault = () => hanging.promise;
  await cluster.pass(14_000);
  assert.equal(a.owned(), 0);
  assert.equal(a.failures.length, count);
  cluster.bus.fault = undefined;
  hanging.resolve();
  await cluster.pass(3_000);
  assert.equal(a.owned(), count);
});

for (const lost of ["put", "delete"] as const) {
  test(`answers to ${lost} that are lost although it was done leave nobody stuck`, async () => {
    await using cluster = open();
    const a = cluster.start("a");
    const answers = cluster.bus.state("leases");
    const real = answers[lost].bind(answers) as (...args: unknown[]) => Promise<number>;
    let n = 0;
    Object.assign(answers, {
      [lost]: async (...args: unknown[]) => {
        const result = await real(...args);
        n += 1;
        if (n % 3 === 0) throw busAway();
        return result;
      },
    });
    await cluster.pass(30_000);
    assert.equal(a.owned(), count);
    assert.deepEqual(a.failures, [], "nobody ended its session");
    const b = cluster.start("b");
    await cluster.pass(60_000);
    assert.deepEqual([a.owned(), b.owned()], [32, 32]);
    assert.ok(n > 3);
  });
}

test("a session that a list does not show is not taken for one that ended", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  await cluster.pass(1_000);
  const store = cluster.bus.state("leases");
  const { entries } = store;
  Object.assign(store, {
    entries: async (prefix: string) => (await entries(prefix)).filter(({ key }) => key !== "engine/a"),
  });
  const b = cluster.start("b");
  await cluster.pass(10_000);
  assert.deepEqual([a.owned(), b.owned()], [32, 32], "b has what a gave up, and no more");
});

test("what is given up while the bus takes no deletion is the next one's as soon as it does", async () => {
  await using cluster = open();
  const a = cluster.start("a");
  a.calendars.want("tick");
  await cluster.pass(1_000);
  const store = cluster.bus.state("leases");
  const { delete: remove } = store;
  let refused = 0;
  const refuse = async (): Promise<never> => {
    refused += 1;
    throw busAway();
  };
  Object.assign(store, { delete: refuse });
  const b = cluster.start("b");
  b.calendars.want("tick");
  await a.calendars.release("tick");
  await cluster.pass(6_000);
  assert.deepEqual([a.owned(), b.owned(), b.calendars.owns("tick")], [32, 0, false]);
  assert.ok(refused > 32);
  Object.assign(store, { delete: remove });
  await cluster.pass(6_000);
  assert.deepEqual([a.owned(), b.owned(), b.calendars.owns("tick")], [32, 32, true]);
  assert.deepEqual(a.failures, []);
});

test("a single lease is its first taker's, and the next one's when it is released or its owner is gone", async () => {
  await using cluster = open();
  const own = createVirtualClock();
  const a = cluster.start("a", { clock: own });
  a.calendars.want("tick");
  await own.advance(0);
  const b = cluster.start("b");
  b.calendars.want("tick");
  await cluster.clock.advance(1_000);
  assert.deepEqual([a.calendars.owns("tick"), b.calendars.owns("tick")], [true, false]);
  await a.calendars.release("tick");
  await cluster.pass(3_000);
  assert.deepEqual([a.calendars.owns("tick"), b.calendars.owns("tick")], [false, true]);
  a.calendars.want("tick");
  await b.stop();
  await own.advance(3_000);
  assert.equal(a.calendars.owns("tick"), true);
});

test("many engines that come, go and stand still at random never own anything twice", async () => {
  await using cluster = open();
  const clocks = new Map<TestEngine, VirtualClock>();
  const random = randomBelow(7);
  const frozenUntil = new Map<TestEngine, number>();
  const start = (step: number): void => {
    const clock = createVirtualClock();
    clocks.set(cluster.start(`e${step}`, { clock }), clock);
  };
  const turn = async (step: number): Promise<void> => {
    for (const [engine, clock] of clocks) {
      if ((frozenUntil.get(engine) ?? 0) > step) clock.freeze(500);
      else await clock.advance(500);
    }
    await cluster.pass(500);
  };
  let lost = 0;
  for (let step = 0; step < 400; step++) {
    const act = random(12);
    if (clocks.size < 2 || (act === 0 && clocks.size < 5)) start(step);
    const [engine] = act === 1 ? [...clocks.keys()].slice(random(clocks.size)) : [];
    if (engine) frozenUntil.set(engine, step + 10 + random(40));
    await turn(step);
    lost = [...clocks.keys()].flatMap(({ failures }) => failures).length;
  }
  for (let step = 1_000; step < 1_080; step++) await turn(step);
  const owned = [...clocks.keys()].map((engine) => engine.owned());
  assert.equal(
    owned.reduce((sum, n) => sum + n, 0),
    count,
    owned.join(),
  );
  assert.ok(lost > count, `only ${lost} leases were lost: the test shows nothing`);
});

function randomBelow(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}
