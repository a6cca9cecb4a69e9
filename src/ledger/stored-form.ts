import { EngineError, TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";

/** The version of the form that this program writes. */
const version = 1;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A record as stored; `kind` may be one that this version does not know. */
export interface StoredRecord extends JsonObject {
  readonly id: string;
  readonly kind: string;
  readonly at: number;
  readonly causes: readonly string[];
}

/** Bytes that the form needs beside the records and the commas between them. */
export const envelopeBytes = 24;

const head = `{"v":${version},"records":[`;
const tail = "]}";

/**
 * One message of the ledger: `{"v":1,"records":[…]}`. `texts` are together the records' JSON with commas between them, in
 * any pieces: they are written where they belong, without a text of all. `bytes`: of all pieces.
 */
export function encodeRecords(texts: readonly string[], bytes = bytesOf(texts)): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(head.length + bytes + tail.length); // its memory is its own
  let at = buffer.write(head);
  for (const text of texts) at += buffer.write(text, at);
  buffer.write(tail, at);
  return buffer;
}

function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/**
 * The records of one message. Kinds that this version does not know are kept.
 * @throws TerminalError RECORD_TOO_NEW, EngineError STORE_FAILED when it is not a message of a ledger.
 */
export function decodeRecords(bytes: Uint8Array): readonly StoredRecord[] {
  const message = parse(bytes);
  if (!isJsonObject(message) || typeof message.v !== "number") throw notALedgerMessage();
  if (message.v > version) {
    throw new TerminalError("RECORD_TOO_NEW", `the ledger holds version ${message.v}, this program reads ${version}`);
  }
  if (!Array.isArray(message.records) || !message.records.every(isStoredRecord)) throw notALedgerMessage();
  return message.records;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw notALedgerMessage(error);
  }
}

function isStoredRecord(value: unknown): value is StoredRecord {
  return (
    isJsonObject(value) &&
    typeof value.id === "string" &&
    typeof value.kind === "string" &&
    typeof value.at === "number" &&
    Array.isArray(value.causes)
  );
}

function notALedgerMessage(cause?: unknown): EngineError {
  return new EngineError("STORE_FAILED", 'a message of the ledger is not {"v": …, "records": […]}', cause);
}
