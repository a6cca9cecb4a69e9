import { once } from "node:events";
import type { Consumer, MessagesStream } from "@platformatic/kafka";
import type { KafkaSpec } from "./kafka-spec.ts";
import { rememberedPlace } from "./remembered-place.ts";
import type { SourceContext } from "./source.ts";

type Bytes = Buffer;
type KafkaConsumer = Consumer<Bytes, Bytes, Bytes, Bytes>;
type KafkaStream = MessagesStream<Bytes, Bytes, Bytes, Bytes>;

export interface Positions {
  /** Call it with each message, in the order of its partition, before it is looked at. */
  passed(message: { readonly partition: number; readonly offset: bigint }): void;
}

/** Kafka's words for the first and the next offset of a partition. */
const [earliest, latest] = [-2n, -1n];

/**
 * Before `stream` is read: a group that has no position yet gets one, which is kept at once, so that what comes before its
 * first message is read is there at the next start. From then on it tells what Kafka removed before it was read; `stream`
 * goes on at the first message that is left, as `fallbackMode: "earliest"` says.
 */
export async function openPositions(
  consumer: KafkaConsumer,
  stream: KafkaStream,
  spec: KafkaSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<Positions> {
  await once(stream, "offsets", { signal });
  for (const [partition, offset] of await beginGroup(consumer, spec, context)) {
    stream.offsetsToFetch.set(keyOf(spec.topic, partition), offset);
  }
  return follow(consumer, stream, spec.topic, context);
}

function keyOf(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

/** The position of each partition that had none. */
async function beginGroup(
  consumer: KafkaConsumer,
  { url, topic, consumerGroup }: KafkaSpec,
  context: SourceContext,
): Promise<ReadonlyMap<number, bigint>> {
  const place = rememberedPlace(context, [url, topic, consumer.groupId]);
  const wasHere = (await place.read()) !== undefined;
  // A partition that is new, or whose position Kafka forgot: all that it has came since.
  const timestamp = consumerGroup?.oldest || wasHere ? earliest : latest;
  const starts = (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
  const topics = [{ topic, partitions: [...starts.keys()] }];
  const kept = (await consumer.listCommittedOffsets({ topics })).get(topic) ?? [];
  const begun = [...starts.entries()].filter(([partition]) => (kept[partition] ?? -1n) < 0n);
  if (begun.length > 0) {
    if (wasHere) context.log.warn("Kafka has no position of the group: reading from the first message", { topic });
    const offsets = begun.map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 }));
    await consumer.commit({ offsets });
  }
  if (!wasHere) await place.keep("begun");
  return new Map(begun);
}

function follow(consumer: KafkaConsumer, stream: KafkaStream, topic: string, context: SourceContext): Positions {
  /** By partition, the next offset to be read, and where the stream went on instead. */
  const next = new Map<number, bigint>();
  const jumps = new Map<number, bigint>();
  let isRejoined = true;

  function settle(partition: number, to: bigint): void {
    const from = next.get(partition) ?? to;
    jumps.delete(partition);
    next.set(partition, to);
    if (to > from) {
      const events = Number(to - from);
      const where = `topic "${topic}", partition ${partition}`;
      context.lost(events, `${where}: Kafka removed offsets ${from} to ${to - 1n} before they were read`);
    } else if (to < from) {
      context.log.warn("the partition is shorter than the position in it: reading from its first message", {
        topic,
        partition,
        position: String(from),
      });
    }
  }

  function onOffsets(): void {
    const own = consumer.assignments?.find((one) => one.topic === topic)?.partitions ?? [];
    for (const partition of own) {
      const to = stream.offsetsToFetch.get(keyOf(topic, partition));
      if (to === undefined) continue;
      // Others may have read what was not read here.
      if (isRejoined) next.set(partition, to);
      // What was read ahead of the jump comes first.
      else if (stream.readableLength > 0) jumps.set(partition, to);
      else settle(partition, to);
    }
    isRejoined = false;
  }

  consumer.on("consumer:group:join", () => {
    isRejoined = true;
    jumps.clear();
  });
  stream.on("offsets", onOffsets);
  onOffsets();
  return {
    passed({ partition, offset }) {
      const to = jumps.get(partition);
      if (to !== undefined && offset >= to) settle(partition, to);
      next.set(partition, offset + 1n);
    },
  };
}
