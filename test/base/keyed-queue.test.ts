import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { sleepFor } from "../../src/base/clock.ts";
import { createKeyedQueue, type KeyedQueue } from "../../src/base/keyed-queue.ts";
import { createVirtualClock, type VirtualClock } from "../harness/virtual-clock.ts";

type Outcome = { readonly takesMs?: number; readonly againAfterMs?: number; readonly fails?: boolean };

interface Bench extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly queue: KeyedQueue;
  /** `key@milliseconds since the start`, in the order of the starts. */
  readonly starts: string[];
  readonly errors: string[];
  /** Most runs under way at once, over all keys and per key. */
  readonly most: { all: number; perKey: number };
  stop(): Promise<void>;
}

/** A queue whose runs follow a script: the outcomes of each key in order, then plain successes. */
function bench(
  script: Readonly<Record<string, readonly Outcome[]>> = {},
  concurrency = 4,
  {
    patience,
    own,
  }: { readonly patience?: { readonly afterMs: number; readonly max: number }; readonly own?: number } = {},
): Bench {
  const clock = createVirtualClock();
  const start = clock.now();
  const starts: string[] = [];
  const errors: string[] = [];
  const under: string[] = [];
  const most = { all: 0, perKey: 0 };
  const counts = new Map<string, number>();
  const queue = createKeyedQueue({
    concurrency,
    ...(patience === undefined ? {} : { patience }),
    ...(own === undefined ? {} : { lanes: { of: (key: string) => key.slice(0, 1), own } }),
    clock,
    onError: (key) => errors.push(key),
    async work(key) {
      const count = counts.get(key) ?? 0;
      counts.set(key, count + 1);
      starts.push(`${key}@${clock.now() - start}`);
      under.push(key);
      most.all = Math.max(most.all, under.length);
      most.perKey = Math.max(most.perKey, under.filter((one) => one === key).length);
      const { takesMs = 0, againAfterMs, fails } = script[key]?.[count] ?? {};
      await sleepFor(clock, takesMs, new AbortController().signal);
      under.splice(under.indexOf(key), 1);
      if (fails) throw new Error("asked to fail");
      return againAfterMs === undefined ? {} : { againAfterMs };
    },
  });
  const stop = new AbortController();
  const running = queue.run(stop.signal);
  const end = (): Promise<void> => {
    stop.abort();
    return running;
  };
  return { clock, queue, starts, errors, most, stop: end, [Symbol.asyncDispose]: end };
}

const cases: {
  name: string;
  script: Readonly<Record<string, readonly Outcome[]>>;
  /** Keys asked for, with the time. */
  adds: readonly (readonly [at: number, key: string])[];
  starts: readonly string[];
  concurrency?: number;
  patience?: { readonly afterMs: number; readonly max: number };
  /** Lanes are by the first letter, each with so many places of its own. */
  own?: number;
}[] = [
  { name: "a key asked for runs once", script: {}, adds: [[0, "a"]], starts: ["a@0"] },
  {
    name: "a key asked for while it waits runs once",
    script: { a: [{ takesMs: 10 }] },
    adds: [
      [0, "a"],
      [1, "b"],
      [2, "b"],
      [3, "b"],
    ],
    starts: ["a@0", "b@10"],
    concurrency: 1,
  },
  {
    name: "a key asked for many times while it runs has one more run after it",
    script: { a: [{ takesMs: 10 }] },
    adds: [
      [0, "a"],
      [2, "a"],
      [4, "a"],
      [6, "a"],
    ],
    starts: ["a@0", "a@10"],
  },
  {
    name: "a key that runs does not hold up another",
    script: { a: [{ takesMs: 50 }] },
    adds: [
      [0, "a"],
      [1, "a"],
      [2, "b"],
    ],
    starts: ["a@0", "b@2", "a@50"],
  },
  {
    name: "keys that wait run in the order in which they were asked for",
    script: { a: [{ takesMs: 10 }] },
    adds: [
      [0, "a"],
      [1, "c"],
      [2, "b"],
      [3, "c"],
    ],
    starts: ["a@0", "c@10", "b@10"],
    concurrency: 1,
  },
  {
    name: "againAfterMs runs the key again then",
    script: { a: [{ againAfterMs: 500 }, { againAfterMs: 1_000 }] },
    adds: [[0, "a"]],
    starts: ["a@0", "a@500", "a@1500"],
  },
  {
    name: "a key asked for before its time runs at once, and its time is forgotten",
    script: { a: [{ againAfterMs: 500 }] },
    adds: [
      [0, "a"],
      [100, "a"],
    ],
    starts: ["a@0", "a@100"],
  },
  {
    name: "a key asked for while it runs forgets the time of that run",
    script: { a: [{ takesMs: 10, againAfterMs: 500 }] },
    adds: [
      [0, "a"],
      [5, "a"],
    ],
    starts: ["a@0", "a@10"],
  },
  {
    name: "keys of a lane that hangs leave its own place to each other lane",
    script: { a1: [{ takesMs: 1_000 }], a2: [{ takesMs: 1_000 }], b1: [{ takesMs: 10 }] },
    adds: [
      [0, "a1"],
      [0, "a2"],
      [0, "a3"],
      [1, "b1"],
      [1, "b2"],
    ],
    starts: ["a1@0", "a2@0", "b1@1", "b2@11", "a3@1000"],
    concurrency: 2,
    own: 1,
  },
  {
    name: "lanes take turns, the keys of each in the order in which they were asked for",
    script: { a1: [{ takesMs: 10 }], a2: [{ takesMs: 10 }], b1: [{ takesMs: 10 }] },
    adds: [
      [0, "a1"],
      [1, "a2"],
      [1, "a3"],
      [1, "b1"],
    ],
    starts: ["a1@0", "a2@10", "b1@20", "a3@30"],
    concurrency: 1,
    own: 0,
  },
  {
    name: "a lane's own place is no more than there may be in all",
    script: { a1: [{ takesMs: 1_000 }], a2: [{ takesMs: 1_000 }], a3: [{ takesMs: 1_000 }] },
    adds: [
      [0, "a1"],
      [0, "a2"],
      [0, "a3"],
      [250, "b1"],
    ],
    starts: ["a1@0", "a2@100", "a3@200", "b1@1000"],
    concurrency: 1,
    patience: { afterMs: 100, max: 3 },
    own: 1,
  },
];

for (const { name, script, adds, starts, concurrency, ...places } of cases) {
  test(name, async () => {
    await using made = bench(script, concurrency, places);
    let at = 0;
    for (const [when, key] of adds) {
      await made.clock.advance(when - at);
      at = when;
      made.queue.add(key);
    }
    await made.clock.advance(5_000);
    assert.deepEqual(made.starts, starts);
    assert.deepEqual(made.errors, []);
    assert.equal(made.queue.size, 0);
  });
}

test("one key never runs twice at once, and all keys no more than the concurrency", async () => {
  const slow = Array.from({ length: 20 }, () => ({ takesMs: 7 }));
  await using made = bench({ a: slow, b: slow, c: slow, d: slow, e: slow }, 3);
  for (let step = 0; step < 60; step++) {
    for (const key of ["a", "b", "c", "d", "e"]) made.queue.add(key);
    await made.clock.advance(1);
  }
  await made.clock.advance(1_000);
  assert.deepEqual(made.most, { all: 3, perKey: 1 });
  for (const key of ["a", "b", "c", "d", "e"]) assert.ok(made.starts.some((start) => start.startsWith(key)));
});

test("retries a key that fails with growing delay, and begins anew after a success", async () => {
  const fail = { fails: true };
  await using made = bench({ a: [fail, fail, fail, {}, fail] });
  made.queue.add("a");
  await made.clock.advance(10_000);
  const times = made.starts.map((start) => Number(start.slice(2)));
  const delays = times.slice(1).map((time, index) => time - times[index]!);
  assert.equal(delays.length, 3);
  for (const [index, least] of [100, 200, 400].entries()) {
    const delay = delays[index]!;
    assert.ok(delay >= least && delay <= least * 1.2, `delay ${index + 1} is ${delay} ms, wanted from ${least}`);
  }
  made.starts.length = 0;
  made.queue.add("a");
  await made.clock.advance(99);
  assert.equal(made.starts.length, 1);
  await made.clock.advance(21);
  assert.equal(made.starts.length, 2);
  assert.equal(made.errors.length, 4);
});

test("the delay between retries stays below 72 s", async () => {
  await using made = bench({ a: Array.from({ length: 100 }, () => ({ fails: true })) });
  made.queue.add("a");
  await made.clock.advance(20 * 60_000);
  const times = made.starts.map((start) => Number(start.slice(2)));
  const last = times.at(-1)! - times.at(-2)!;
  assert.ok(last >= 60_000 && last <= 72_000, `${last} ms`);
});

test("stopping waits for the runs under way and starts no other", async () => {
  const made = bench({ a: [{ takesMs: 100 }], b: [{ againAfterMs: 10 }] }, 2);
  for (const key of ["a", "b"]) made.queue.add(key);
  await made.clock.advance(1);
  made.queue.add("a");
  let hasStopped = false;
  const stopped = made.stop().then(() => {
    hasStopped = true;
  });
  await made.clock.advance(98);
  assert.equal(hasStopped, false);
  await made.clock.advance(10);
  await stopped;
  await made.clock.advance(1_000);
  assert.deepEqual(made.starts, ["a@0", "b@0"]);
  assert.equal(made.clock.sleeping, 0);
});

test("a run that fails because it was stopped is no error", async () => {
  const errors: string[] = [];
  const clock = createVirtualClock();
  const queue = createKeyedQueue({
    concurrency: 1,
    clock,
    onError: (key) => errors.push(key),
    work: (_, signal) => sleepFor(clock, 1_000, signal).then(() => ({})),
  });
  const stop = new AbortController();
  const running = queue.run(stop.signal);
  queue.add("a");
  await turn();
  stop.abort();
  await running;
  assert.deepEqual(errors, []);
});

test("what was asked for before it runs is not lost", async () => {
  const clock = createVirtualClock();
  const worked: string[] = [];
  const queue = createKeyedQueue({
    concurrency: 1,
    clock,
    onError: () => undefined,
    work: async (key) => {
      worked.push(key);
      return {};
    },
  });
  queue.add("a");
  assert.equal(queue.size, 1);
  const stop = new AbortController();
  const running = queue.run(stop.signal);
  await clock.advance(0);
  assert.deepEqual(worked, ["a"]);
  stop.abort();
  await running;
});

test("runs that take long leave their places to others, as long as not too many run", async () => {
  const long = [{ takesMs: 10_000 }];
  await using one = bench({ a: long, b: long, c: long, d: long, e: long }, 2, { patience: { afterMs: 1_000, max: 4 } });
  for (const key of ["a", "b", "c", "d", "e", "f"]) one.queue.add(key);
  await one.clock.advance(9_999);
  assert.deepEqual(one.starts, ["a@0", "b@0", "c@1000", "d@1000"]);
  await one.clock.advance(1);
  assert.deepEqual(one.starts.slice(4), ["e@10000", "f@10000"]);
  await one.clock.advance(20_000);
  for (const key of ["g", "h", "i"]) one.queue.add(key);
  await one.clock.advance(0);
  assert.equal(one.queue.size, 0, "nothing is counted twice");
  assert.equal(one.most.all, 4);
});
