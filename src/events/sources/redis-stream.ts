import type { Redis } from "ioredis";
import { requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField, tlsField } from "../../api/value-schemas.ts";
import { messageOf } from "../../base/errors.ts";
import { setOwn } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { eventId, keepEvent, withMetadata } from "./draft.ts";
import { sortedFields } from "./go-map.ts";
import { withRedis } from "./redis-connection.ts";
import { type RememberedPlace, rememberedPlace } from "./remembered-place.ts";
import { commonFields } from "./schemas.ts";
import { placeRule, redisPlaces, requirePlace } from "./server-place.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { tlsRule } from "./source-rules.ts";
import { sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Entries of Redis streams.",
  required: ["hostAddress", "streams"],
  properties: {
    hostAddress: requiredText("host:port of the server."),
    password: secretKeyField("The password."),
    username: textField("The user's name, as it stands."),
    db: { type: "integer", format: "int32", default: 0, description: "Number of the database." },
    streams: textList("The streams; they must be there."),
    maxMsgCountPerRead: {
      type: "integer",
      format: "int32",
      default: 10,
      description: "How many entries of each stream are read at once.",
    },
    consumerGroup: { ...textField("The group that keeps the position."), default: "argo-events-cg" },
    tls: tlsField("TLS towards the server."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

type RedisStreamSpec = SpecOf<typeof json>;

export const redisStreamSource: SourceKind<RedisStreamSpec> = {
  eventType: "redisStream",
  singleton: true,
  schema: sourceSchema<RedisStreamSpec>(json, tlsRule, placeRule("hostAddress", redisPlaces)),
  async run(spec, context, signal) {
    requirePlace(spec.hostAddress, ["redisStream", "hostAddress"], redisPlaces, context);
    await withRedis(spec, context, signal, async (redis) => {
      // What is not kept when the connection ends comes again on the next one: here it must not go on trying.
      const gone = new AbortController();
      redis.once("end", () => gone.abort());
      const reading = AbortSignal.any([signal, gone.signal]);
      const { hostAddress, db, consumerGroup, streams } = spec;
      const placeOf = (stream: string) => rememberedPlace(context, [hostAddress, db, consumerGroup, stream]);
      const places = new Map(streams.map((stream) => [stream, placeOf(stream)]));
      for (const [stream, place] of places) await openGroup(redis, stream, consumerGroup, place, context);
      context.ready();
      // What was given out and not acknowledged comes first: by us before a restart, it may not be stored.
      await readAll(redis, { spec, places, from: "0-0" }, context, reading);
      await readAll(redis, { spec, places, from: ">" }, context, reading);
    });
  },
};

const consumer = "argo-events-worker";
const blockMs = 2_000;

/**
 * Makes the group where it is not there: at the end of a stream that was never read. Where it was there before, the stream
 * or the server was wiped, and it begins where it was; likewise at the first entry of a stream that was looked for before
 * there was one.
 */
async function openGroup(
  redis: Redis,
  stream: string,
  group: string,
  place: RememberedPlace,
  context: SourceContext,
): Promise<void> {
  const known = await place.read();
  try {
    await redis.xgroup("CREATE", stream, group, known ?? "$");
  } catch (error) {
    const message = messageOf(error);
    if (message.startsWith("BUSYGROUP")) return; // it is there
    if (!message.includes("requires the key to exist")) throw error;
    if (known === undefined) await place.keep(firstId);
    throw new Error(`stream "${stream}" is not there; once it is, it is read from its first entry`);
  }
  const last = await lastIdOf(redis, stream);
  if (known === undefined) return last === undefined ? undefined : place.keep(last);
  if (known === firstId) return;
  const isNew = last !== undefined && isBefore(last, known);
  if (isNew) await redis.xgroup("SETID", stream, group, firstId);
  context.log.warn("the consumer group was gone: reading on", { stream, after: isNew ? firstId : known });
}

const firstId = "0-0";

/** Undefined where it may not be asked for. */
async function lastIdOf(redis: Redis, stream: string): Promise<string | undefined> {
  const facts = await redis.xinfo("STREAM", stream).catch(() => []);
  const at = Array.isArray(facts) ? facts.indexOf("last-generated-id") : -1;
  return at < 0 ? undefined : String((facts as readonly unknown[])[at + 1]);
}

/** Ids are two numbers of 64 bits. */
function isBefore(id: string, other: string): boolean {
  const [ms = 0n, count = 0n] = id.split("-").map(BigInt);
  const [otherMs = 0n, otherCount = 0n] = other.split("-").map(BigInt);
  return ms === otherMs ? count < otherCount : ms < otherMs;
}

type Entry = readonly [id: string, fields: readonly string[] | null];
type Reply = readonly (readonly [stream: string, entries: readonly Entry[]])[];

interface Reading {
  readonly spec: RedisStreamSpec;
  readonly places: ReadonlyMap<string, RememberedPlace>;
  readonly from: "0-0" | ">";
}

/** From `0-0`: until nothing is left that waits for an acknowledgement. From `>`: until `signal` aborts. */
async function readAll(
  redis: Redis,
  { spec, places, from }: Reading,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const { consumerGroup, maxMsgCountPerRead, streams } = spec;
  const count = Math.max(1, maxMsgCountPerRead);
  const ids = streams.map(() => from);
  const isNew = from === ">";
  while (!signal.aborted) {
    const options = ["GROUP", consumerGroup, consumer, "COUNT", count, "BLOCK", blockMs, "STREAMS"];
    const reply = (await redis.call("XREADGROUP", ...options, ...streams, ...ids)) as Reply | null;
    const found = (reply ?? []).filter(([, entries]) => entries.length > 0);
    for (const [stream, entries] of found) {
      await Promise.all(entries.map((entry) => keepEntry(spec, stream, entry, context, signal)));
      const done = entries.map(([id]) => id);
      await redis.xack(stream, consumerGroup, ...done);
      if (isNew) await places.get(stream)?.note(() => done.at(-1) ?? firstId);
    }
    if (found.length > 0) continue;
    if (!isNew) return;
    for (const place of places.values()) await place.flush();
  }
}

async function keepEntry(
  spec: RedisStreamSpec,
  stream: string,
  [id, fields]: Entry,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  if (fields === null) return; // removed from the stream since
  const values: Record<string, string> = {};
  for (let index = 0; index + 1 < fields.length; index += 2)
    setOwn(values, fields[index] ?? "", fields[index + 1] ?? "");
  const data = withMetadata({ stream, message_id: id, values: sortedFields(values) }, spec);
  await keepEvent({ id: eventId(context, `${stream}/${id}`), data }, context, signal);
}
