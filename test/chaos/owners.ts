import { systemClock } from "../../src/base/clock.ts";
import { isJsonObject } from "../../src/base/json.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { StoredMessage } from "../../src/events/bus/bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { partitionOf } from "../../src/events/sensor/partition.ts";
import { decodeRecords } from "../../src/ledger/stored-form.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { waitFor } from "../harness/wait.ts";
import { createLeaseOrder, type Holding } from "./lease-order.ts";

/** A witness, too, may have lost its server a moment ago. */
const catchUpMs = 30_000;

interface Claim {
  readonly owner: string;
  readonly at: number;
}

interface EffectStart {
  readonly writer: string;
  readonly at: number;
}

/** Looks on from outside at who owned what. */
export interface OwnerAudit extends AsyncDisposable {
  /** Once everything there is was read. Each a sentence; none: no two owners at once. */
  problems(): Promise<readonly string[]>;
  /** How often a partition got another owner. */
  readonly claims: number;
  /** Who had which lease when. */
  readonly holdings: ReadonlyMap<string, readonly Holding[]>;
}

/**
 * Three witnesses, each on the bus and none of them asked of an engine:
 *
 * - leases: no lease passes on while the session that holds it lives, in the order of their stream;
 * - state: after a new owner's first append to a partition there is none of an earlier owner;
 * - ledger: between two claims of a partition, effects of its Sensors were started by one process (one `writer`).
 */
export async function auditOwners(servers: string): Promise<OwnerAudit> {
  const names = ["state", "ledger", "KV_tiphys_leases"] as const;
  const all = { state: "state.>", ledger: "ledger.>", KV_tiphys_leases: "$KV.tiphys_leases.>" };
  const streams = names.map((name) => ({
    name,
    subjects: [rawSubject(all[name])],
    dedupeWindowMs: 120_000,
    isShared: true,
  }));
  const bus = await openJetStreamBus({ servers, streams, log: silentLogger, clock: systemClock, name: "owner audit" });
  const stop = new AbortController();
  const ownership = createOwnership();
  const leases = createLeaseOrder();
  const takers = { state: ownership.state, ledger: ownership.ledger, KV_tiphys_leases: leases.take };
  const read = { state: 0, ledger: 0, KV_tiphys_leases: 0 };
  const reading = names.map(async (name) => {
    const query = { subjects: [rawSubject(all[name])], from: "first", follow: true } as const;
    for await (const { messages, through } of bus.read(query, stop.signal)) {
      for (const message of messages) takers[name](message);
      read[name] = through;
    }
  });
  return {
    async problems() {
      for (const name of names) {
        const { after } = await waitFor(`the end of ${name}`, () => bus.end(name).catch(() => undefined), catchUpMs);
        await waitFor(`${name} to be read`, () => read[name] >= after, catchUpMs);
      }
      return [...leases.problems, ...ownership.problems()];
    },
    holdings: leases.holdings,
    get claims() {
      return ownership.claims();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(reading);
      await bus[Symbol.asyncDispose]();
    },
  };
}

/** Claims of partitions, and the effects that were started between them. */
export function createOwnership() {
  const claims = new Map<number, Claim[]>();
  const starts = new Map<number, EffectStart[]>();
  const late: string[] = [];

  return {
    state({ subject, data, storedAt }: StoredMessage): void {
      const owner = ownerIn(data);
      if (owner === undefined) return;
      const partition = Number(subject.split(".")[1]);
      const known = listOf(claims, partition);
      if (known.at(-1)?.owner === owner) return;
      if (known.some((claim) => claim.owner === owner))
        late.push(`partition ${partition}: ${owner} wrote after its successor`);
      else known.push({ owner, at: storedAt });
    },
    ledger({ subject, data }: StoredMessage): void {
      const writer = subject.split(".")[1] ?? "";
      for (const record of decodeRecords(data)) {
        const { sensor, startedAt } = record;
        if (record.kind !== "effect" || !isJsonObject(sensor) || typeof startedAt !== "number") continue;
        listOf(starts, partitionOf(String(sensor.namespace), String(sensor.name))).push({ writer, at: startedAt });
      }
    },
    claims: () => [...claims.values()].reduce((sum, { length }) => sum + length, 0),
    problems: () => [
      ...late,
      ...[...starts].flatMap(([partition, list]) => mixed(partition, list, listOf(claims, partition))),
    ],
  };
}

/** Between two claims there may be one writer only. A start in the very millisecond of a claim may be on either side. */
function mixed(partition: number, starts: readonly EffectStart[], claims: readonly Claim[]): string[] {
  const writers = claims.map(() => new Map<string, number>());
  for (const { writer, at } of starts) {
    const index = claims.findLastIndex((claim) => claim.at <= at);
    if (index >= 0 && claims[index]?.at !== at) writers[index]?.set(writer, at);
  }
  return writers.flatMap((found, index) => {
    if (found.size < 2) return [];
    const who = [...found].map(([writer, at]) => `${writer} (last at ${at})`).join(" and ");
    return [`partition ${partition}: effects of ${who} under the claim of ${claims[index]?.at}`];
  });
}

/** The first cell of each change names who made it; further pieces of a long change have none. */
function ownerIn(data: Uint8Array): string | undefined {
  const head = Buffer.from(data.subarray(2, 200)).toString("utf8");
  return /^\[\["owner","([^"]+)"/.exec(head)?.[1];
}

function listOf<T>(map: Map<number, T[]>, key: number): T[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}
