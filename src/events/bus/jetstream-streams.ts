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
  | "subjects"
  | "max_age"
  | "max_bytes"
  | "max_msgs"
  | "max_msgs_per_subject"
  | "max_msg_size"
  | "discard"
  | "duplicate_window"
  | "num_replicas"
>;

/** What a stream of ours is and cannot become: no server changes it, or not without losing messages. */
const fixed: Readonly<Partial<StreamConfig>> = {
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  no_ack: false,
  sealed: false,
};

/**
 * Makes the streams that are missing and brings those of ours to what is wanted; a shared one is left as it is.
 * @throws EngineError BUS_STREAM_MISMATCH naming the difference
 */
export async function ensureStreams(jsm: JetStreamManager, specs: readonly StreamSpec[], log: Logger): Promise<void> {
  for (const spec of specs) await ensureStream(jsm, spec, log);
}

async function ensureStream(jsm: JetStreamManager, spec: StreamSpec, log: Logger): Promise<void> {
  const { name } = spec;
  const wanted = wantedConfig(spec);
  const found = await findConfig(jsm, name);
  if (!found) return await addStream(jsm, name, wanted, log);
  if (spec.isShared) return checkShared(found, spec, wanted, log);
  const wrong = differencesOf(found, fixed);
  if (found.mirror) wrong.push(`it is a mirror of "${found.mirror.name}"`);
  if (wrong.length > 0) throw mismatch(name, wrong.join("; "));
  const differences = differencesOf(found, wanted);
  if (differences.length === 0) return;
  try {
    await updateStream(jsm, found, wanted, log);
    log.info("stream updated", { stream: name, changes: differences });
  } catch (error) {
    throw mismatch(name, `${differences.join("; ")} (${messageOf(error)})`, error);
  }
}

async function updateStream(jsm: JetStreamManager, found: StreamConfig, wanted: Wanted, log: Logger): Promise<void> {
  try {
    await jsm.streams.update(found.name, { ...found, ...wanted });
  } catch (error) {
    if (apiErrorCode(error) !== noStorage) throw error;
    log.warn("stream keeps its size limit: the server has less room", { stream: found.name, wanted: wanted.max_bytes });
    await jsm.streams.update(found.name, { ...found, ...wanted, max_bytes: found.max_bytes });
  }
}

/** Others live on it too: changing its limits could drop what they still need. It only has to hold what we publish and read. */
function checkShared(found: StreamConfig, { name, subjects }: StreamSpec, wanted: Wanted, log: Logger): void {
  const missing = subjects.filter((subject) => !found.subjects.some((has) => covers(has, subject)));
  const wrong = missing.map((subject) => `it takes no "${subject}" but ${found.subjects.join(", ")}`);
  wrong.push(...differencesOf(found, { sealed: false, no_ack: false }));
  if (wrong.length > 0) throw mismatch(name, wrong.join("; "));
  const { subjects: _, ...limits } = wanted;
  const differences = differencesOf(found, limits);
  if (differences.length > 0) log.info("shared stream left as it is", { stream: name, differences });
}

/** Whether everything that `subject` (a pattern too) stands for matches `pattern`. */
function covers(pattern: string, subject: string): boolean {
  const has = pattern.split(".");
  const asked = subject.split(".");
  for (const [index, token] of has.entries()) {
    if (token === ">") return asked.length > index;
    const other = asked[index];
    if (other === undefined || other === ">" || (token !== "*" && token !== other)) return false;
  }
  return has.length === asked.length;
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
  if (found.retention !== RetentionPolicy.Limits && !spec.isShared) {
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
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    discard: DiscardPolicy.Old,
    duplicate_window: Math.round(window * 1e6),
    num_replicas: replicas ?? 1,
  };
}

function differencesOf(found: StreamConfig, wanted: Partial<StreamConfig>): string[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const current = found[key as keyof StreamConfig] ?? (value === false ? false : undefined); // older servers leave it out
    const isSame = JSON.stringify(current) === JSON.stringify(value);
    return isSame ? [] : [`${key} is ${JSON.stringify(current)}, wanted ${JSON.stringify(value)}`];
  });
}

function mismatch(name: string, difference: string, cause?: unknown): EngineError {
  return new EngineError("BUS_STREAM_MISMATCH", `stream "${name}": ${difference}`, cause);
}
