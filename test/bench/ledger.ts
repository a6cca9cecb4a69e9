import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { EventBus, ReadBatch, ReadQuery } from "../../src/events/bus/bus.ts";
import { type History, idOf } from "../../src/ledger/history.ts";
import { type LedgerStore, openLedger } from "../../src/ledger/ledger.ts";
import { openProjection } from "../../src/ledger/projection.ts";
import { encodeRecords } from "../../src/ledger/stored-form.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { createMemoryBus, type MemoryBus } from "../harness/memory-bus.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { decisionDraft, effectDraft } from "../ledger/drafts.ts";
import { applicationDecisionDraft, gitOpsDraft, observationDraft, syncDraft } from "../ledger/rollout.ts";
import type { Bench, BenchRow } from "./bench.ts";

const clock = systemClock;
const log = silentLogger;
const maxQuestionMs = 5;
/** Callers that wait for their record at the same time. */
const writers = 512;

export const ledgerBenches: readonly Bench[] = [
  { name: "ledger", run: ({ quick }) => measure(quick ? 20_000 : 1_000_000) },
];

/** Minutes, and 10 GB of disk. */
export const largeLedgerBenches: readonly Bench[] = [
  { name: "ledger-large", run: ({ quick }) => measureLarge(10, quick ? 10_000 : 1_000_000) },
];

/** `count` records, half of them decisions and half effects, and rollouts, written, projected and asked for. */
async function measure(count: number): Promise<readonly BenchRow[]> {
  await using dir = await tempDir();
  const bus = createMemoryBus();
  await using ledger = await openLedger({ bus, writer: "bench", clock, log });
  const written = await write(ledger, 0, count);
  await using projection = await openProjection({ path: join(dir.path, "ledger.db"), clock, log });
  const stop = new AbortController();
  const start = performance.now();
  const busyStart = performance.eventLoopUtilization();
  const following = projection.follow("system", bus, [rawSubject("events.>")], stop.signal);
  await projected(projection.history, written.last);
  const rebuildMs = performance.now() - start;
  const busy = performance.eventLoopUtilization(busyStart).utilization;
  const questions = await askAll(projection.history, count);
  stop.abort();
  await following;
  return [
    row("ledger: records written", written.rate, "records/s", await barePublishes(count)),
    row("ledger: projection rebuilt", (count / rebuildMs) * 1_000, "records/s", bareInserts(dir.path, count)),
    row("ledger: main thread while rebuilding", busy * 100, "% busy", 100),
    ...questions,
  ];
}

/** Questions at `parts` times `count` records; the bus keeps one part at a time, since it is in memory. */
async function measureLarge(parts: number, count: number): Promise<readonly BenchRow[]> {
  await using dir = await tempDir();
  const path = join(dir.path, "ledger.db");
  const bus = createMemoryBus();
  await using ledger = await openLedger({ bus, writer: "bench", clock, log });
  await using projection = await openProjection({ path, clock, log });
  const stop = new AbortController();
  const following = projection.follow("system", keepingFirst(bus), [rawSubject("events.>")], stop.signal);
  for (let part = 0; part < parts; part++) {
    const { last } = await write(ledger, part * count, count);
    await projected(projection.history, last);
    bus.drop("ledger", bus.stored("ledger").at(-1)?.sequence ?? 0);
  }
  const questions = await askAll(projection.history, parts * count);
  stop.abort();
  await following;
  const size = (await stat(path)).size / 2 ** 30;
  return [row(`ledger: file at ${(parts * count) / 1_000_000} million records`, size, "GiB", 10), ...questions];
}

/** What the stream drops the history forgets: to it, the stream still has its first message. */
function keepingFirst(bus: MemoryBus): EventBus {
  let first: ReadBatch | undefined;
  async function* read(query: ReadQuery, signal: AbortSignal): AsyncIterable<ReadBatch> {
    if (first !== undefined && query.from === "first" && !query.follow) yield first;
    else
      for await (const batch of bus.read(query, signal)) {
        if (query.follow) first ??= batch;
        yield batch;
      }
  }
  return { ...bus, read };
}

async function projected(history: History, last: string): Promise<void> {
  while ((await history.record(last)) === undefined) await history.caughtUp();
}

/** `count` records from number `from` on, and their rollouts; answers the id of the last. */
async function write(
  ledger: LedgerStore,
  from: number,
  count: number,
): Promise<{ readonly rate: number; readonly last: string }> {
  const start = performance.now();
  let last = "";
  for (let number = from / 2; number < (from + count) / 2; number += writers / 2) {
    const kept: Promise<void>[] = [];
    for (let index = number; index < number + writers / 2; index++) {
      const decision = ledger.write(decisionDraft(`e${index}`, index));
      const effect = ledger.write(effectDraft(index, decision.id));
      last = effect.id;
      kept.push(decision.kept, effect.kept);
    }
    await Promise.all(kept);
  }
  const rate = (count / (performance.now() - start)) * 1_000;
  for (let index = rolloutsOf(from); index < rolloutsOf(from + count); index++) {
    last = await writeRollout(ledger, index);
  }
  return { rate, last };
}

/** Beside the records that are counted, each from its event to a Pod; of a few commits, so that each has many syncs. */
function rolloutsOf(count: number): number {
  return count / 100;
}

/** Answers the id of its last record. */
async function writeRollout(ledger: LedgerStore, index: number): Promise<string> {
  const key = `uid/deploy/r${index}`;
  const effect = ledger.write(gitOpsDraft(ledger.write(decisionDraft(`r${index}`)).id, { key }));
  const sync = ledger.write(
    syncDraft(ledger.write(applicationDecisionDraft([key])).id, { revisions: [commitOf(index)] }),
  );
  const object = `v1/Pod/default/web-${index}`;
  const states = ["Progressing", "Healthy"].map((health) =>
    ledger.write(observationDraft(sync.id, { object, health })),
  );
  const last = states.at(-1) ?? effect;
  if (index % writers === 0) await last.kept; // now and then: what waits for the bus is bounded
  return last.id;
}

function commitOf(index: number): string {
  return (index % 8).toString(16).repeat(40);
}

/** The limit: the same records as texts, 64 in a message, one batch after the other waited for; no ids, no single promises. */
async function barePublishes(count: number): Promise<number> {
  const bus = createMemoryBus();
  const subject = rawSubject("ledger.bare");
  const start = performance.now();
  for (let number = 0; number < count; number += writers) {
    const acks: Promise<unknown>[] = [];
    for (let first = number; first < number + writers; first += 64) {
      const texts = Array.from({ length: 32 }, (_, index) => [
        JSON.stringify(decisionDraft(`e${first + index}`)),
        JSON.stringify(effectDraft(first + index)),
      ]).flat();
      acks.push(bus.publish(subject, { id: `bare-${first}`, data: encodeRecords([texts.join(",")]) }));
    }
    await Promise.all(acks);
  }
  return (count / (performance.now() - start)) * 1_000;
}

/** The limit: the same number of bodies under a key, in transactions of the same size, nothing else. */
function bareInserts(dir: string, count: number): number {
  const db = new DatabaseSync(join(dir, "bare.db"));
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE rows (id TEXT PRIMARY KEY, body TEXT)");
  const insert = db.prepare("INSERT INTO rows VALUES (?, ?)");
  const body = JSON.stringify(decisionDraft("e1"));
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    if (index % 16_384 === 0) db.exec(index === 0 ? "BEGIN" : "COMMIT; BEGIN");
    insert.run(`bench-${index}.0`, body);
  }
  db.exec("COMMIT");
  const rate = (count / (performance.now() - start)) * 1_000;
  db.close();
  return rate;
}

async function askAll(history: History, count: number): Promise<readonly BenchRow[]> {
  const questions: Readonly<Record<string, (index: number) => Promise<unknown>>> = {
    "causes of an effect": (index) => history.causes(`bench-${1 + (index % 100)}.1`),
    "effects of an event": (index) => history.effects(`e${(index * 7_919) % (count / 2)}`),
    "a Pod by its name": (index) => history.find(`default/web-${index % rolloutsOf(count)}`),
    "newest sync of a commit": (index) => history.find(commitOf(index).slice(0, 7)),
    "from a Pod to its event": async (index) => {
      const found = await history.find(`pod/default/web-${index % rolloutsOf(count)}`);
      const causes = await history.causes(found ? idOf(found) : "");
      if (causes.length !== 5) throw new Error(`a Pod has ${causes.length} causes, not 5`);
    },
    "from an event to its Pods": async (index) => {
      const effects = await history.effects(`r${index % rolloutsOf(count)}`);
      if (effects.length !== 6) throw new Error(`an event has ${effects.length} effects, not 6`);
    },
    "newest 50 records": () => history.records({ limit: 50 }),
    "newest 50 of a kind": () => history.records({ limit: 50, kind: "decision" }),
    "newest 50 of a Sensor": () => history.records({ limit: 50, sensor: { namespace: "default", name: "hello" } }),
  };
  const rows: BenchRow[] = [];
  for (const [name, ask] of Object.entries(questions)) {
    const times: number[] = [];
    for (let index = 0; index < 200; index++) {
      const start = performance.now();
      await ask(index);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    rows.push(row(`ledger: ${name}, p99`, times[197] ?? 0, "ms", maxQuestionMs));
  }
  return rows;
}

function row(name: string, value: number, unit: string, limit: number): BenchRow {
  return { name, value, unit, limit, ratio: value / limit };
}
