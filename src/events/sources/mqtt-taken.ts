import { hash, randomUUID } from "node:crypto";
import { backoffMs, reconnectBackoff } from "../../base/backoff.ts";
import { sleepFor } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { rememberedPlace } from "./remembered-place.ts";
import type { SourceContext } from "./source.ts";

interface Packet {
  readonly topic: string;
  readonly payload: string | Buffer;
  readonly qos: number;
  readonly dup: boolean;
  readonly messageId?: number | undefined;
}

/**
 * The ids of the packets that were taken last. MQTT uses its own again and again; but one whose acknowledgement did not come
 * through is sent once more on the next connection, with a flag and the id that it had: it is then the same event.
 */
export interface TakenPackets {
  /** The id of its event. */
  idOf(packet: Packet): string;
  /** Of a session that is new: its packets' ids are those of others. */
  forget(): void;
  /** Keeps them for the next connection; while the bus is away until `signal` aborts, since nothing else could be done. */
  keep(signal: AbortSignal): Promise<void>;
}

/** More than brokers send before they wait for acknowledgements. */
const maxPackets = 256;
/** A body of more is kept as its digest from the start. */
const maxCopiedBytes = 1024;

interface Taken {
  readonly packet: number;
  /** Of its event. */
  readonly id: string;
  /** Of topic and body; asked for only where it matters, since digests of all cost a tenth of the source's rate. */
  readonly digest: () => string;
}

/** `of`: whose packets they are. */
export async function openTakenPackets(context: SourceContext, of: readonly unknown[]): Promise<TakenPackets> {
  const place = rememberedPlace(context, ["taken", ...of]);
  /** The newest is before `next`; once all places are taken, the oldest is at it. */
  const ring = readTaken(await place.read());
  let next = ring.length % maxPackets;

  function findNewest(packet: number): Taken | undefined {
    for (let back = 1; back <= ring.length; back++) {
      const taken = ring[(next - back + maxPackets) % maxPackets];
      if (taken?.packet === packet) return taken;
    }
    return undefined;
  }

  return {
    idOf({ topic, payload, qos, dup, messageId: packet = 0 }) {
      const own = randomUUID().replaceAll("-", "");
      if (qos === 0) return own;
      const digest = digestLater(topic, payload);
      const known = dup ? findNewest(packet) : undefined;
      const id = known !== undefined && known.digest() === digest() ? known.id : own;
      ring[next] = { packet, id, digest };
      next = (next + 1) % maxPackets;
      return id;
    },
    forget() {
      ring.length = 0;
      next = 0;
    },
    async keep(signal) {
      for (let attempt = 1; ring.length > 0; attempt++) {
        try {
          const inOrder = [...ring.slice(next), ...ring.slice(0, next)];
          return await place.keep(inOrder.map(({ packet, id, digest }) => `${packet} ${digest()} ${id}`).join("\n"));
        } catch (error) {
          context.log.warn("it is not kept what was taken last, which may come again as another event", { error });
          if (signal.aborted) return;
          context.failing(`the connection ended, and the bus is away: ${messageOf(error)}`);
          await sleepFor(context.clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
        }
      }
    },
  };
}

/** Small bodies are copied: a part of what came over the connection would hold all that came with it. */
function digestLater(topic: string, payload: string | Buffer): () => string {
  if (payload.length > maxCopiedBytes) {
    const digest = digestOf(topic, payload);
    return () => digest;
  }
  const copy = Buffer.from(payload);
  return () => digestOf(topic, copy);
}

function digestOf(topic: string, payload: string | Buffer): string {
  const whole = Buffer.concat([Buffer.from(`${topic}\0`), Buffer.from(payload)]);
  return hash("sha256", whole, "base64url").slice(0, 22);
}

/** Lines of packet id, digest and event's id, the oldest first. */
function readTaken(text = ""): Taken[] {
  return text
    .split("\n")
    .flatMap((line) => {
      const [packet, digest, id] = line.split(" ");
      return packet && digest && id ? [{ packet: Number(packet), id, digest: () => digest }] : [];
    })
    .slice(-maxPackets);
}
