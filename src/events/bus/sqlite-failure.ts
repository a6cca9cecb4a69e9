import { EngineError, messageOf } from "../../base/errors.ts";
import type { Failure } from "./sqlite-protocol.ts";

/** Result codes of SQLite that mean something to whoever runs the engine; the low byte of `errcode`. */
const meanings: Readonly<Record<number, { readonly what: string; readonly isDamage?: true }>> = {
  5: { what: "is in use by another process: one engine has a data directory" },
  8: { what: "is read-only: make it and its directory writable for this user" },
  10: { what: "cannot be read or written: check the disk, and that the file is writable for this user" },
  11: { what: "is damaged: restore a copy, or move it away to begin without its events and records", isDamage: true },
  13: { what: "cannot grow, the disk is full: free some space, and it goes on by itself" },
  14: { what: "cannot be opened: check that its directory is there and writable for this user" },
  26: {
    what: "is no database: restore a copy, or move it away to begin without its events and records",
    isDamage: true,
  },
};

/**
 * An error of the store for those who asked. Damage is STORE_FAILED: trying again cannot help. All else is
 * BUS_UNAVAILABLE, which senders meet by trying again, so that a disk with room again is enough.
 */
export function failureOf(path: string, error: unknown): Failure {
  if (error instanceof EngineError && (error.code === "BUS_STALE" || error.code === "NOT_FOUND")) {
    return { code: error.code, message: error.message };
  }
  const meaning = meanings[codeOf(error)];
  if (!meaning) return { code: "BUS_UNAVAILABLE", message: `the store "${path}": ${messageOf(error)}` };
  const message = `the store "${path}" ${meaning.what} (${messageOf(error)})`;
  return { code: meaning.isDamage ? "STORE_FAILED" : "BUS_UNAVAILABLE", message };
}

function codeOf(error: unknown): number {
  const code = error instanceof Error && "errcode" in error ? error.errcode : 0;
  return typeof code === "number" ? code & 0xff : 0;
}
