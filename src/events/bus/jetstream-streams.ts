import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { StreamSpec } from "./bus.ts";
import { apiErrorCode, busError } from "./jetstream-connection.ts";

const streamNotFound = 10059;
/** The server reserves `max_bytes` at once and has not that much disk. */
const noStorage = 10047;

type Wanted = Pick<
  StreamConfig,
  "subjects" | "max_age" | "max_bytes" | "max_msgs" | "duplicate_window" | "num_replicas"
>;

/**
 * Makes the streams that are missing and brings the limits of the others to what is wanted.
 * @throws EngineError BUS_STREAM_MISMATCH naming the difference
 */
export async function ensureStreams(jsm: JetStreamManager, specs: readonly StreamSpec[], log: Logger): Promise<void> {
  for (const spec of specs) await ensureStream(jsm, spec, log);
}

async function ensureStream(jsm: JetStreamManager, spec: StreamSpec, log: Logger): Promise<void> {
  const wanted = wantedConfig(spec);
  const found = await findConfig(jsm, spec.name);
  if (!found) return await addStream(jsm, spec.name, wanted, log);
  if (found.storage !== StorageType.File) {
    throw mismatch(spec.name, `storage is ${found.storage}, wanted file`);
  }
  const differences = differencesOf(found, wanted);
  if (differences.length === 0) return;
  try {
    await jsm.streams.update(spec.name, { ...found, ...wanted });
    log.info("stream updated", { stream: spec.name, changes: differences });
  } catch (error) {
    if (apiErrorCode(error) === noStorage) return log.warn("stream keeps its size limit", { stream: spec.name, error });
    throw mismatch(spec.name, `${differences.join("; ")} (${messageOf(error)})`, error);
  }
}

export type StreamComparison =
  | { readonly state: "missing" }
  /** Another stream holds some of its subjects: it cannot be made. */
  | { readonly state: "taken"; readonly by: readonly string[] }
  | { readonly state: "same" }
  /** `ensureStreams` changes it, if the server lets it. */
  | { readonly state: "differs"; readonly differences: readonly string[] }
  /** Nothing can change it to what is wanted. */
  | { readonly state: "unusable"; readonly reason: string };

/** What `ensureStreams` would do. Reads only. @throws EngineError BUS_UNAVAILABLE */
export async function compareStream(jsm: JetStreamManager, spec: StreamSpec): Promise<StreamComparison> {
  const found = await findConfig(jsm, spec.name);
  if (!found) {
    const holders = await Promise.all(spec.subjects.map((subject) => jsm.streams.names(subject).next()));
    const by = [...new Set(holders.flat())];
    return by.length === 0 ? { state: "missing" } : { state: "taken", by };
  }
  if (found.storage !== StorageType.File) {
    return { state: "unusable", reason: `storage is ${found.storage}, wanted file` };
  }
  if (found.retention !== RetentionPolicy.Limits) {
    return { state: "unusable", reason: `retention is ${found.retention}, wanted limits` };
  }
  const differences = differencesOf(found, wantedConfig(spec));
  return differences.length === 0 ? { state: "same" } : { state: "differs", differences };
}

async function findConfig(jsm: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (error) {
    if (apiErrorCode(error) === streamNotFound) return undefined;
    throw busError(`read stream "${name}"`, error);
  }
}

async function addStream(jsm: JetStreamManager, name: string, wanted: Wanted, log: Logger): Promise<void> {
  const config = {
    name,
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    ...wanted,
  };
  try {
    await jsm.streams.add(config);
  } catch (error) {
    if (apiErrorCode(error) !== noStorage) throw mismatch(name, messageOf(error), error);
    log.warn("stream made without its size limit: the server has less room", {
      stream: name,
      maxBytes: wanted.max_bytes,
    });
    await jsm.streams.add({ ...config, max_bytes: -1 });
  }
}

function wantedConfig(spec: StreamSpec): Wanted {
  const { maxAgeMs = 0, maxBytes = 0, maxMessages = 0, replicas } = spec;
  const window = maxAgeMs > 0 ? Math.min(spec.dedupeWindowMs, maxAgeMs) : spec.dedupeWindowMs;
  return {
    subjects: [...spec.subjects],
    max_age: Math.round(maxAgeMs * 1e6),
    max_bytes: maxBytes > 0 ? maxBytes : -1,
    max_msgs: maxMessages > 0 ? maxMessages : -1,
    duplicate_window: Math.round(window * 1e6),
    num_replicas: replicas ?? 1,
  };
}

function differencesOf(found: StreamConfig, wanted: Wanted): string[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const current = found[key as keyof Wanted];
    const isSame = JSON.stringify(current) === JSON.stringify(value);
    return isSame ? [] : [`${key} is ${JSON.stringify(current)}, wanted ${JSON.stringify(value)}`];
  });
}

function mismatch(name: string, difference: string, cause?: unknown): EngineError {
  return new EngineError("BUS_STREAM_MISMATCH", `stream "${name}": ${difference}`, cause);
}
