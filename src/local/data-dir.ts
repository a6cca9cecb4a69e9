import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf, TerminalError } from "../base/errors.ts";

/** Where a running engine is reached; written to `endpoints.json` when ready, removed on exit (INTERFACE). */
export interface Endpoints {
  readonly server: string;
  readonly ingress: string;
  /** Absent with `--kubeconfig`. */
  readonly kube?: string;
  readonly git?: string;
  readonly kubeconfig: string;
  /** The path of the file that holds it. */
  readonly token: string;
  readonly pid: number;
  readonly simulated: boolean;
}

/** A data directory that this process owns until disposal. */
export interface DataDir extends Disposable {
  readonly path: string;
  /** The path of one of its files. */
  file(name: string): string;
  /** The API's token, made at the first start. */
  readonly token: string;
  /** Names the directory among engines that share a bus; not secret. */
  readonly engineId: string;
  writeEndpoints(endpoints: Endpoints): void;
}

/**
 * Takes the directory, creating it where it is missing. The lock is an exclusive transaction on `lock.db`: the system
 * frees it when the process dies, however it dies.
 * @throws TerminalError DATA_DIR_LOCKED, DATA_DIR_UNUSABLE
 */
export function openDataDir(dir: string): DataDir {
  const path = resolve(dir);
  const file = (name: string): string => join(path, name);
  makeDir(path);
  const lock = takeLock(file("lock.db"), path);
  try {
    rmSync(file("endpoints.json"), { force: true }); // left by an engine that was killed
    const token = readOrMakeSecret(file("token"));
    return {
      path,
      file,
      token,
      engineId: readOrMakeSecret(file("engine-id")).slice(0, 16),
      writeEndpoints: (endpoints) => replaceFile(file("endpoints.json"), `${JSON.stringify(endpoints, null, 2)}\n`),
      [Symbol.dispose]() {
        rmSync(file("endpoints.json"), { force: true });
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw unusable(path, error);
  }
}

/** Writes a file that only its owner may read, whole or not at all. */
export function replaceFile(path: string, text: string): void {
  rmSync(`${path}.new`, { force: true }); // one that was left keeps its mode
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function makeDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unusable(path, error);
  }
}

function takeLock(lockPath: string, path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(lockPath);
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if (!messageOf(error).includes("locked")) throw unusable(path, error);
    throw new TerminalError(
      "DATA_DIR_LOCKED",
      `another engine runs on the data directory "${path}"${ownerOf(path)}`,
      error,
    );
  }
}

/** The other engine's process, where it says so. */
function ownerOf(path: string): string {
  try {
    const { pid } = JSON.parse(readFileSync(join(path, "endpoints.json"), "utf8")) as Endpoints;
    return ` (pid ${pid})`;
  } catch {
    return ""; // it is starting, or cannot be read: the message is clear without
  }
}

/** The text of a file that only its owner may read, the same at every start; made at the first. */
export function readOrMakeSecret(path: string): string {
  try {
    const secret = readFileSync(path, "utf8").trim();
    if (secret !== "") return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const secret = randomBytes(24).toString("base64url");
  replaceFile(path, `${secret}\n`);
  return secret;
}

function unusable(path: string, error: unknown): TerminalError {
  return new TerminalError("DATA_DIR_UNUSABLE", `data directory "${path}" cannot be used: ${messageOf(error)}`, error);
}
