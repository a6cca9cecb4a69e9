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
import { commonFields } from "./schemas.ts";
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
  schema: sourceSchema<RedisStreamSpec>(json, tlsRule),
  run: (spec, context, signal) =>
    withRedis(spec, context, signal, async (redis) => {
      for (const stream of spec.streams) await createGroup(redis, stream, spec.consumerGroup);
      // What was given out and not acknowledged comes first: by us before a restart, it may not be stored.
      await readAll(redis, spec, "0-0", context, signal);
      context.ready();
      await readAll(redis, spec, ">", context, signal);
    }),
};

const consumer = "argo-events-worker";
const blockMs = 2_000;

async function createGroup(redis: Redis, stream: string, group: string): Promise<void> {
  try {
    await redis.xgroup("CREATE", stream, group, "$");
  } catch (error) {
    if (!messageOf(error).startsWith("BUSYGROUP")) throw error; // it is there
  }
}

type Entry = readonly [id: string, fields: readonly string[] | null];
type Reply = readonly (readonly [stream: string, entries: readonly Entry[]])[];

/** From `0-0`: until nothing is left that waits for an acknowledgement. From `>`: until `signal` aborts. */
async function readAll(
  redis: Redis,
  spec: RedisStreamSpec,
  from: "0-0" | ">",
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const { consumerGroup, maxMsgCountPerRead, streams } = spec;
  const count = Math.max(1, maxMsgCountPerRead);
  const ids = streams.map(() => from);
  while (!signal.aborted) {
    const options = ["GROUP", consumerGroup, consumer, "COUNT", count, "BLOCK", blockMs, "STREAMS"];
    const reply = (await redis.call("XREADGROUP", ...options, ...streams, ...ids)) as Reply | null;
    const found = (reply ?? []).filter(([, entries]) => entries.length > 0);
    if (found.length === 0 && from !== ">") return;
    for (const [stream, entries] of found) {
      await Promise.all(entries.map((entry) => keepEntry(spec, stream, entry, context, signal)));
      await redis.xack(stream, consumerGroup, ...entries.map(([id]) => id));
    }
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
