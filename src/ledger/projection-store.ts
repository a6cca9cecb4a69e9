import { rmSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { messageOf, TerminalError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { decodeEvent, maxCauses } from "../record/cloud-event.ts";
import type { EventHead, LedgerRecord } from "../record/records.ts";
import { decodeToken } from "../record/subject.ts";
import { traceContextOf } from "../record/trace-context.ts";
import {
  type EventQuery,
  type ExportPage,
  type ExportQuery,
  type HistoryEntry,
  idOf,
  type RecordQuery,
} from "./history.ts";
import { commitPrefix, isNamedByKey, keyName, namesOf, objectReference, traceName } from "./names.ts";
import { type FollowedPosition, ledgerName, type PackedBatch } from "./projection-protocol.ts";
import { decodeRecords, type StoredRecord } from "./stored-form.ts";

/** Another version of the schema: the file is thrown away and built anew from the streams. */
const schemaVersion = 4;
const maxEntries = 1_000;
/** Commits that begin alike and are looked at. */
const maxCommits = 100;
/** Of a page of an export: rows, bytes; and how many rows may stand before one that happened before them. */
const maxLookedAt = 5_000;
const maxPageBytes = 4 * 1024 * 1024;
const maxOutOfOrder = 1_000;
/** Rows forgotten in one transaction. */
const forgetStep = 2_000;
/** `place` = sequence in the ledger × this + index in the message: ascending, and tells what the stream has dropped. */
const placesPerMessage = 1_024;

const schema = `
  CREATE TABLE follows (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL, after INTEGER NOT NULL);
  CREATE TABLE records (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, at INTEGER NOT NULL,
    sensor TEXT, body TEXT NOT NULL);
  CREATE INDEX records_at ON records (at);
  CREATE INDEX records_kind ON records (kind, at);
  CREATE INDEX records_sensor ON records (sensor, at) WHERE sensor IS NOT NULL;
  CREATE TABLE causes (cause TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (cause, place)) WITHOUT ROWID;
  CREATE TABLE event_causes (cause TEXT NOT NULL, event TEXT NOT NULL, bus INTEGER NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (cause, event)) WITHOUT ROWID;
  CREATE INDEX event_causes_event ON event_causes (event);
  CREATE INDEX event_causes_place ON event_causes (bus, sequence);
  CREATE TABLE names (name TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (name, place)) WITHOUT ROWID;
  CREATE INDEX names_place ON names (place);
  CREATE TABLE events (bus INTEGER NOT NULL, sequence INTEGER NOT NULL, id TEXT NOT NULL, namespace TEXT NOT NULL,
    event_source TEXT NOT NULL, event TEXT NOT NULL, type TEXT NOT NULL, time TEXT NOT NULL,
    stored_at INTEGER NOT NULL, traceparent TEXT, PRIMARY KEY (bus, sequence)) WITHOUT ROWID;
  CREATE INDEX events_id ON events (id);
  CREATE INDEX events_trace ON events (substr(traceparent, 4, 32)) WHERE traceparent IS NOT NULL;
  CREATE INDEX events_stored ON events (stored_at);
  CREATE INDEX events_namespace ON events (namespace, stored_at);
  CREATE INDEX events_source ON events (event_source, stored_at);
  PRAGMA user_version = ${schemaVersion};`;

const headColumns = `events.id, namespace, event_source AS eventSource, event, type, time, follows.name AS bus, sequence,
  stored_at AS storedAt, traceparent FROM events JOIN follows ON follows.id = events.bus`;

type Value = string | number | null;

/** The projection's tables; synchronous, used inside its worker. One owner per file. */
export class ProjectionStore {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens the file; one that is damaged or of another version is replaced by an empty one. */
  constructor(path: string) {
    this.#db = openOrReplace(path);
  }

  position(name: string): FollowedPosition | undefined {
    const row = this.#get("SELECT epoch, after FROM follows WHERE name = ?", name);
    return row && { epoch: String(row.epoch), after: Number(row.after) };
  }

  /** Rows and position in one transaction. Messages that cannot be read are counted. @throws RECORD_TOO_NEW */
  store(batch: PackedBatch): { readonly skipped: number; readonly reason: string } {
    return this.#transaction(() => {
      const bus = this.#followAt(batch);
      let skipped = 0;
      let reason = "";
      for (const message of unpack(batch)) {
        try {
          if (batch.name === ledgerName) this.#storeRecords(message.sequence, message.data);
          else this.#storeEvent(bus, batch.name, message);
        } catch (error) {
          if (error instanceof TerminalError) throw error;
          skipped += 1;
          reason ||= `${message.subject} ${message.sequence}: ${messageOf(error)}`;
        }
      }
      return { skipped, reason };
    });
  }

  forget(name: string, below: number): boolean {
    return this.#transaction(() =>
      name === ledgerName ? this.#forgetRecords(below) : this.#forgetEvents(name, below),
    );
  }

  event(id: string): EventHead | undefined {
    return this.#heads("WHERE events.id = ? ORDER BY stored_at DESC LIMIT 1", id)[0];
  }

  /** The first event that came with the trace of this id. */
  #firstOfTrace(id: string): EventHead | undefined {
    if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
    const isOfIt = "traceparent IS NOT NULL AND substr(traceparent, 4, 32) = ?";
    return this.#heads(`WHERE ${isOfIt} ORDER BY stored_at, sequence LIMIT 1`, id)[0];
  }

  record(id: string): LedgerRecord | undefined {
    return this.#bodies("WHERE id = ?", id)[0] ?? this.#newestNamed(keyName(id));
  }

  find(reference: string): HistoryEntry | undefined {
    const event = this.event(reference) ?? this.#firstOfTrace(reference);
    if (event) return this.#eventEntry(event);
    const record = this.record(reference) ?? this.#newestNamed(traceName(reference)) ?? this.#named(reference);
    return record && { kind: "record", record };
  }

  #named(reference: string): LedgerRecord | undefined {
    return this.#syncOf(reference) ?? this.#observationOf(reference);
  }

  events({ limit, namespace, eventSource, before }: EventQuery): readonly EventHead[] {
    const { where, values } = conditions({
      "namespace = ?": namespace,
      "event_source = ?": eventSource,
      "stored_at < ?": before,
    });
    return this.#heads(`${where} ORDER BY stored_at DESC, sequence DESC LIMIT ?`, ...values, limit);
  }

  records({ limit, kind, sensor, before }: RecordQuery): readonly LedgerRecord[] {
    const { where, values } = conditions({
      "kind = ?": kind,
      "sensor = ?": sensor && `${sensor.namespace}/${sensor.name}`,
      "at < ?": before,
    });
    return this.#bodies(`${where} ORDER BY at DESC, place DESC LIMIT ?`, ...values, limit);
  }

  exportPage({ limit, after, since, until, kind }: ExportQuery): ExportPage | undefined {
    const from = after === undefined ? this.#placeBefore(since) : this.#placeOf(after);
    if (from === undefined) return undefined;
    const records: LedgerRecord[] = [];
    let next = after;
    let seen = 0;
    let bytes = 0;
    const rows = this.#statement("SELECT id, kind, at, body FROM records WHERE place > ? ORDER BY place LIMIT ?");
    for (const row of rows.iterate(from, maxLookedAt)) {
      next = String(row.id);
      seen += 1;
      const at = Number(row.at);
      if (at < (since ?? 0) || at >= (until ?? Number.POSITIVE_INFINITY)) continue;
      if (kind !== undefined && row.kind !== kind) continue;
      const body = String(row.body);
      records.push(JSON.parse(body) as LedgerRecord);
      bytes += body.length;
      if (records.length >= limit || bytes >= maxPageBytes) return { records, next, isEnd: false };
    }
    return { records, ...(next === undefined ? {} : { next }), isEnd: seen < maxLookedAt };
  }

  #placeOf(id: string): number | undefined {
    const row = this.#get("SELECT place FROM records WHERE id = ?", id);
    return row && Number(row.place);
  }

  /** Clocks of engines differ a little: the first places that may hold something of that time. */
  #placeBefore(since: number | undefined): number {
    if (since === undefined) return 0;
    const first = "SELECT place FROM records WHERE at >= ? ORDER BY at LIMIT ?";
    const row = this.#get(`SELECT min(place) AS place FROM (${first})`, since, maxOutOfOrder);
    return row?.place === null || row === undefined ? Number.MAX_SAFE_INTEGER : Number(row.place) - 1;
  }

  causes(id: string): readonly HistoryEntry[] {
    return walk(id, this.record(id), (one, record) =>
      record
        ? record.causes.flatMap((cause) => this.#entry(cause) ?? headIn(record, cause) ?? [])
        : this.#causesOfEvent(one).flatMap((cause) => this.#entry(cause) ?? []),
    );
  }

  effects(id: string): readonly HistoryEntry[] {
    const where = "WHERE place IN (SELECT place FROM causes WHERE cause = ? ORDER BY place LIMIT ?) ORDER BY place";
    const followed = (cause: string): LedgerRecord[] => this.#bodies(where, cause, maxEntries);
    return walk(id, this.record(id), (one, itself) => {
      const key = this.#keyOf(itself);
      const records = key === undefined ? followed(one) : [...followed(one), ...followed(key)];
      const entries = records.map((record): HistoryEntry => ({ kind: "record", record }));
      return [...entries, ...this.#eventsOf(one)];
    });
  }

  /** Events of ours that came of it. */
  #eventsOf(cause: string): readonly HistoryEntry[] {
    const led = this.#statement("SELECT event FROM event_causes WHERE cause = ? LIMIT ?").all(cause, maxEntries);
    return led.flatMap(({ event }) => this.#entry(String(event)) ?? []);
  }

  #causesOfEvent(id: string): readonly string[] {
    const rows = this.#statement("SELECT cause FROM event_causes WHERE event = ? LIMIT ?").all(id, maxEntries);
    return rows.map(({ cause }) => String(cause));
  }

  close(): void {
    this.#db.close();
  }

  /** Moves the position; a stream made anew starts from nothing. Answers the number that rows name the bus by. */
  #followAt({ name, epoch, through }: PackedBatch): number {
    const before = this.position(name);
    if (before && before.epoch !== epoch) this.#forgetAll(name);
    const row = this.#get(
      `INSERT INTO follows (name, epoch, after) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, after = excluded.after RETURNING id`,
      name,
      epoch,
      through,
    );
    return Number(row?.id);
  }

  #storeRecords(sequence: number, data: Uint8Array): void {
    for (const [index, record] of decodeRecords(data).entries()) {
      const place = sequence * placesPerMessage + Math.min(index, placesPerMessage - 1);
      const { changes } = this.#run(
        "INSERT OR IGNORE INTO records (place, id, kind, at, sensor, body) VALUES (?, ?, ?, ?, ?, ?)",
        place,
        record.id,
        record.kind,
        record.at,
        sensorOf(record),
        JSON.stringify(record),
      );
      if (changes === 0) continue; // published again after the bus had forgotten its id
      for (const name of namesOf(record)) this.#run("INSERT OR IGNORE INTO names VALUES (?, ?)", name, place);
      for (const cause of record.causes) this.#run("INSERT OR IGNORE INTO causes VALUES (?, ?)", cause, place);
    }
  }

  #storeEvent(bus: number, name: string, { subject, sequence, storedAt, data }: Unpacked): void {
    const { id, type, time, extensions } = decodeEvent(data);
    const tokens = subject.split(".").map(decodeToken);
    const [namespace = "", source = "", event = ""] =
      name === "system" ? tokens.slice(1) : [name.split("/")[0], ...tokens.slice(1)];
    const sql = "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const { traceparent = null } = traceContextOf(extensions?.traceparent) ?? {};
    this.#run(sql, bus, sequence, id, namespace, source, event, type, time, storedAt, traceparent);
    // Only those of ours have some (INTERFACE: extension `cause`).
    const causes = typeof extensions?.cause === "string" ? extensions.cause.split(",", maxCauses) : [];
    for (const cause of causes) {
      if (cause !== "") this.#run("INSERT OR IGNORE INTO event_causes VALUES (?, ?, ?, ?)", cause, id, bus, sequence);
    }
  }

  #forgetRecords(below: number): boolean {
    const oldest = "SELECT place FROM records WHERE place < ? ORDER BY place LIMIT ?";
    const row = this.#get(`SELECT max(place) AS last FROM (${oldest})`, below * placesPerMessage, forgetStep);
    if (row === undefined || row.last === null) return false;
    const last = Number(row.last);
    this.#run(
      `DELETE FROM causes WHERE (cause, place) IN (SELECT json_each.value, place FROM records,
       json_each(records.body, '$.causes') WHERE place <= ?)`,
      last,
    );
    this.#run("DELETE FROM names WHERE place <= ?", last);
    return Number(this.#run("DELETE FROM records WHERE place <= ?", last).changes) >= forgetStep;
  }

  #forgetEvents(name: string, below: number): boolean {
    const ofBus = "bus = (SELECT id FROM follows WHERE name = ?)";
    this.#run(`DELETE FROM event_causes WHERE ${ofBus} AND sequence < ?`, name, below);
    const { changes } = this.#run(
      `DELETE FROM events WHERE (bus, sequence) IN (SELECT bus, sequence FROM events
       WHERE bus = (SELECT id FROM follows WHERE name = ?) AND sequence < ? ORDER BY sequence LIMIT ?)`,
      name,
      below,
      forgetStep,
    );
    return Number(changes) >= forgetStep;
  }

  #forgetAll(name: string): void {
    if (name === ledgerName) {
      this.#db.exec("DELETE FROM causes; DELETE FROM names; DELETE FROM records;");
      return;
    }
    for (const table of ["events", "event_causes"])
      this.#run(`DELETE FROM ${table} WHERE bus = (SELECT id FROM follows WHERE name = ?)`, name);
  }

  #entry(id: string): HistoryEntry | undefined {
    const record = this.record(id);
    if (record) return { kind: "record", record };
    const event = this.event(id);
    return event && this.#eventEntry(event);
  }

  #eventEntry(event: EventHead): HistoryEntry {
    const causes = this.#causesOfEvent(event.id);
    return { kind: "event", event, ...(causes.length > 0 && { causes }) };
  }

  /** What decisions of Applications name the effect by. Earlier attempts have none: what followed, followed the last. */
  #keyOf(record: LedgerRecord | undefined): string | undefined {
    if (!isNamedByKey(record)) return undefined;
    return this.#newestNamed(keyName(record.key))?.id === record.id ? record.key : undefined;
  }

  /** One commit after the other, the newest sync of each: a commit may have very many, a prefix hardly two commits. */
  #syncOf(reference: string): LedgerRecord | undefined {
    const prefix = commitPrefix(reference);
    if (prefix === undefined) return undefined;
    const end = `${prefix}g`; // after every hexadecimal digit
    return this.#bodies(
      `WHERE place = (WITH RECURSIVE commits (name) AS (
         SELECT min(name) FROM names WHERE name >= ? AND name < ?
         UNION ALL SELECT (SELECT min(name) FROM names WHERE name > commits.name AND name < ?)
         FROM commits WHERE commits.name IS NOT NULL LIMIT ${maxCommits})
       SELECT max((SELECT max(place) FROM names WHERE names.name = commits.name)) FROM commits)`,
      ...[prefix, end, end],
    )[0];
  }

  #observationOf(reference: string): LedgerRecord | undefined {
    const name = objectReference(reference);
    return name === undefined ? undefined : this.#newestNamed(name);
  }

  #newestNamed(name: string): LedgerRecord | undefined {
    return this.#bodies("WHERE place = (SELECT max(place) FROM names WHERE name = ?)", name)[0];
  }

  #heads(rest: string, ...values: readonly Value[]): EventHead[] {
    const rows = this.#statement(`SELECT ${headColumns} ${rest}`).all(...values) as unknown as StoredHead[];
    return rows.map(({ traceparent, ...head }) => (traceparent === null ? head : { ...head, traceparent }));
  }

  #bodies(rest: string, ...values: readonly Value[]): LedgerRecord[] {
    const rows = this.#statement(`SELECT body FROM records ${rest}`).all(...values);
    return rows.map(({ body }) => JSON.parse(String(body)) as LedgerRecord);
  }

  #get(sql: string, ...values: readonly Value[]): Record<string, unknown> | undefined {
    return this.#statement(sql).get(...values);
  }

  #run(sql: string, ...values: readonly Value[]): { readonly changes: number | bigint } {
    return this.#statement(sql).run(...values);
  }

  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #transaction<T>(work: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK"); // a full disk has ended it already
      throw error;
    }
  }
}

type StoredHead = Omit<EventHead, "traceparent"> & { readonly traceparent: string | null };

interface Unpacked {
  readonly subject: string;
  readonly sequence: number;
  readonly storedAt: number;
  readonly data: Uint8Array;
}

function* unpack({ subjects, numbers, bytes }: PackedBatch): Generator<Unpacked> {
  let offset = 0;
  for (const [index, subject] of subjects.entries()) {
    const [sequence = 0, storedAt = 0, length = 0] = numbers.subarray(index * 3, index * 3 + 3);
    yield { subject, sequence, storedAt, data: bytes.subarray(offset, offset + length) };
    offset += length;
  }
}

function openOrReplace(path: string): DatabaseSync {
  try {
    const db = open(path);
    if (db) return db;
  } catch {
    // Damaged: all of it is in the streams.
  }
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  const db = new DatabaseSync(path);
  configure(db);
  db.exec(schema);
  return db;
}

/** Undefined when it is empty or of another version. */
function open(path: string): DatabaseSync | undefined {
  const db = new DatabaseSync(path);
  try {
    configure(db);
    if (db.prepare("PRAGMA user_version").get()?.user_version === schemaVersion) return db;
  } catch (error) {
    db.close();
    throw error;
  }
  db.close();
  return undefined;
}

/** A power loss may cost rows, which are read again from the streams; the process' own death costs nothing. */
function configure(db: DatabaseSync): void {
  db.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;",
  );
}

function sensorOf(record: StoredRecord): string | null {
  const owner = record.sensor ?? record.application;
  return isJsonObject(owner) && typeof owner.name === "string" ? `${owner.namespace}/${owner.name}` : null;
}

function conditions(wanted: Readonly<Record<string, Value | undefined>>): { where: string; values: Value[] } {
  const used = Object.entries(wanted).flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, value }]));
  const where = used.length === 0 ? "" : `WHERE ${used.map(({ sql }) => sql).join(" AND ")}`;
  return { where, values: used.map(({ value }) => value) };
}

/** One hop from `id`; `record` when it is the id of one. */
type Step = (id: string, record: LedgerRecord | undefined) => readonly HistoryEntry[];

/** Everything reached by `next`, each once, at most `maxEntries`, oldest first; from the record `self`, or the event `id`. */
function walk(id: string, self: LedgerRecord | undefined, next: Step): readonly HistoryEntry[] {
  const start = self?.id ?? id;
  const found = new Map<string, HistoryEntry>();
  const waiting = [start];
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    const known = found.get(one);
    const record = known?.kind === "record" ? known.record : one === start ? self : undefined;
    for (const entry of next(one, record)) {
      const entryId = idOf(entry);
      if (entryId === start || found.has(entryId) || found.size >= maxEntries) continue;
      found.set(entryId, entry);
      waiting.push(entryId);
    }
  }
  return [...found.values()].sort((a, b) => timeOf(a) - timeOf(b));
}

function timeOf(entry: HistoryEntry): number {
  return entry.kind === "event" ? entry.event.storedAt : entry.record.at;
}

/** What a decision kept of an event that the bus has dropped since. */
function headIn(record: LedgerRecord, id: string): HistoryEntry | undefined {
  if (record.kind !== "decision") return undefined;
  const event = Object.values(record.events).find((head) => head.id === id);
  return event && { kind: "event", event };
}
