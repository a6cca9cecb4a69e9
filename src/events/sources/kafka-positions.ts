import { once } from "node:events";
import type { Consumer, MessagesStream } from "@platformatic/kafka";
import type { KafkaSpec } from "./kafka-spec.ts";
import { rememberedPlace } from "./remembered-place.ts";
import type { SourceContext } from "./source.ts";

type Bytes = Buffer;
type KafkaConsumer = Consumer<Bytes, Bytes, Bytes, Bytes>;
type KafkaStream = MessagesStream<Bytes, Bytes, Bytes, Bytes>;

export interface Positions {
  /**
   * Ends the ids of messages. Empty, unless the topic was deleted and made again since the source first saw it: its offsets
   * then begin at 0 once more, and a new message would be taken for an old one.
   */
  readonly mark: string;
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
  const { topic } = spec;
  const id = (await consumer.metadata({ topics: [topic] })).topics.get(topic)?.id ?? "";
  const { begun, mark } = await beginGroup(consumer, id, spec, context);
  for (const [partition, offset] of begun) stream.offsetsToFetch.set(keyOf(topic, partition), offset);
  consumer.on("client:metadata", ({ topics }) => {
    const now = topics.get(topic)?.id;
    // Its positions are those of another one.
    if (now !== undefined && now !== id) stream.destroy(new Error(`topic "${topic}" was deleted and made again`));
  });
  return { mark, ...follow(consumer, stream, topic, context) };
}

function keyOf(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}

interface Begun {
  /** The position of each partition that had none, or one in a topic that is gone. */
  readonly begun: ReadonlyMap<number, bigint>;
  readonly mark: string;
}

/** `id`: the topic's; servers before Kafka 2.8 have none, and then it is its name. */
async function beginGroup(
  consumer: KafkaConsumer,
  id: string,
  { url, topic, consumerGroup }: KafkaSpec,
  context: SourceContext,
): Promise<Begun> {
  const place = rememberedPlace(context, [url, topic, consumer.groupId]);
  const before = readKnown(await place.read());
  const wasHere = before !== undefined;
  const isAnew = before?.current !== undefined && before.current !== id;
  // A partition that is new, or whose position Kafka forgot: all that it has came since.
  const timestamp = consumerGroup?.oldest || wasHere ? earliest : latest;
  const starts = (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
  const topics = [{ topic, partitions: [...starts.keys()] }];
  const kept = (await consumer.listCommittedOffsets({ topics })).get(topic) ?? [];
  // Of a topic made anew the last words of who read the old one may have come after Kafka forgot its positions.
  const begun = [...starts.entries()].filter(([partition]) => isAnew || (kept[partition] ?? -1n) < 0n);
  if (begun.length > 0) {
    if (isAnew)
      context.lost(0, `topic "${topic}" was deleted and made again: what was not read of the old one is gone`);
    else if (wasHere) {
      context.log.warn("Kafka has no position of the group: reading from the first message", { topic });
    }
    const offsets = begun.map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 }));
    await consumer.commit({ offsets });
  }
  const first = before?.first ?? id;
  if (before?.current !== id) await place.keep(`begun ${first} ${id}`);
  return { begun: new Map(begun), mark: id === first ? "" : `:${id}` };
}

/** The ids of the topic as it was first seen and last seen; earlier versions kept none. */
function readKnown(place: string | undefined): { readonly first?: string; readonly current?: string } | undefined {
  if (place === undefined) return undefined;
  const [, first, current] = place.split(" ");
  return first && current ? { first, current } : {};
}

function follow(
  consumer: KafkaConsumer,
  stream: KafkaStream,
  topic: string,
  context: SourceContext,
): Omit<Positions, "mark"> {
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
