import { randomUUID } from "node:crypto";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { EngineError } from "../../base/errors.ts";
import type { StreamSpec, StreamUsage } from "./bus.ts";
import { IdTable } from "./sqlite-ids.ts";
import type { ExpiredEntry, WorkerStart } from "./sqlite-protocol.ts";
import { SqliteState } from "./sqlite-state.ts";

/** One stream: a table of its own, with what is known of it in memory and written with each transaction. */
interface StreamTable {
  readonly spec: StreamSpec;
  readonly table: string;
  readonly epoch: string;
  last: number;
  first: number;
  bytes: number;
  messages: number;
  hasSubjectIndex: boolean;
  changed: boolean;
  /** Ids within the window, in two generations so that forgetting costs nothing. */
  ids: IdTable;
  olderIds: IdTable;
  idsSince: number;
  readonly insert: StatementSync;
  readonly select: StatementSync;
}

/**
 * Bytes of a page of a new file; one that is there keeps its own. Twice SQLite's default writes messages of 1 to 30 KB
 * with 10 to 15 % less of the processor; four times costs a quarter more for those of 8 to 12 KB, which leave half of each
 * page over.
 */
const pageBytes = 8192;
/** Ids remembered in one generation of a stream; beyond it the oldest are forgotten before their window ends. */
const maxIds = 500_000;

export interface StoredRow {
  readonly sequence: number;
  readonly subject: string;
  readonly storedAt: number;
  readonly data: Uint8Array;
}

/**
 * The file of the embedded bus: SQL and nothing else. Synchronous; lives in the worker. Writes happen between `begin` and
 * `commit`; after `rollback` everything in memory is read again.
 */
export class SqliteStore {
  readonly #db: DatabaseSync;
  readonly #specs: readonly StreamSpec[];
  readonly #now: () => number;
  #streams = new Map<string, StreamTable>();
  readonly state: SqliteState;
  readonly #statements = new Map<string, StatementSync>();

  constructor({ path, streams, maxFileBytes }: WorkerStart, now: () => number) {
    this.#specs = streams;
    this.#now = now;
    this.#db = new DatabaseSync(path);
    this.#db.exec(
      `PRAGMA page_size=${pageBytes}; ` +
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;" +
        "CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, name TEXT UNIQUE, epoch TEXT, last INTEGER, bytes INTEGER, messages INTEGER);",
    );
    if (maxFileBytes !== undefined) {
      const pageSize = Number(this.#db.prepare("PRAGMA page_size").get()?.page_size);
      this.#db.exec(`PRAGMA max_page_count=${Math.max(1, Math.floor(maxFileBytes / pageSize))}`);
    }
    this.state = new SqliteState(this.#db, now);
    this.#load();
  }

  #load(): void {
    this.#streams = new Map(this.#specs.map((spec) => [spec.name, this.#open(spec)]));
  }

  #open(spec: StreamSpec): StreamTable {
    this.#sql("INSERT OR IGNORE INTO streams (name, epoch, last, bytes, messages) VALUES (?, ?, 0, 0, 0)").run(
      spec.name,
      randomUUID(),
    );
    const row = this.#sql("SELECT id, epoch, last, bytes, messages FROM streams WHERE name = ?").get(spec.name) as {
      id: number;
      epoch: string;
      last: number;
      bytes: number;
      messages: number;
    };
    const table = `messages_${row.id}`;
    this.#db.exec(
      `CREATE TABLE IF NOT EXISTS ${table} (sequence INTEGER PRIMARY KEY, subject TEXT, id TEXT, stored_at INTEGER, data BLOB)`,
    );
    const select = this.#db.prepare(
      `SELECT sequence, subject, stored_at AS storedAt, data FROM ${table} WHERE sequence > ? ORDER BY sequence LIMIT ?`,
    );
    const stream: StreamTable = {
      spec,
      table,
      epoch: row.epoch,
      last: row.last,
      first: 0,
      bytes: row.bytes,
      messages: row.messages,
      hasSubjectIndex: false,
      changed: false,
      ids: new IdTable(),
      olderIds: new IdTable(),
      idsSince: this.#now(),
      insert: this.#db.prepare(`INSERT INTO ${table} (sequence, subject, id, stored_at, data) VALUES (?, ?, ?, ?, ?)`),
      select,
    };
    this.#findFirst(stream);
    this.#rememberIds(stream);
    return stream;
  }

  #rememberIds(stream: StreamTable): void {
    const after = this.#now() - stream.spec.dedupeWindowMs;
    const newestFirst = this.#sql(
      `SELECT sequence, id, stored_at AS storedAt FROM ${stream.table} ORDER BY sequence DESC LIMIT ${maxIds}`,
    );
    for (const row of newestFirst.iterate() as Iterable<{ sequence: number; id: string | null; storedAt: number }>) {
      if (row.storedAt < after) break;
      if (row.id !== null) stream.ids.add(row.id, row.sequence);
    }
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  #stream(name: string): StreamTable {
    const stream = this.#streams.get(name);
    if (!stream) throw new EngineError("NOT_FOUND", `the bus has no stream "${name}"`);
    return stream;
  }

  begin(): void {
    this.#db.exec("BEGIN IMMEDIATE");
  }

  commit(): void {
    for (const stream of this.#streams.values()) {
      if (!stream.changed) continue;
      this.#sql("UPDATE streams SET last = ?, bytes = ?, messages = ? WHERE name = ?").run(
        stream.last,
        stream.bytes,
        stream.messages,
        stream.spec.name,
      );
      stream.changed = false;
    }
    this.#db.exec("COMMIT");
  }

  rollback(): void {
    if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    this.#load();
  }

  /** The sequence, negative when the id was there before. */
  publish(streamName: string, subject: string, id: string, data: Uint8Array): number {
    const stream = this.#stream(streamName);
    const now = this.#now();
    const before = this.#sequenceOf(stream, id, now);
    if (before !== undefined) return -before;
    const sequence = this.#insert(stream, subject, id, now, data);
    stream.ids.add(id, sequence);
    return sequence;
  }

  #insert(stream: StreamTable, subject: string, id: string | null, now: number, data: Uint8Array): number {
    const sequence = stream.last + 1;
    stream.insert.run(sequence, subject, id, now, data);
    stream.last = sequence;
    if (stream.messages === 0) stream.first = sequence;
    stream.messages++;
    stream.bytes += data.byteLength;
    stream.changed = true;
    return sequence;
  }

  #sequenceOf(stream: StreamTable, id: string, now: number): number | undefined {
    if (now - stream.idsSince > stream.spec.dedupeWindowMs || stream.ids.size >= maxIds) {
      stream.olderIds = stream.ids;
      stream.ids = new IdTable();
      stream.idsSince = now;
    }
    const select = this.#sql(`SELECT id, stored_at AS storedAt FROM ${stream.table} WHERE sequence = ?`);
    const isOf = (found: number): boolean => (select.get(found)?.id ?? id) === id; // dropped meanwhile: its hash has to do
    const sequence = stream.ids.find(id, isOf) ?? stream.olderIds.find(id, isOf);
    if (sequence === undefined) return undefined;
    const row = select.get(sequence);
    return row && now - Number(row.storedAt) > stream.spec.dedupeWindowMs ? undefined : sequence;
  }

  usage(): readonly StreamUsage[] {
    return [...this.#streams.values()].map(({ spec, table, messages, bytes, last }) => {
      const oldest = this.#edge(table, "ASC");
      const newest = this.#edge(table, "DESC");
      const edges = oldest && newest ? { oldest, newest } : {};
      return { name: spec.name, messages, bytes, last, ...edges, consumers: [] };
    });
  }

  #edge(table: string, order: "ASC" | "DESC"): { sequence: number; storedAt: number } | undefined {
    const sql = `SELECT sequence, stored_at AS storedAt FROM ${table} ORDER BY sequence ${order} LIMIT 1`;
    const row = this.#sql(sql).get() as { sequence: number; storedAt: number } | undefined;
    return row && { ...row };
  }

  append(streamName: string, subject: string, data: Uint8Array, expected: number): number {
    const stream = this.#stream(streamName);
    const last = this.#lastSequence(stream, subject);
    if (last !== expected) {
      throw new EngineError("BUS_STALE", `the last sequence of "${subject}" is ${last}, expected ${expected}`);
    }
    return this.#insert(stream, subject, null, this.#now(), data);
  }

  /** The index by subject is made when first needed: on a stream of many subjects it would cost half the publish rate. */
  #lastSequence(stream: StreamTable, subject: string): number {
    if (!stream.hasSubjectIndex) {
      this.#db.exec(`CREATE INDEX IF NOT EXISTS ${stream.table}_subject ON ${stream.table} (subject, sequence)`);
      stream.hasSubjectIndex = true;
    }
    const row = this.#sql(`SELECT max(sequence) AS last FROM ${stream.table} WHERE subject = ?`).get(subject);
    return Number(row?.last ?? 0);
  }

  last(streamName: string, subject: string): StoredRow | undefined {
    const stream = this.#stream(streamName);
    const sequence = this.#lastSequence(stream, subject);
    return sequence === 0 ? undefined : (stream.select.get(sequence - 1, 1) as unknown as StoredRow);
  }

  purge(streamName: string, subject: string, before: number): void {
    const stream = this.#stream(streamName);
    // The index is not made for it: on a full disk this is what makes room.
    const gone = this.#sql(
      `SELECT count(*) AS count, total(length(data)) AS bytes FROM ${stream.table} WHERE subject = ? AND sequence < ?`,
    ).get(subject, before);
    this.#sql(`DELETE FROM ${stream.table} WHERE subject = ? AND sequence < ?`).run(subject, before);
    this.#dropped(stream, Number(gone?.count), Number(gone?.bytes));
  }

  #dropped(stream: StreamTable, messages: number, bytes: number): void {
    stream.messages -= messages;
    stream.bytes -= bytes;
    stream.changed = true;
    this.#findFirst(stream);
  }

  #findFirst(stream: StreamTable): void {
    const row = this.#sql(`SELECT min(sequence) AS first FROM ${stream.table}`).get();
    stream.first = Number(row?.first ?? stream.last + 1);
  }

  /** Deletes at most `limit` messages of each stream beyond its limits, and as much state that expired. */
  retain(limit: number): { readonly more: boolean; readonly expired: readonly ExpiredEntry[] } {
    const expired = this.state.removeExpired(limit);
    let more = expired.length === limit;
    for (const stream of this.#streams.values()) more = this.#retainStream(stream, limit) || more;
    return { more, expired };
  }

  /** Whether `retain` would have something to do. */
  hasExcess(): boolean {
    if (this.state.hasExpired()) return true;
    return [...this.#streams.values()].some((stream) =>
      this.#isOver(stream, stream.messages, stream.bytes, stream.first),
    );
  }

  #isOver(stream: StreamTable, messages: number, bytes: number, oldest: number): boolean {
    const { maxMessages = 0, maxBytes = 0, maxAgeMs = 0 } = stream.spec;
    if (messages === 0) return false;
    if ((maxMessages > 0 && messages > maxMessages) || (maxBytes > 0 && bytes > maxBytes)) return true;
    if (maxAgeMs <= 0) return false;
    const row = this.#sql(`SELECT stored_at AS storedAt FROM ${stream.table} WHERE sequence = ?`).get(oldest);
    return row !== undefined && Number(row.storedAt) < this.#now() - maxAgeMs;
  }

  #retainStream(stream: StreamTable, limit: number): boolean {
    if (!this.#isOver(stream, stream.messages, stream.bytes, stream.first)) return false;
    const { maxMessages = 0, maxBytes = 0, maxAgeMs = 0 } = stream.spec;
    const oldest = this.#sql(
      `SELECT sequence, stored_at AS storedAt, length(data) AS size FROM ${stream.table} ORDER BY sequence LIMIT ?`,
    ).all(limit) as unknown as { sequence: number; storedAt: number; size: number }[];
    const expired = this.#now() - maxAgeMs;
    let messages = 0;
    let bytes = 0;
    let upTo = 0;
    for (const row of oldest) {
      const isOver =
        (maxMessages > 0 && stream.messages - messages > maxMessages) ||
        (maxBytes > 0 && stream.bytes - bytes > maxBytes) ||
        (maxAgeMs > 0 && row.storedAt < expired);
      if (!isOver) break;
      messages++;
      bytes += row.size;
      upTo = row.sequence;
    }
    this.#sql(`DELETE FROM ${stream.table} WHERE sequence <= ?`).run(upTo);
    this.#dropped(stream, messages, bytes);
    return messages === limit;
  }

  bounds(streamName: string): { readonly epoch: string; readonly first: number; readonly last: number } {
    return this.#stream(streamName);
  }

  /** Halves what is left between the oldest and the newest: there is no index of times, and none is needed. */
  positionAt(streamName: string, atMs: number): { readonly epoch: string; readonly after: number } {
    const { epoch, table, last } = this.#stream(streamName);
    const next = this.#sql(
      `SELECT sequence, stored_at AS storedAt FROM ${table} WHERE sequence > ? ORDER BY sequence LIMIT 1`,
    );
    let after = (this.#edge(table, "ASC")?.sequence ?? last + 1) - 1;
    for (let end = last; after < end; ) {
      const middle = Math.floor((after + end) / 2);
      const row = next.get(middle) as { sequence: number; storedAt: number } | undefined;
      if (row && row.storedAt < atMs) after = row.sequence;
      else end = middle;
    }
    return { epoch, after };
  }

  rows(streamName: string, after: number, limit: number): Iterable<StoredRow> {
    return this.#stream(streamName).select.iterate(after, limit) as unknown as Iterable<StoredRow>;
  }

  checkpoint(): void {
    this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
  }

  close(): void {
    this.#db.close();
  }
}
