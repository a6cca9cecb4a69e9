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
import { apiErrorCode, busError, type Connection } from "./jetstream-connection.ts";

const streamNotFound = 10059;
/** The server reserves `max_bytes` at once and has not that much disk. */
const noStorage = 10047;
/** The cluster has too few servers for so many copies, or too few of them have the disk. */
const noPeers = 10005;
/** Of a stream of ours on a cluster: one server may be lost. */
const clusterReplicas = 3;

type Server = Pick<Connection, "jsm" | "nc">;

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
 * @returns how many copies there are: of what else is kept there, there shall be as many
 * @throws EngineError BUS_STREAM_MISMATCH naming the difference, BUS_UNAVAILABLE
 */
export async function ensureStreams(server: Server, specs: readonly StreamSpec[], log: Logger): Promise<number> {
  let copies = 1;
  for (const spec of specs) copies = Math.max(copies, await ensureStream(server, spec, log));
  return copies;
}

async function ensureStream(server: Server, spec: StreamSpec, log: Logger): Promise<number> {
  const { name } = spec;
  const found = await findConfig(server.jsm, name);
  const wanted = wantedConfig(spec, server, found);
  if (!found) return await addStream(server.jsm, spec, wanted, log);
  if (spec.isShared) {
    checkShared(found, spec, wanted, log);
    return found.num_replicas;
  }
  const wrong = differencesOf(found, fixed);
  if (found.mirror) wrong.push(`it is a mirror of "${found.mirror.name}"`);
  if (wrong.length > 0) throw mismatch(name, wrong.join("; "));
  const differences = differencesOf(found, wanted);
  if (differences.length === 0) return found.num_replicas;
  const least = { max_bytes: found.max_bytes, num_replicas: spec.replicas ?? found.num_replicas };
  const update = (wish: Wanted) => server.jsm.streams.update(name, { ...found, ...wish });
  const copies = await storeConfig(name, { wanted, least, store: update }, log).catch((error) => {
    throw refusal(name, `${differences.join("; ")} (${messageOf(error)})`, error);
  });
  log.info("stream updated", { stream: name, changes: differences });
  return copies;
}

async function addStream(jsm: JetStreamManager, spec: StreamSpec, wanted: Wanted, log: Logger): Promise<number> {
  const { name, replicas = 1 } = spec;
  const made = { name, storage: StorageType.File, retention: RetentionPolicy.Limits };
  const least = { max_bytes: -1, num_replicas: replicas };
  const add = (wish: Wanted) => jsm.streams.add({ ...made, ...wish });
  return await storeConfig(name, { wanted, least, store: add }, log).catch((error) => {
    throw refusal(name, messageOf(error), error);
  });
}

interface Wish {
  readonly wanted: Wanted;
  /** What will do where the server has not the room, or the cluster not the servers. */
  readonly least: Pick<Wanted, "max_bytes" | "num_replicas">;
  readonly store: (wish: Wanted) => Promise<unknown>;
}

/** The most of what is wanted that the server takes: a size limit is given up before a copy. @returns the copies */
async function storeConfig(name: string, { wanted, least, store }: Wish, log: Logger): Promise<number> {
  const { max_bytes, num_replicas } = least;
  const lesser = [{ max_bytes }, { num_replicas }, least].map((less) => ({ ...wanted, ...less }));
  let wish = wanted;
  for (;;) {
    try {
      await store(wish);
      warnOfLess(name, wanted, wish, log);
      return wish.num_replicas;
    } catch (error) {
      const code = apiErrorCode(error);
      const next = code === noStorage || code === noPeers ? lesser.shift() : undefined;
      if (next === undefined) throw error;
      wish = next;
    }
  }
}

function warnOfLess(stream: string, wanted: Wanted, stored: Wanted, log: Logger): void {
  if (stored.max_bytes !== wanted.max_bytes) {
    log.warn("stream has not its size limit: the server has less room", { stream, wanted: wanted.max_bytes });
  }
  if (stored.num_replicas !== wanted.num_replicas) {
    const copies = stored.num_replicas;
    log.warn("stream has fewer copies than wanted: the cluster has not enough servers", { stream, copies });
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
export async function compareStream(server: Server, spec: StreamSpec): Promise<StreamComparison> {
  const { jsm } = server;
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
  const differences = differencesOf(found, wantedConfig(spec, server, found));
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

/** Where the spec says nothing of copies, those that somebody added are kept. */
function wantedConfig(spec: StreamSpec, { nc }: Pick<Server, "nc">, found: StreamConfig | undefined): Wanted {
  const { maxAgeMs = 0, maxBytes = 0, maxMessages = 0 } = spec;
  const replicas = Math.max(found?.num_replicas ?? 1, nc.info?.cluster === undefined ? 1 : clusterReplicas);
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
    num_replicas: spec.replicas ?? replicas,
  };
}

function differencesOf(found: StreamConfig, wanted: Partial<StreamConfig>): string[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const current = found[key as keyof StreamConfig] ?? (value === false ? false : undefined); // older servers leave it out
    const isSame = JSON.stringify(current) === JSON.stringify(value);
    return isSame ? [] : [`${key} is ${JSON.stringify(current)}, wanted ${JSON.stringify(value)}`];
  });
}

/** A server that does not answer has refused nothing. */
function refusal(name: string, difference: string, error: unknown): EngineError {
  if (apiErrorCode(error) === undefined) return busError(`make or change stream "${name}"`, error);
  return mismatch(name, difference, error);
}

function mismatch(name: string, difference: string, cause?: unknown): EngineError {
  return new EngineError("BUS_STREAM_MISMATCH", `stream "${name}": ${difference}`, cause);
}
