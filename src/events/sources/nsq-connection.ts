import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import type { ClientTls } from "./source.ts";

/** One message of NSQ. */
export interface NsqMessage {
  /** 16 characters of the server's. */
  readonly id: string;
  /** Nanoseconds since 1970. */
  readonly timestamp: bigint;
  readonly body: Buffer;
}

/** A connection to one nsqd that reads one channel (NSQ's TCP protocol specification). */
export interface NsqConnection {
  /** Messages as they come, until the connection ends, which throws. */
  messages(): AsyncIterable<NsqMessage>;
  finish(id: string): void;
  /** Gives a message back at once: of a connection that is gone it comes again after a minute only. */
  giveBack(id: string): void;
  /** Ends once the server says that it sends no more: give back what comes until then. */
  leave(): void;
  close(): void;
}

const connectTimeoutMs = 10_000;
/** The server sends something at least as often; twice as long without anything is a dead connection. */
const heartbeatMs = 3_000;
const leaveMs = 1_000;
const frames = { response: 0, error: 1, message: 2 } as const;
const maxFrameBytes = 64 * 1024 * 1024;

/** `inFlight`: so many messages are sent before one is finished. */
export async function openNsq(
  { host, port, tls }: { readonly host: string; readonly port: number; readonly tls?: ClientTls },
  { topic, channel, inFlight }: { readonly topic: string; readonly channel: string; readonly inFlight: number },
): Promise<NsqConnection> {
  const plain = await connected(connect({ host, port }));
  plain.write("  V2");
  plain.write(command("IDENTIFY", identity(tls !== undefined)));
  let frame = await nextFrame(reader(plain));
  let socket = plain;
  if (tls !== undefined) {
    plain.removeAllListeners();
    socket = connectSecurely({ socket: plain, servername: host, ...tls });
    await once(socket, "secureConnect");
    frame = await nextFrame(reader(socket));
  }
  refuseError(frame);
  const incoming = reader(socket);
  socket.write(command(`SUB ${topic} ${channel}`));
  refuseError(await nextFrame(incoming));
  socket.write(command(`RDY ${inFlight}`));
  return {
    async *messages() {
      for (;;) {
        const { type, data } = await nextFrame(incoming);
        if (type === frames.message) yield messageIn(data);
        else if (type === frames.error) refuseUnlessHarmless(data);
        else if (data.toString() === "_heartbeat_") socket.write(command("NOP"));
        else if (data.toString() === "CLOSE_WAIT") socket.end();
      }
    },
    finish: (id) => void socket.write(command(`FIN ${id}`)),
    giveBack: (id) => void socket.write(command(`REQ ${id} 0`)),
    leave() {
      socket.write(command("CLS"));
      setTimeout(() => socket.destroy(), leaveMs).unref();
    },
    close: () => void socket.destroy(),
  };
}

async function connected(socket: Socket): Promise<Socket> {
  socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error("the connection is silent")));
  await once(socket, "connect");
  socket.setTimeout(2 * heartbeatMs);
  socket.setNoDelay(true);
  return socket;
}

function identity(tls: boolean): Buffer {
  const wanted = {
    client_id: "tiphys",
    hostname: "tiphys",
    feature_negotiation: true,
    heartbeat_interval: heartbeatMs,
    tls_v1: tls,
  };
  return Buffer.from(JSON.stringify(wanted));
}

/** A line, and a body with its size before it. */
function command(line: string, body?: Buffer): Buffer {
  const head = Buffer.from(`${line}\n`);
  if (body === undefined) return head;
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  return Buffer.concat([head, size, body]);
}

interface Frame {
  readonly type: number;
  readonly data: Buffer;
}

/** What comes, in pieces of the size that is asked for. A reader is followed by another one only when all was taken. */
function reader(socket: Socket): (bytes: number) => Promise<Buffer> {
  const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  return async (bytes) => {
    while (rest.length < bytes) {
      const { value, done } = await chunks.next();
      if (done) throw new Error("the connection ended");
      rest = rest.length === 0 ? value : Buffer.concat([rest, value]);
    }
    const taken = rest.subarray(0, bytes);
    rest = rest.subarray(bytes);
    return taken;
  };
}

async function nextFrame(take: (bytes: number) => Promise<Buffer>): Promise<Frame> {
  const size = (await take(4)).readUInt32BE();
  if (size < 4 || size > maxFrameBytes) throw new Error(`a frame of ${size} bytes is none of NSQ's`);
  const frame = await take(size);
  return { type: frame.readUInt32BE(), data: frame.subarray(4) };
}

function refuseError({ type, data }: Frame): void {
  if (type === frames.error) throw new Error(data.toString("utf8").slice(0, 200));
}

/** A message that was finished too late comes again. */
function refuseUnlessHarmless(data: Buffer): void {
  const text = data.toString("utf8");
  if (!/^E_(?:FIN|REQ|TOUCH)_FAILED/.test(text)) throw new Error(text.slice(0, 200));
}

/** Time, attempts, id, body. */
function messageIn(data: Buffer): NsqMessage {
  return { timestamp: data.readBigInt64BE(0), id: data.subarray(10, 26).toString("latin1"), body: data.subarray(26) };
}
