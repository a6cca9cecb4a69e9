import { createHash, randomUUID } from "node:crypto";
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

/** `of`: whose packets they are. */
export async function openTakenPackets(context: SourceContext, of: readonly unknown[]): Promise<TakenPackets> {
  const place = rememberedPlace(context, ["taken", ...of]);
  /** Hash and event's id, by packet id. */
  const taken = new Map<number, readonly [hash: string, id: string]>(readTaken(await place.read()));

  return {
    idOf({ topic, payload, qos, dup, messageId = 0 }) {
      const id = randomUUID().replaceAll("-", "");
      if (qos === 0) return id;
      const hash = createHash("sha256").update(`${topic}\0`).update(payload).digest("base64url").slice(0, 22);
      const known = taken.get(messageId);
      const own = dup && known?.[0] === hash ? known[1] : id;
      taken.delete(messageId);
      taken.set(messageId, [hash, own]);
      const [oldest] = taken.keys();
      if (taken.size > maxPackets && oldest !== undefined) taken.delete(oldest);
      return own;
    },
    forget: () => taken.clear(),
    async keep(signal) {
      for (let attempt = 1; taken.size > 0; attempt++) {
        try {
          const lines = [...taken].map(([packet, [hash, id]]) => `${packet} ${hash} ${id}`);
          return await place.keep(lines.join("\n"));
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

/** Lines of packet id, hash and event's id. */
function readTaken(text = ""): (readonly [number, readonly [string, string]])[] {
  return text.split("\n").flatMap((line) => {
    const [packet, hash, id] = line.split(" ");
    return packet && hash && id ? [[Number(packet), [hash, id]] as const] : [];
  });
}
