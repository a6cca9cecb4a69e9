import { type JetStreamManager, RetentionPolicy } from "@nats-io/jetstream";
import type { ConsumerUsage, StreamUsage } from "./bus.ts";

/** Consumers of one stream that are named; a person reads no more. */
const maxConsumers = 100;

/** What a stream holds, and who reads it; consumers that our own readers make for a while are left out. */
export async function readUsage(jsm: JetStreamManager, name: string): Promise<StreamUsage> {
  const { state, config } = await jsm.streams.info(name);
  const { messages, bytes, first_seq, first_ts, last_seq, last_ts, consumer_count } = state;
  const edges = {
    oldest: { sequence: first_seq, storedAt: Date.parse(String(first_ts)) },
    newest: { sequence: last_seq, storedAt: Date.parse(String(last_ts)) },
  };
  const consumers = consumer_count === 0 ? [] : await readConsumers(jsm, name);
  const { retention } = config;
  const forgets = retention === RetentionPolicy.Limits ? {} : { forgets: retention };
  return { name, messages, bytes, last: last_seq, ...forgets, ...(messages === 0 ? {} : edges), consumers };
}

async function readConsumers(jsm: JetStreamManager, stream: string): Promise<readonly ConsumerUsage[]> {
  const consumers: ConsumerUsage[] = [];
  for await (const { name, config, num_pending, num_ack_pending } of jsm.consumers.list(stream)) {
    if (config.durable_name === undefined) continue;
    consumers.push({ name, pending: num_pending, unacknowledged: num_ack_pending });
    if (consumers.length >= maxConsumers) break;
  }
  return consumers;
}
