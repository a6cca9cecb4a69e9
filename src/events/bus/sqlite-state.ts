import type { DatabaseSync, StatementSync } from "node:sqlite";
import { EngineError } from "../../base/errors.ts";
import type { StateEntry } from "./bus.ts";
import type { ExpiredEntry } from "./sqlite-protocol.ts";

export interface StatePut {
  readonly store: string;
  readonly key: string;
  readonly value: Uint8Array;
  /** -1: whatever there is. */
  readonly expected: number;
  /** 0: for ever. */
  readonly ttlMs: number;
}

/** The small maps in the file of the embedded bus. What expired is not seen any more, and removed by `removeExpired`. */
export class SqliteState {
  readonly #now: () => number;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #nextRevision: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #oldest: StatementSync;
  readonly #expired: StatementSync;

  constructor(db: DatabaseSync, now: () => number) {
    this.#now = now;
    db.exec(
      "CREATE TABLE IF NOT EXISTS state (store TEXT, key TEXT, value BLOB, revision INTEGER, expires_at INTEGER, PRIMARY KEY (store, key)) WITHOUT ROWID;" +
        "CREATE TABLE IF NOT EXISTS revisions (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER);" +
        "INSERT OR IGNORE INTO revisions VALUES (1, 0);",
    );
    const columns = db.prepare("SELECT name FROM pragma_table_info('state')").all();
    if (!columns.some(({ name }) => name === "expires_at")) db.exec("ALTER TABLE state ADD COLUMN expires_at INTEGER");
    db.exec("CREATE INDEX IF NOT EXISTS state_expires ON state (expires_at) WHERE expires_at IS NOT NULL");
    const isThere = "(expires_at IS NULL OR expires_at > ?)";
    this.#get = db.prepare(`SELECT key, value, revision FROM state WHERE store = ? AND key = ? AND ${isThere}`);
    this.#list = db.prepare(
      `SELECT key, value, revision FROM state WHERE store = ?1 AND substr(key, 1, length(?2)) = ?2 AND (expires_at IS NULL OR expires_at > ?3) ORDER BY key`,
    );
    this.#nextRevision = db.prepare("UPDATE revisions SET last = last + 1 RETURNING last");
    this.#put = db.prepare(
      "INSERT OR REPLACE INTO state (store, key, value, revision, expires_at) VALUES (?, ?, ?, ?, ?)",
    );
    this.#delete = db.prepare("DELETE FROM state WHERE store = ? AND key = ?");
    this.#oldest = db.prepare("SELECT min(expires_at) AS at FROM state WHERE expires_at IS NOT NULL");
    this.#expired = db.prepare("SELECT store, key FROM state WHERE expires_at <= ? LIMIT ?");
  }

  get(store: string, key: string): StateEntry | undefined {
    return this.#get.get(store, key, this.#now()) as unknown as StateEntry | undefined;
  }

  entries(store: string, prefix: string): StateEntry[] {
    return this.#list.all(store, prefix, this.#now()) as unknown as StateEntry[];
  }

  put({ store, key, value, expected, ttlMs }: StatePut): number {
    this.#expectRevision(store, key, expected);
    const revision = Number(this.#nextRevision.get()?.last);
    this.#put.run(store, key, value, revision, ttlMs > 0 ? this.#now() + ttlMs : null);
    return revision;
  }

  delete(store: string, key: string, expected: number): void {
    this.#expectRevision(store, key, expected);
    this.#delete.run(store, key);
  }

  #expectRevision(store: string, key: string, expected: number): void {
    if (expected < 0) return;
    const revision = this.get(store, key)?.revision ?? 0;
    if (revision !== expected) {
      throw new EngineError("BUS_STALE", `key "${key}" of ${store} has revision ${revision}, expected ${expected}`);
    }
  }

  hasExpired(): boolean {
    const at = this.#oldest.get()?.at;
    return typeof at === "number" && at <= this.#now();
  }

  /** Removes at most `limit`. */
  removeExpired(limit: number): ExpiredEntry[] {
    const expired = this.#expired.all(this.#now(), limit) as unknown as ExpiredEntry[];
    for (const { store, key } of expired) this.#delete.run(store, key);
    return expired.map(({ store, key }) => ({ store, key }));
  }
}
