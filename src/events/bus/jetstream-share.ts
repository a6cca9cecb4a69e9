import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { sleepFor } from "../../base/clock.ts";
import type { Subject } from "../../record/subject.ts";
import type { Delivery, ShareOptions } from "./bus.ts";
import { Pull, type PulledMessage } from "./jetstream-pull.ts";
import type { ReaderDeps } from "./jetstream-reader.ts";

const ackBytes = Buffer.from("+ACK");
const progressBytes = Buffer.from("+WPI");
/** One caller asks for no more at once, so that others get their part. */
const maxWindow = 500;

/** Messages of one durable consumer, as one of its callers. What it has not handed out when it ends, others get. */
export async function* shareStream(
  deps: ReaderDeps,
  stream: string,
  work: { readonly durable: string; readonly subject: Subject; readonly options: ShareOptions },
  signal: AbortSignal,
): AsyncIterable<readonly Delivery[]> {
  const { connection } = deps;
  const window = Math.min(maxWindow, work.options.maxInFlight);
  let failures = 0;
  while (!signal.aborted) {
    try {
      await ensureDurable(deps, stream, work);
      failures = 0;
      work.options.onReady?.();
      using pull = new Pull({ connection, clock: deps.clock, stream, consumer: work.durable, window });
      try {
        yield* deliveries(connection.nc, pull, signal);
      } finally {
        for (const pulled of pull.take(Number.POSITIVE_INFINITY)) reply(connection.nc, pulled, "-NAK");
      }
    } catch (error) {
      failures++;
      deps.log.debug("bus share detached", { stream, durable: work.durable, error });
      await sleepFor(deps.clock, backoffMs(reconnectBackoff, failures), signal).catch(() => undefined);
    }
  }
}

async function* deliveries(nc: NatsConnection, pull: Pull, signal: AbortSignal): AsyncIterable<readonly Delivery[]> {
  while (!signal.aborted) {
    if (pull.buffered.length === 0) {
      if (pull.isBroken) return;
      await pull.wait(60_000, signal);
      if (signal.aborted) return;
    }
    if (pull.buffered.length > 0) yield pull.take(Number.POSITIVE_INFINITY).map((pulled) => deliveryOf(nc, pulled));
  }
}

async function ensureDurable(
  { connection }: ReaderDeps,
  stream: string,
  work: { readonly durable: string; readonly subject: Subject; readonly options: ShareOptions },
): Promise<void> {
  const { maxInFlight, ackWaitMs, from } = work.options;
  const changeable = { ack_wait: ackWaitMs * 1e6, max_ack_pending: maxInFlight, filter_subject: work.subject };
  const found = await connection.jsm.consumers.info(stream, work.durable).catch(() => undefined);
  if (!found) {
    await connection.jsm.consumers.add(stream, {
      durable_name: work.durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: from === "next" ? DeliverPolicy.New : DeliverPolicy.All,
      ...changeable,
    });
  } else if (
    Object.entries(changeable).some(([key, value]) => found.config[key as keyof typeof changeable] !== value)
  ) {
    await connection.jsm.consumers.update(stream, work.durable, { ...found.config, ...changeable });
  }
}

function deliveryOf(nc: NatsConnection, pulled: PulledMessage): Delivery {
  return {
    subject: pulled.message.subject as Subject,
    sequence: pulled.sequence,
    storedAt: pulled.storedAt,
    data: pulled.message.data,
    attempt: pulled.attempt,
    ack: async () => reply(nc, pulled, ackBytes), // lost with the connection: redelivered, as promised
    nak: async (delayMs) => reply(nc, pulled, `-NAK {"delay": ${Math.round(delayMs * 1e6)}}`),
    progress: () => reply(nc, pulled, progressBytes),
  };
}

function reply(nc: NatsConnection, pulled: PulledMessage, answer: Uint8Array | string): void {
  if (!nc.isClosed()) nc.publish(pulled.message.reply ?? "", answer);
}
