import { DatabaseSync, type StatementSync } from "node:sqlite";
import { EngineError, TerminalError } from "../base/errors.ts";
import type { KubeObject } from "../objects/object.ts";

/** What a write did to one object, in order of `revision`. Objects are shared: nobody changes them. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly object: KubeObject;
  /** `object` as JSON. */
  readonly text: string;
  readonly previous?: KubeObject;
  /** The text of before the change; undefined for an object that was not there. */
  readonly previousText?: string | undefined;
}

export interface StoredObject {
  readonly namespace: string;
  readonly name: string;
  readonly text: string;
}

export interface ListRange {
  /** Undefined: all. */
  readonly namespace?: string | undefined;
  readonly after?: { readonly namespace: string; readonly name: string } | undefined;
  readonly limit: number;
}

const namespacesResource = "/namespaces";
const maxNamespaces = 1_000;
const schemaVersion = 2;
/** Who is owned by whom, by the uid of the owner: follows from `ownerReferences`. */
const owners = `
  CREATE TABLE owners (
    uid TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (uid, resource, namespace, name)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX owners_of ON owners (resource, namespace, name);
  PRAGMA user_version = ${schemaVersion};
`;
/** To version 2. */
const fillOwners = `
  INSERT OR IGNORE INTO owners SELECT json_extract(reference.value, '$.uid'), resource, namespace, name
    FROM objects, json_each(objects.json, '$.metadata.ownerReferences') AS reference
    WHERE json_extract(reference.value, '$.uid') IS NOT NULL;
`;
const schema = `
  CREATE TABLE objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
  INSERT INTO counter (id, revision) VALUES (1, 1);
`;

/**
 * Objects in one SQLite file, all SQL of this folder. Writes of one turn of the event loop, of a few where many write,
 * share a transaction (group commit): each runs at once, in a savepoint of its own, and its promise resolves after the fsync. Reads see writes that
 * are not committed yet, so whoever answers from a read awaits `settled` first.
 */
export class ObjectStore implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof sql, StatementSync>>;
  readonly #gatherMs: number;
  readonly #onCommit: (changes: readonly Change[]) => void;
  #revision: number;
  #committedRevision: number;
  #pending: Change[] = [];
  #commit: Promise<void> | undefined;
  /** Told of each text before it is replaced or removed; the write may still be undone. */
  onReplace: (object: { resource: string; namespace: string; name: string }, text: string) => void = () => undefined;
  /** Texts of namespaces that were read: each write asks for its own. */
  readonly #namespaces = new Map<string, string | undefined>();

  /**
   * `onCommit` is told the changes of each transaction after its fsync, before the writers. `gatherMs`: how long a
   * transaction waits for more while each turn of the event loop brings some. @throws TerminalError
   */
  constructor(path: string, onCommit: (changes: readonly Change[]) => void, gatherMs = 4) {
    this.#onCommit = onCommit;
    this.#gatherMs = gatherMs;
    this.#db = openDatabase(path);
    const prepared = Object.entries(sql).map(([name, text]) => [name, this.#db.prepare(text)]);
    this.#statements = Object.fromEntries(prepared);
    this.#revision = Number(this.#statements.readRevision.get()?.revision);
    this.#committedRevision = this.#revision;
  }

  /** The revision of the newest change that is committed. */
  get revision(): number {
    return this.#committedRevision;
  }

  /** Resolves when nothing that was written before is uncommitted. Never rejects. */
  async settled(): Promise<void> {
    await this.#commit?.catch(() => undefined);
  }

  read(resource: string, namespace: string, name: string): string | undefined {
    if (resource !== namespacesResource) return this.#readRow(resource, namespace, name);
    if (!this.#namespaces.has(name)) {
      if (this.#namespaces.size >= maxNamespaces) this.#namespaces.clear();
      this.#namespaces.set(name, this.#readRow(resource, namespace, name));
    }
    return this.#namespaces.get(name);
  }

  #readRow(resource: string, namespace: string, name: string): string | undefined {
    const row = this.#statements.readObject.get(resource, namespace, name);
    return row === undefined ? undefined : String(row.json);
  }

  /** In order of namespace and name, at most `range.limit`. */
  list(resource: string, range: ListRange): StoredObject[] {
    const after = range.after ?? { namespace: "", name: "" };
    const rows =
      range.namespace === undefined
        ? this.#statements.listAll.all(resource, after.namespace, after.name, range.limit)
        : this.#statements.listNamespace.all(resource, range.namespace, after.name, range.limit);
    return rows.map((row) => ({ namespace: String(row.namespace), name: String(row.name), text: String(row.json) }));
  }

  /** Everything in a namespace, of every resource. */
  listContent(namespace: string): (StoredObject & { readonly resource: string })[] {
    return this.#statements.listContent.all(namespace).map((row) => ({
      resource: String(row.resource),
      namespace,
      name: String(row.name),
      text: String(row.json),
    }));
  }

  /** Everything that names the uid in its `ownerReferences`. */
  listOwned(uid: string): (StoredObject & { readonly resource: string })[] {
    return this.#statements.listOwned.all(uid).map((row) => ({
      resource: String(row.resource),
      namespace: String(row.namespace),
      name: String(row.name),
      text: String(row.json),
    }));
  }

  /** How many of one resource there are. */
  count(resource: string, namespace: string | undefined): number {
    const row =
      namespace === undefined
        ? this.#statements.countAll.get(resource)
        : this.#statements.countNamespace.get(resource, namespace);
    return Number(row?.count);
  }

  hasContent(namespace: string): boolean {
    return this.#statements.hasContent.get(namespace) !== undefined;
  }

  /** Runs `work`, which calls `put` and `remove`, all or nothing. Resolves after the fsync. */
  async write<T>(work: () => T): Promise<T> {
    this.#begin();
    const { length } = this.#pending;
    const revision = this.#revision;
    this.#statements.savepoint.run();
    let result: T;
    try {
      result = work();
    } catch (error) {
      this.#namespaces.clear();
      // SQLite gives up the whole transaction when the disk fails under it, and the savepoint with it.
      if (!this.#db.isTransaction) throw notWritten(error);
      this.#statements.rollbackToSavepoint.run();
      this.#statements.release.run();
      this.#pending.length = length;
      this.#revision = revision;
      throw error;
    }
    this.#statements.release.run();
    await this.#commit;
    return result;
  }

  /** Runs `work`, which reads only, on what is there now. Resolves when what it may have seen is committed. */
  async consider<T>(work: () => T): Promise<T> {
    const result = work();
    await this.settled();
    return result;
  }

  /** Stores what `build` makes for the next revision. Only within `write`. */
  put(
    key: { resource: string; namespace: string; name: string },
    build: (revision: number) => KubeObject,
    previous?: KubeObject,
  ): Change {
    const revision = ++this.#revision;
    const object = build(revision);
    const text = JSON.stringify(object);
    const previousText = previous && this.#readBefore(key);
    this.#statements.putObject.run(key.resource, key.namespace, key.name, text);
    this.#putOwners(key, ownerUids(object), ownerUids(previous));
    const type = previous === undefined ? "ADDED" : "MODIFIED";
    const before = previous === undefined ? {} : { previous, previousText };
    return this.#record({ ...key, type, revision, object, text, ...before });
  }

  /** Only within `write`. */
  remove(
    key: { resource: string; namespace: string; name: string },
    build: (revision: number) => KubeObject,
    previous: KubeObject,
  ): Change {
    const revision = ++this.#revision;
    const object = build(revision);
    const previousText = this.#readBefore(key);
    this.#statements.removeObject.run(key.resource, key.namespace, key.name);
    this.#putOwners(key, [], ownerUids(previous));
    return this.#record({
      ...key,
      type: "DELETED",
      revision,
      object,
      text: JSON.stringify(object),
      previous,
      previousText,
    });
  }

  #readBefore(key: { resource: string; namespace: string; name: string }): string | undefined {
    const text = this.read(key.resource, key.namespace, key.name);
    if (text !== undefined) this.onReplace(key, text);
    return text;
  }

  [Symbol.dispose](): void {
    if (this.#commit !== undefined) this.#finish();
    this.#db.close();
  }

  #putOwners(
    key: { resource: string; namespace: string; name: string },
    uids: readonly string[],
    old: readonly string[],
  ): void {
    if (uids.length === old.length && uids.every((uid) => old.includes(uid))) return;
    this.#statements.removeOwners.run(key.resource, key.namespace, key.name);
    for (const uid of uids) this.#statements.putOwner.run(uid, key.resource, key.namespace, key.name);
  }

  #record(change: Change): Change {
    if (change.resource === namespacesResource) this.#namespaces.delete(change.name);
    this.#pending.push(change);
    return change;
  }

  #begin(): void {
    if (this.#commit !== undefined) {
      this.#requireTransaction();
      return;
    }
    this.#statements.begin.run();
    const latest = performance.now() + this.#gatherMs;
    this.#commit = new Promise((resolve, reject) => {
      const commit = (gathered: number): void => {
        const { length } = this.#pending;
        // Where many write at the same time there is more to come.
        if (this.#commit !== undefined && length > Math.max(gathered, 1) && performance.now() < latest) {
          setImmediate(commit, length);
          return;
        }
        try {
          if (this.#commit !== undefined) this.#finish();
          resolve();
        } catch (error) {
          reject(notWritten(error));
        }
      };
      setImmediate(commit, 0);
    });
    this.#commit.catch(() => undefined);
  }

  /** Outside of one, each statement would be kept by itself, also for those whose write was refused. */
  #requireTransaction(): void {
    if (!this.#db.isTransaction) throw notWritten(new Error("its transaction was given up"));
  }

  #finish(): void {
    const changes = this.#pending;
    this.#pending = [];
    this.#commit = undefined;
    try {
      this.#requireTransaction();
      if (changes.length > 0) this.#statements.writeRevision.run(this.#revision);
      this.#statements.commit.run();
    } catch (error) {
      this.#revision = this.#committedRevision;
      this.#namespaces.clear();
      if (this.#db.isTransaction) this.#statements.rollback.run();
      throw error;
    }
    this.#committedRevision = this.#revision;
    if (changes.length > 0) this.#onCommit(changes);
  }
}

function notWritten(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return new EngineError("STORE_FAILED", "the store of the embedded Kubernetes API could not be written", error);
}

function ownerUids(object: KubeObject | undefined): readonly string[] {
  const references: unknown = object?.metadata.ownerReferences;
  if (!Array.isArray(references)) return [];
  return references.flatMap((reference) => (typeof reference?.uid === "string" ? [reference.uid] : []));
}

const sql = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  savepoint: "SAVEPOINT one",
  rollbackToSavepoint: "ROLLBACK TO one",
  release: "RELEASE one",
  readRevision: "SELECT revision FROM counter",
  writeRevision: "UPDATE counter SET revision = ?",
  readObject: "SELECT json FROM objects WHERE resource = ? AND namespace = ? AND name = ?",
  putObject:
    "INSERT INTO objects (resource, namespace, name, json) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET json = excluded.json",
  removeObject: "DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?",
  listAll:
    "SELECT namespace, name, json FROM objects WHERE resource = ? AND (namespace, name) > (?, ?) ORDER BY namespace, name LIMIT ?",
  listNamespace:
    "SELECT namespace, name, json FROM objects WHERE resource = ? AND namespace = ? AND name > ? ORDER BY name LIMIT ?",
  countAll: "SELECT count(*) AS count FROM objects WHERE resource = ?",
  countNamespace: "SELECT count(*) AS count FROM objects WHERE resource = ? AND namespace = ?",
  listContent: "SELECT resource, name, json FROM objects WHERE namespace = ? ORDER BY resource, name",
  listOwned:
    "SELECT resource, namespace, name, json FROM owners JOIN objects USING (resource, namespace, name) WHERE uid = ? ORDER BY resource, namespace, name",
  putOwner: "INSERT OR IGNORE INTO owners (uid, resource, namespace, name) VALUES (?, ?, ?, ?)",
  removeOwners: "DELETE FROM owners WHERE resource = ? AND namespace = ? AND name = ?",
  hasContent: "SELECT 1 FROM objects WHERE namespace = ? LIMIT 1",
} as const;

function openDatabase(path: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    db.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 1000;",
    );
    const version = Number(db.prepare("PRAGMA user_version").get()?.user_version);
    if (version > schemaVersion) {
      throw new TerminalError(
        "RECORD_TOO_NEW",
        `${path} has version ${version} of the object store; this program knows up to ${schemaVersion}`,
      );
    }
    if (version === 0) db.exec(`BEGIN; ${schema} ${owners} COMMIT;`);
    if (version === 1) db.exec(`BEGIN; ${owners} ${fillOwners} COMMIT;`);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof TerminalError) throw error;
    throw new TerminalError("STORE_FAILED", `cannot open the object store ${JSON.stringify(path)}`, error);
  }
}
